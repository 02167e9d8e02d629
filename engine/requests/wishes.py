"""Wishes: the adapters that an asker names must be ones that the asker may use here."""

from sqlalchemy.ext.asyncio import AsyncConnection

from engine.checkpoints import find
from engine.errors import BadOption, UnknownAdapter
from engine.library import catalogue
from engine.settings import Settings
from engine.values import Adapter, Request


async def check_wishes(connection: AsyncConnection, request: Request, settings: Settings) -> None:
    """Holds pins, drops and weights against the catalogue.

    Raises `UnknownAdapter` and `BadOption` naming the adapter. What is pinned keeps every rule
    that the retriever's candidates keep: a pin is a choice among them, never a way around.
    """
    wishes = request.overrides
    named = sorted({*wishes.pin, *wishes.drop, *wishes.weights})
    found = await catalogue.find_adapters(connection, named)
    for adapter in found.values():
        if adapter.workspace not in ("", request.asker.workspace):
            raise UnknownAdapter(catalogue.unknown(adapter.id))
    family = find(settings, request.sampling.checkpoint).family
    for adapter_id in wishes.pin:
        remote = settings.library.remote_adapters != "never"
        reason = refuse_pin(found[adapter_id], family, unsafe=wishes.unsafe, remote=remote)
        if reason:
            raise BadOption(f"“{found[adapter_id].title}” cannot be pinned: {reason}.")


def refuse_pin(
    adapter: Adapter, family: str, *, unsafe: bool = False, remote: bool = False
) -> str | None:
    """Returns why this adapter cannot be used on a checkpoint of the family; None if it can."""
    if adapter.base != family:
        return f"it is made for {adapter.base}, and this checkpoint is {family}"
    if adapter.status != "active":
        return "it is disabled; an admin can enable it"
    if adapter.rating != "safe" and not unsafe:
        return "its card is rated unsafe"
    if adapter.blob is None and not (remote and adapter.sha256):
        return "its file is not here; an admin can add it"
    return None
