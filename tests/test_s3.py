"""The file store on a real S3 server, through real s3fs: moto's, on this machine."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from engine.errors import StorageUnavailable
from engine.settings import Settings, Storage
from engine.storage.blobs import BlobStore

BUCKET = "stylus-test"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """A server with a bucket, found as a real one is: by the AWS variables."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3", skip_instance_cache=True).makedirs(BUCKET, exist_ok=True)
    yield running
    running.stop()
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def machine(home: Path) -> BlobStore:
    return BlobStore(Settings(home=home, storage=Storage(url=f"s3://{BUCKET}/blobs")))


def test_machines_share_files_through_s3(server: ThreadedMotoServer, tmp_path: Path) -> None:
    engine, renderer = machine(tmp_path / "engine"), machine(tmp_path / "renderer")
    image = engine.put("images", b"an image", ".png")
    assert engine.put("images", b"an image", ".png") == image
    (tmp_path / "star.safetensors").write_bytes(b"weights" * 1000)
    adapter = engine.put_file("adapters", tmp_path / "star.safetensors", ".safetensors")
    assert renderer.read(image) == b"an image"
    assert renderer.file(adapter).read_bytes() == b"weights" * 1000
    assert renderer.file(adapter).is_relative_to(tmp_path / "renderer")
    assert (renderer.cache.hits, renderer.cache.misses) == (1, 1)
    engine.remove(image)
    engine.remove(image)
    with pytest.raises(StorageUnavailable, match=f"The file store has no {image}"):
        renderer.read(image)


def test_a_backup_brings_all_of_it_back(server: ThreadedMotoServer, tmp_path: Path) -> None:
    store = machine(tmp_path / "home")
    keys = [store.put("images", f"image {n}".encode(), ".png") for n in range(3)]
    store.save(tmp_path / "saved")
    for key in keys:
        store.remove(key)
    store.load(tmp_path / "saved")
    assert [store.read(key) for key in keys] == [b"image 0", b"image 1", b"image 2"]


def test_a_server_that_is_gone_is_told_in_one_sentence(
    server: ThreadedMotoServer, tmp_path: Path
) -> None:
    store = machine(tmp_path)
    key = store.put("images", b"an image", ".png")
    server.stop()
    for call in (lambda: store.read(key), lambda: store.put("images", b"another", ".png")):
        with pytest.raises(StorageUnavailable, match="The file store does not answer"):
            call()
