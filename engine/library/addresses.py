"""Addresses: to which machines the engine connects when somebody names a URL.

A URL typed in a chat must lead to nobody's router, database or cloud metadata. Hosts are on a
list; a name is resolved once, every address it has must be a public one, and the connection goes
to those very addresses: a second look-up could answer otherwise.
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from engine.errors import BadUrl
from engine.settings import Library


@dataclass(frozen=True, slots=True)
class Reach:
    """Where downloads may go."""

    #: Host names; each admits its subdomains too.
    hosts: tuple[str, ...]
    #: Also plain http and private addresses, for a store on one's own network.
    private: bool = False
    #: Hosts that the others may redirect to, and nobody may name.
    storage: tuple[str, ...] = ()

    @classmethod
    def of(cls, library: Library) -> "Reach":
        """Returns where the settings let downloads go."""
        sources = (URL(library.civitai_url).host, URL(library.huggingface_url).host)
        hosts = (*library.hosts, *filter(None, sources))
        return cls(hosts, library.private_hosts, library.storage_hosts)


def check_url(url: URL, reach: Reach, *, redirected: bool = False) -> None:
    """Raises `BadUrl` for a URL that may not even be looked up.

    `redirected`: one of our hosts named it, not a person.
    """
    shown = f"“{str(url)[:80]}”"
    if url.scheme != "https" and not (reach.private and url.scheme == "http"):
        raise BadUrl(f"{shown} is not an https URL; give one that is.")
    if url.user or url.password:
        raise BadUrl(f"{_without_login(url)} holds a user name or password; give it without.")
    host = (url.host or "").rstrip(".").lower()
    hosts = reach.hosts + (reach.storage if redirected else ())
    if not any(host == known or host.endswith(f".{known}") for known in hosts):
        raise BadUrl(
            f"Files are not fetched from {host[:80] or 'nowhere'}; an operator can add it to the "
            "setting library.hosts."
        )
    if _is_address(host):  # the library connects to addresses without asking a resolver
        check_address(host, host, reach)


def _without_login(url: URL) -> str:
    return f"The URL to {url.host}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def check_address(address: str, host: str, reach: Reach) -> None:
    """Raises `BadUrl` unless the address may be connected to."""
    found = ip_address(address.split("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or found
    if not (inner.is_global and not inner.is_multicast) and not reach.private:
        raise BadUrl(f"{host[:80]} leads to a private address; only public ones are fetched from.")


class CheckedResolver(AbstractResolver):
    """Resolves a host once and refuses it where any of its addresses is out of reach."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Returns the addresses to connect to. Raises `BadUrl`, and OSError for no such host."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        for _, _, _, _, place in found:
            check_address(str(place[0]), host, self._reach)
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, place in found
        ]

    async def close(self) -> None:
        """Nothing is held."""
