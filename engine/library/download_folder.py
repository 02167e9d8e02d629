"""The folder of one download: gone with it, and where its process was killed, with the next one."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "stylus-download-"
#: Locked as long as the download's process lives.
_ALIVE = "alive"


@contextmanager
def download_folder() -> Iterator[Path]:
    """Yields an empty folder, after removing those that killed processes have left."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_left(left)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        with (folder / "new").open("wb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            (folder / "new").rename(folder / _ALIVE)  # seen by others only once it is locked
            yield folder


def _remove_left(folder: Path) -> None:
    """Removes a folder of ours whose process is gone. Raises `OSError` for all others."""
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
        with (folder / _ALIVE).open("rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
