"""Downloads: whole files from where they may come, and nothing from anywhere else."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadUrl, DownloadFailed
from engine.library.addresses import CheckedResolver, Reach
from engine.library.download_folder import PREFIX, download_folder
from engine.library.downloads import CONNECTIONS, Bounds, download
from tests.loopback_files import CONTENT, LoopbackFiles, serve_files

HERE = Reach(("127.0.0.1",), private=True)
BOUNDS = Bounds(2 * len(CONTENT), 60)


@pytest.fixture
async def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackFiles]:
    """The server; downloads are kept under the test's own folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with serve_files() as served:
        yield served


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def refusal(url: str, reach: Reach = HERE, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises((BadUrl, DownloadFailed)) as caught:
        async with download(url, reach, bounds):
            pass
    return str(caught.value)


@pytest.mark.parametrize("path", ["whole", "moved", "breaking", "forgetful"])
async def test_the_whole_file_arrives(files: LoopbackFiles, tmp_path: Path, path: str) -> None:
    """Also by a redirect, and over connections that break."""
    heard: list[tuple[int, int | None]] = []
    url = f"{files.url}/{path}.safetensors"
    async with download(url, HERE, BOUNDS, lambda *told: heard.append(told)) as file:
        assert file.path.read_bytes() == CONTENT
        assert (file.size, file.sha256) == (len(CONTENT), sha256(CONTENT).hexdigest())
        assert file.name == f"{path}.safetensors"
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert left(tmp_path) == [], "nothing is left behind"


async def test_a_rest_is_asked_for_once_each(files: LoopbackFiles) -> None:
    async with download(f"{files.url}/breaking", HERE, BOUNDS):
        pass
    assert len(files.asked) == 3
    assert "Range" not in files.headers[0]
    assert all(headers["Range"].startswith("bytes=") for headers in files.headers[1:])


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("page", "sent a web page instead of a file"),
        ("packed", "sends it packed"),
        ("endless", "sends more than 2 MB"),
        ("circle", "redirects more than 5 times"),
        ("status?code=401", "wants a login"),
        ("status?code=403", "does not give it to us"),
        ("status?code=404", "has no such file"),
        ("status?code=429", "too many requests"),
        ("status?code=500", "answered with status 500"),
    ],
)
async def test_what_is_no_file_is_said(
    files: LoopbackFiles, tmp_path: Path, path: str, sentence: str
) -> None:
    assert sentence in await refusal(f"{files.url}/{path}")
    assert left(tmp_path) == []


async def test_a_server_that_says_nothing_is_left(files: LoopbackFiles, tmp_path: Path) -> None:
    sentence = await refusal(f"{files.url}/silent", bounds=Bounds(1000, 0.3))
    assert "took longer than 0.3 s" in sentence
    assert left(tmp_path) == []


async def test_a_server_that_is_not_there(files: LoopbackFiles) -> None:
    with socket.socket() as nobody:  # who has the port and does not listen
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert "does not answer" in await refusal(f"http://127.0.0.1:{port}/x")


async def test_a_server_that_always_breaks_off_is_given_up(files: LoopbackFiles) -> None:
    assert f"broke off {CONNECTIONS} times" in await refusal(f"{files.url}/stuck")
    assert len(files.asked) == CONNECTIONS


STRICT = Reach(
    tuple(
        "example.com 127.0.0.1 localhost 2130706433 0177.0.0.1 169.254.169.254 ::1 "
        "::ffff:127.0.0.1 ::ffff:7f00:1".split()
    )
)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://example.com/x", "is not an https URL"),
        ("file:///etc/passwd", "is not an https URL"),
        ("https://evil.org/x", "not fetched from evil.org"),
        ("https://example.com.evil.org/x", "not fetched from example.com.evil.org"),
        ("https://notexample.com/x", "not fetched from notexample.com"),
        ("https://me:secret@example.com/x", "holds a user name or password"),
        ("https://127.0.0.1/x", "leads to a private address"),
        ("https://[::1]/x", "leads to a private address"),
        ("https://[::ffff:127.0.0.1]/x", "leads to a private address"),
        ("https://169.254.169.254/latest", "leads to a private address"),
        ("https://localhost/x", "leads to a private address"),
        ("https://2130706433/x", "is not a URL"),
        ("https://0177.0.0.1/x", "is not a URL"),
        ("nonsense", "is not an https URL"),
        ("https://[", "is not a URL"),
    ],
)
async def test_urls_that_lead_inward_or_astray(url: str, sentence: str) -> None:
    said = await refusal(url, STRICT)
    assert sentence in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]",
        "localhost", "127.1", "0.0.0.0", "example.com@127.0.0.1", "127.0.0.1.", "[::]",
    ],
)  # fmt: skip
async def test_no_spelling_of_an_address_connects_inward(host: str) -> None:
    """However the machine itself is written, what listens there hears nothing."""
    heard: list[object] = []
    listener = await asyncio.start_server(lambda _, writer: heard.append(writer), "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        anybody = Reach((host.strip("[]").rsplit("@")[-1], "0.0.0.0", "::", *STRICT.hosts))
        assert await refusal(f"https://{host}:{port}/x.safetensors", anybody)
        await asyncio.sleep(0)
    assert heard == []


async def test_a_redirect_inward_reaches_nothing(files: LoopbackFiles) -> None:
    """The first host is on the list, the one it sends us to is not."""
    outward = Reach(("localhost",), private=True)
    port = files.url.rsplit(":", 1)[1]

    asked = await refusal(f"http://localhost:{port}/inward", outward)
    assert "not fetched from 127.0.0.1" in asked
    assert files.asked == ["/inward"]


async def test_a_name_is_resolved_once_and_connected_to_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that answers otherwise the second time is never asked a second time."""
    loop = asyncio.get_running_loop()
    asked = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        place = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    found = await CheckedResolver(STRICT).resolve("example.com", 443)
    assert [(f["host"], f["flags"]) for f in found] == [("8.8.8.8", socket.AI_NUMERICHOST)]
    with pytest.raises(BadUrl, match="leads to a private address"):
        await CheckedResolver(STRICT).resolve("example.com", 443)


def test_what_a_killed_process_left_goes_with_the_next_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else: neither a download under way nor what a stranger has put there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, link, other = (tmp_path / f"{PREFIX}{name}" for name in ("left", "link", "other"))
    for folder in (left, other):
        folder.mkdir()
        (folder / "file").write_bytes(b"half")
    (left / "alive").touch()
    link.symlink_to(other)
    with download_folder() as first, download_folder():
        assert not left.exists()
        assert (first.exists(), (other / "file").exists()) == (True, True)
    assert {one.name for one in tmp_path.iterdir()} == {link.name, other.name}
