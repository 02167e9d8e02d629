"""The blob store: whole files or none."""

import errno
import os
import resource
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from engine.errors import StorageUnavailable
from engine.settings import Settings, Storage
from engine.storage.blobs import BlobStore
from engine.storage.file_cache import AT_LEAST, FileCache

LIMIT = 64 * 1024


class FullFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """A remote store without room."""

    protocol = "full"

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)


def store_at(home: Path, url: str = "") -> BlobStore:
    return BlobStore(Settings(home=home, storage=Storage(url=url)))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def little_room() -> Iterator[None]:
    """The operating system refuses to write files beyond the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("url", ["", "memory://blobs"])
def test_content_comes_back_under_its_hash(tmp_path: Path, url: str) -> None:
    store = store_at(tmp_path, url)
    key = store.put("images", b"content", ".png")
    digest = sha256(b"content").hexdigest()
    assert key == f"images/{digest[:2]}/{digest}.png"
    assert store.read(key) == b"content"
    assert store.file(key).read_bytes() == b"content"
    assert store.put("images", b"content", ".png") == key
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("url", ["", "memory://files"])
def test_a_file_is_stored_as_its_content_is(tmp_path: Path, url: str) -> None:
    store = store_at(tmp_path, url)
    file = tmp_path / "a file"
    file.write_bytes(b"content" * 1000)
    key = store.put_file("adapters", file, ".safetensors")
    assert key == store.put("adapters", file.read_bytes(), ".safetensors")
    assert store.read(key) == file.read_bytes()


def test_a_file_without_room_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(2 * LIMIT))
    store = store_at(tmp_path / "store")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        with pytest.raises(StorageUnavailable, match="is full"):
            store.put_file("adapters", file, ".safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == [file]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, little_room: None) -> None:
    store = store_at(tmp_path)
    with pytest.raises(StorageUnavailable, match="is full; free some room"):
        store.put("images", bytes(2 * LIMIT), ".png")
    assert files(tmp_path) == []
    assert store.read(store.put("images", b"small", ".png")) == b"small"


def test_a_full_store_is_said(tmp_path: Path) -> None:
    fsspec.register_implementation("full", FullFileSystem, clobber=True)
    with pytest.raises(StorageUnavailable, match="is full; free some room, then try again"):
        store_at(tmp_path, "full://blobs").put("images", b"content", ".png")


@pytest.mark.parametrize("url", ["", "memory://none"])
def test_what_is_not_there_is_named(tmp_path: Path, url: str) -> None:
    store = store_at(tmp_path, url)
    for look in (store.read, store.file):
        with pytest.raises(StorageUnavailable, match=r"store has no images/aa/x\.png"):
            look("images/aa/x.png")


def test_a_store_that_cannot_be_written_points_to_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(StorageUnavailable, match="run `stylus doctor`"):
        store_at(tmp_path, str(tmp_path / "taken")).put("images", b"content", ".png")


class Remote:
    """Writes files of ten bytes, and tells which."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    def into(self, cache: FileCache, key: str) -> Path:
        def fetch(half: Path) -> None:
            self.fetched.append(key)
            half.write_bytes(key.encode().ljust(10))

        return cache.get(key, fetch)


def unused(path: Path, seconds: float) -> None:
    """Sets back when a file was used last."""
    before = path.stat().st_mtime - seconds
    os.utime(path, (before, before))


def test_copies_of_remote_files_go_when_they_were_unused_for_longest(tmp_path: Path) -> None:
    cache, remote = FileCache(tmp_path, 30), Remote()
    for age, key in enumerate(("a/new", "a/old", "a/older")):
        unused(remote.into(cache, key), AT_LEAST * (age + 2))
    remote.into(cache, "a/older")  # which is used again
    remote.into(cache, "b/next")
    assert {path.name for path in files(tmp_path)} == {"new", "older", "next"}
    assert remote.into(cache, "a/older").read_bytes() == b"a/older   "
    remote.into(cache, "a/old")
    assert {path.name for path in files(tmp_path)} == {"old", "older", "next"}
    assert remote.fetched == ["a/new", "a/old", "a/older", "b/next", "a/old"]


def test_what_is_in_use_stays_beyond_the_limit(tmp_path: Path) -> None:
    cache, remote = FileCache(tmp_path, 0), Remote()
    kept = [remote.into(cache, key) for key in ("one", "two", "three")]
    assert all(path.is_file() for path in kept)


def test_a_fetch_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken(half: Path) -> None:
        half.write_bytes(b"half")
        raise OSError(errno.ECONNRESET, "Connection reset")

    with pytest.raises(OSError, match="reset"):
        FileCache(tmp_path, 100).get("a/b", broken)
    assert files(tmp_path) == []
