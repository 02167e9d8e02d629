"""The blob store: images and adapter files, by content, on any fsspec file system."""

import contextlib
import errno
import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import fsspec

from engine.errors import StorageUnavailable
from engine.settings import Settings
from engine.storage.file_cache import FileCache

#: The disk is full, or the user's or the process's share of it.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: Bytes copied at once.
_PIECE = 2**20


class BlobStore:
    """Keys are relative paths made by us, never by people; writing the same key twice is fine."""

    def __init__(self, settings: Settings) -> None:
        url = settings.storage.url or str(settings.home / "blobs")
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._local = isinstance(self._fs, fsspec.implementations.local.LocalFileSystem)
        #: Copies of a remote store's files on this machine.
        self.cache = FileCache(settings.home / "cache", settings.storage.cache_mb * 2**20)

    def put(self, folder: str, content: bytes, suffix: str) -> str:
        """Stores the content and returns its key. Raises `StorageUnavailable`."""
        key = _key(folder, hashlib.sha256(content).hexdigest(), suffix)
        with _mapped(key):
            if not self._fs.exists(self._path(key)):
                self._make_room(key)
                if self._local:
                    self._write(key, io.BytesIO(content))
                else:  # object stores show a file when it is whole
                    self._fs.pipe_file(self._path(key), content)
        return key

    def put_file(self, folder: str, file: Path, suffix: str) -> str:
        """Stores a file, piece by piece, and returns its key. Raises `StorageUnavailable`."""
        with file.open("rb") as content:
            key = _key(folder, hashlib.file_digest(content, "sha256").hexdigest(), suffix)
            with _mapped(key):
                if not self._fs.exists(self._path(key)):
                    self._make_room(key)
                    content.seek(0)
                    if self._local:
                        self._write(key, content)
                    else:
                        self._fs.put_file(str(file), self._path(key))
        return key

    def _make_room(self, key: str) -> None:
        self._fs.makedirs(str(PurePosixPath(self._path(key)).parent), exist_ok=True)

    def _write(self, key: str, content: BinaryIO) -> None:
        """Writes beside the place and moves: nobody ever reads half a file."""
        path = Path(self._path(key))
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            half = Path(file.name)
            try:
                shutil.copyfileobj(content, file, _PIECE)
                file.flush()
                os.fsync(file.fileno())  # our rows say that it is there: also after a power cut
                half.replace(path)
            except BaseException:
                half.unlink(missing_ok=True)
                raise

    def read(self, key: str) -> bytes:
        """Returns a blob's content. Raises `StorageUnavailable`."""
        with _mapped(key):
            content = self._fs.cat_file(self._path(key))
        return bytes(content)

    def remove(self, key: str) -> None:
        """Removes a blob, if it is there. Raises `StorageUnavailable`."""
        with _mapped(key), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

    def save(self, folder: Path) -> None:
        """Copies all blobs into a folder. Raises `StorageUnavailable`."""
        with _mapped(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            if self._fs.exists(self._root):
                self._fs.get(f"{self._root.rstrip('/')}/", f"{folder}/", recursive=True)

    def load(self, folder: Path) -> None:
        """Copies all blobs of such a folder back. Raises `StorageUnavailable`."""
        with _mapped(str(folder)):
            self._fs.makedirs(self._root, exist_ok=True)
            self._fs.put(f"{folder}/", f"{self._root.rstrip('/')}/", recursive=True)

    def file(self, key: str) -> Path:
        """Returns a local file with the blob's content. Raises `StorageUnavailable`."""
        if self._local:
            path = Path(self._path(key))
            if not path.is_file():
                raise StorageUnavailable(f"The file store has no {key}.")
            return path
        with _mapped(key):
            return self.cache.get(key, lambda half: self._fs.get_file(self._path(key), str(half)))

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"


def _key(folder: str, digest: str, suffix: str) -> str:
    return f"{folder}/{digest[:2]}/{digest}{suffix}"


class _mapped:  # noqa: N801  a context manager that reads like a function
    """Turns the file system's errors into `StorageUnavailable`."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise StorageUnavailable(f"The file store has no {self._key}.") from error
        if isinstance(error, OSError):
            full = error.errno in _NO_ROOM
            what = "is full; free some room" if full else "does not answer; run `stylus doctor`"
            raise StorageUnavailable(f"The file store {what}, then try again.") from error
        if _is_theirs(error):
            raise StorageUnavailable(
                "The file store does not answer; run `stylus doctor`, then try again."
            ) from error


def _is_theirs(error: object) -> bool:
    """Whether it is of a kind that an object store's package has made up, which need be no
    `OSError`: botocore's are not, where the server cannot be reached."""
    return isinstance(error, Exception) and type(error).__module__.split(".")[0] not in (
        "builtins",
        "engine",
    )
