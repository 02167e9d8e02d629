"""Downloads: a file from a URL that somebody gave, checked on its way.

Bytes are counted as they come, never as the server announces them; a broken connection is taken
up where it broke; redirects are followed by us, each checked anew and without credentials.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import aiohttp
from pydantic import SecretStr
from yarl import URL

from engine.errors import DownloadFailed, StorageUnavailable
from engine.library.addresses import Reach
from engine.library.download_folder import download_folder
from engine.library.wire import open_session, opened, page_instead, parse_url

#: Hears how many bytes are here, and how many the server announces, where it does.
OnBytes = Callable[[int, int | None], None]


def nobody_listens(have: int, announced: int | None) -> None:
    """Hears it and does nothing."""


#: Connections for one file: the first and those that go on where one broke.
CONNECTIONS = 4
_CHUNK = 256 * 1024
#: How a web page begins, whatever its server calls it.
_PAGES = (b"<!doctype html", b"<html")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A whole file, kept as long as the context it came from is open."""

    path: Path
    #: The last part of the URL's path: what people call the file, never a place of ours.
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much and how long."""

    most_bytes: int
    seconds: float


@asynccontextmanager
async def download(
    url: str,
    reach: Reach,
    bounds: Bounds,
    on_bytes: OnBytes = nobody_listens,
    token: SecretStr | None = None,
) -> AsyncIterator[Downloaded]:
    """Yields the file, which is deleted at the end. `on_bytes` hears how much is here.

    `token` is sent to the URL's own host alone.

    Raises `BadUrl` for a URL that may not be fetched, `DownloadFailed` for one that does not give
    a file, `StorageUnavailable` where there is no room.
    """
    source = parse_url(url)
    with download_folder() as folder:
        path = folder / "file"
        try:
            async with asyncio.timeout(bounds.seconds):
                asked = _Asked(source, reach, bounds.most_bytes, on_bytes, token)
                await _fetch_whole(asked, path)
        except TimeoutError as error:
            raise DownloadFailed(
                f"{source.host} took longer than {bounds.seconds:g} s; try again later."
            ) from error
        name = PurePosixPath(source.path).name
        yield await asyncio.to_thread(_measure, path, name)


def _measure(path: Path, name: str) -> Downloaded:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Downloaded(path, name, path.stat().st_size, digest)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is fetched, and how far."""

    url: URL
    reach: Reach
    most: int
    on_bytes: OnBytes
    token: SecretStr | None


async def _fetch_whole(asked: _Asked, path: Path) -> None:
    async with open_session(asked.reach) as session:
        for _ in range(CONNECTIONS):
            with suppress(aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError):
                await _fetch_rest(session, asked, path)
                return
    raise DownloadFailed(f"{asked.url.host} broke off {CONNECTIONS} times; try again later.")


async def _fetch_rest(session: aiohttp.ClientSession, asked: _Asked, path: Path) -> None:
    """Fetches what is not here yet; everything, where the server cannot begin in the middle."""
    have = _size(path)
    headers = {"Range": f"bytes={have}-"} if have else {}
    async with opened(session, asked.url, asked.reach, headers, asked.token) as response:
        goes_on = response.status == 206 and _starts_at(response) == have
        try:
            with path.open("ab" if goes_on else "wb") as file:
                await _receive(response, file, have if goes_on else 0, asked)
        except OSError as error:
            if isinstance(error, aiohttp.ClientError):
                raise
            raise StorageUnavailable(
                f"The file from {asked.url.host} cannot be kept ({error.strerror}); free some room."
            ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _starts_at(response: aiohttp.ClientResponse) -> int:
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(start) if start.isdecimal() else -1


async def _receive(
    response: aiohttp.ClientResponse, file: BinaryIO, have: int, asked: _Asked
) -> None:
    host = str(response.url.host)
    announced = response.content_length and have + response.content_length
    async for chunk in response.content.iter_chunked(_CHUNK):
        if not have and chunk[:64].lstrip().lower().startswith(_PAGES):
            raise DownloadFailed(page_instead(host))
        have += len(chunk)
        if have > asked.most:
            raise DownloadFailed(
                f"{host} sends more than {asked.most // 2**20} MB, the most that is fetched."
            )
        file.write(chunk)
        asked.on_bytes(have, announced)
