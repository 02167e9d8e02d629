"""Local copies of a remote store's files: as many as fit, those used last."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

#: Seconds that a file stays after its last use, whatever the limit: somebody may be reading it.
AT_LEAST = 60.0


class FileCache:
    """A folder that any number of threads and processes of a machine share.

    A file's time of change is the time of its last use.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        #: How often a file was here, and how often not.
        self.hits = 0
        self.misses = 0

    def get(self, key: str, fetch: Callable[[Path], None]) -> Path:
        """Returns the file of that key; `fetch` writes it where it is not here."""
        path = self._folder / key
        try:
            os.utime(path)
            self.hits += 1
        except FileNotFoundError:
            self.misses += 1
            self._add(path, fetch)
        return path

    def _add(self, path: Path, fetch: Callable[[Path], None]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".half", delete=False) as file:
            half = Path(file.name)
        try:
            fetch(half)
            half.replace(path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise
        self._make_room()

    def _make_room(self) -> None:
        """Removes what has been unused for longest, and halves that a killed process left."""
        found = []
        for path in self._folder.rglob("*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process was faster
            if path.is_file():
                found.append((status.st_mtime, status.st_size, path))
        over = sum(size for _, size, _ in found) - self._limit_bytes
        for used, size, path in sorted(found):
            if over <= 0 or time.time() - used < AT_LEAST:
                return
            path.unlink(missing_ok=True)
            over -= size
