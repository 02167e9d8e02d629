"""Downloads: a file from a URL that somebody gave, checked on its way.

Bytes are counted as they come, never as the server announces them; a broken connection is taken
up where it broke; redirects are followed by us, each checked anew and without credentials.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import aiohttp
from yarl import URL

from engine.errors import BadUrl, DownloadFailed, StorageUnavailable
from engine.library.addresses import CheckedResolver, Reach, check_url

REDIRECTS = 5
#: Connections for one file: the first and those that go on where one broke.
CONNECTIONS = 4
_CHUNK = 256 * 1024
_REDIRECT = {301, 302, 303, 307, 308}
_REFUSALS = {
    401: "wants a login; download the file yourself and add it by its path",
    403: "does not give it to us; download the file yourself and add it by its path",
    404: "has no such file; check the URL",
    410: "has it no longer; look for another source",
    429: "has had too many requests; try again in some minutes",
}


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
    url: str, reach: Reach, bounds: Bounds, on_bytes: Callable[[int], None] = lambda _: None
) -> AsyncIterator[Downloaded]:
    """Yields the file, which is deleted at the end. `on_bytes` hears how many are here.

    Raises `BadUrl` for a URL that may not be fetched, `DownloadFailed` for one that does not give
    a file, `StorageUnavailable` where there is no room.
    """
    source = _parse(url)
    with tempfile.TemporaryDirectory(prefix="stylus-download-") as folder:
        path = Path(folder) / "file"
        try:
            async with asyncio.timeout(bounds.seconds):
                await _fetch_whole(source, path, reach, bounds.most_bytes, on_bytes)
        except TimeoutError as error:
            raise DownloadFailed(
                f"{source.host} took longer than {bounds.seconds:g} s; try again later."
            ) from error
        name = PurePosixPath(source.path).name
        yield await asyncio.to_thread(_measure, path, name)


def _parse(url: str) -> URL:
    try:
        return URL(url.strip())
    except ValueError as error:
        raise BadUrl(f"“{url[:80]}” is not a URL.") from error


def _measure(path: Path, name: str) -> Downloaded:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Downloaded(path, name, path.stat().st_size, digest)


async def _fetch_whole(
    url: URL, path: Path, reach: Reach, most: int, on_bytes: Callable[[int], None]
) -> None:
    connector = aiohttp.TCPConnector(resolver=CheckedResolver(reach), use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=30),
    ) as session:
        for _ in range(CONNECTIONS):
            with suppress(aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError):
                await _fetch_rest(session, url, path, reach, most, on_bytes)
                return
    raise DownloadFailed(f"{url.host} broke off {CONNECTIONS} times; try again later.")


async def _fetch_rest(
    session: aiohttp.ClientSession,
    url: URL,
    path: Path,
    reach: Reach,
    most: int,
    on_bytes: Callable[[int], None],
) -> None:
    """Fetches what is not here yet; everything, where the server cannot begin in the middle."""
    have = _size(path)
    async with _opened(session, url, reach, have) as response:
        goes_on = response.status == 206 and _starts_at(response) == have
        try:
            with path.open("ab" if goes_on else "wb") as file:
                await _receive(response, file, have if goes_on else 0, most, on_bytes)
        except OSError as error:
            if isinstance(error, aiohttp.ClientError):
                raise
            raise StorageUnavailable(
                f"The file from {url.host} cannot be kept ({error.strerror}); free some room."
            ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _starts_at(response: aiohttp.ClientResponse) -> int:
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(start) if start.isdecimal() else -1


async def _receive(
    response: aiohttp.ClientResponse,
    file: BinaryIO,
    have: int,
    most: int,
    on_bytes: Callable[[int], None],
) -> None:
    async for chunk in response.content.iter_chunked(_CHUNK):
        have += len(chunk)
        if have > most:
            raise DownloadFailed(
                f"{response.url.host} sends more than {most // 2**20} MB, the most that is fetched."
            )
        file.write(chunk)
        on_bytes(have)


@asynccontextmanager
async def _opened(
    session: aiohttp.ClientSession, url: URL, reach: Reach, have: int
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yields the answer at the end of all redirects, which is surely a file."""
    headers = {"Range": f"bytes={have}-"} if have else {}
    for _ in range(REDIRECTS + 1):
        check_url(url, reach)
        async with _asked(session, url, headers) as response:
            if response.status not in _REDIRECT:
                _refuse(response)
                yield response
                return
            url = url.join(_parse(response.headers.get("Location", "")))
    raise DownloadFailed(f"{url.host} redirects more than {REDIRECTS} times; check the URL.")


@asynccontextmanager
async def _asked(
    session: aiohttp.ClientSession, url: URL, headers: dict[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    try:
        response = await session.get(url, headers=headers, allow_redirects=False)
    except aiohttp.InvalidURL as error:  # such as an address written in another base
        raise BadUrl(f"“{str(url)[:80]}” is not a URL; check it.") from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise DownloadFailed(f"{url.host} does not answer; try again later.") from error
    async with response:
        yield response


def _refuse(response: aiohttp.ClientResponse) -> None:
    host = response.url.host
    if response.status in _REFUSALS:
        raise DownloadFailed(f"{host} {_REFUSALS[response.status]}.")
    if response.status not in (200, 206):
        raise DownloadFailed(f"{host} answered with status {response.status}; try again later.")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadFailed(f"{host} sends it packed, although we asked for the plain file.")
    if response.content_type == "text/html":
        raise DownloadFailed(
            f"{host} sent a web page instead of a file; give the URL of its download button."
        )
