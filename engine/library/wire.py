"""The wire: requests to other companies' servers, each address checked before it is connected to.

Redirects are followed by us. A token goes to the host that it is for and to no other.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from pydantic import SecretStr
from yarl import URL

from engine.errors import BadUrl, DownloadFailed
from engine.library.addresses import CheckedResolver, Reach, check_url

REDIRECTS = 5
#: Most bytes of an answer that is read as JSON or text.
ANSWER_BYTES = 4 * 2**20
#: Seconds for such an answer.
ANSWER_SECONDS = 30
_REDIRECT = {301, 302, 303, 307, 308}
_REFUSALS = {
    401: "wants a login or early access; download the file yourself, or have an operator set the "
    "source's token",
    403: "does not give it to us; download the file yourself and add it by its path",
    404: "has no such file; check the URL",
    410: "has it no longer; look for another source",
    429: "has had too many requests; try again in some minutes",
}


def parse_url(url: str) -> URL:
    """Returns the URL. Raises `BadUrl`."""
    try:
        return URL(url.strip())
    except ValueError as error:
        raise BadUrl(f"“{url[:80]}” is not a URL.") from error


@asynccontextmanager
async def open_session(reach: Reach) -> AsyncIterator[aiohttp.ClientSession]:
    """Yields a session that connects to nothing out of reach, and keeps no cookies."""
    connector = aiohttp.TCPConnector(resolver=CheckedResolver(reach), use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "Stylus"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=30),
    ) as session:
        yield session


@asynccontextmanager
async def opened(
    session: aiohttp.ClientSession,
    url: URL,
    reach: Reach,
    headers: Mapping[str, str],
    token: SecretStr | None = None,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yields the answer at the end of all redirects. Raises `BadUrl` and `DownloadFailed`."""
    here, first = url, url
    for hop in range(REDIRECTS + 1):
        check_url(here, reach, redirected=hop > 0)
        own = {**headers, **_login(token)} if here.origin() == first.origin() else headers
        async with _asked(session, here, own) as response:
            if response.status not in _REDIRECT:
                _refuse(response)
                yield response
                return
            here = here.join(parse_url(response.headers.get("Location", "")))
            if here.host == first.host and here.path.startswith("/login"):
                raise DownloadFailed(f"{first.host} {_REFUSALS[401]}.")
    raise DownloadFailed(f"{url.host} redirects more than {REDIRECTS} times; check the URL.")


def _login(token: SecretStr | None) -> dict[str, str]:
    secret = token.get_secret_value() if token else ""
    return {"Authorization": f"Bearer {secret}"} if secret else {}


@asynccontextmanager
async def _asked(
    session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str]
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
        raise DownloadFailed(page_instead(str(host)))


def page_instead(host: str) -> str:
    """Returns the sentence for a web page where a file should be."""
    return f"{host} sent a web page instead of a file; give the URL of its download button."


async def ask_text(url: URL, reach: Reach, token: SecretStr | None = None) -> str:
    """Returns a short answer's text. Raises `BadUrl` and `DownloadFailed`."""
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            open_session(reach) as session,
            opened(session, url, reach, {}, token) as response,
        ):
            content = bytearray()
            async for chunk in response.content.iter_chunked(2**16):
                content += chunk
                if len(content) > ANSWER_BYTES:
                    raise DownloadFailed(f"{url.host} says too much; try again later.")
            return content.decode("utf-8", "replace")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DownloadFailed(f"{url.host} broke off; try again later.") from error


async def ask_json(url: URL, reach: Reach, token: SecretStr | None = None) -> Any:
    """Returns an answer's JSON. Raises `BadUrl` and `DownloadFailed`."""
    try:
        return json.loads(await ask_text(url, reach, token))
    except (ValueError, RecursionError) as error:
        raise DownloadFailed(f"{url.host} did not answer with JSON; try again later.") from error
