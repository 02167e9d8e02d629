"""Editing: what admins write of an adapter wins over its author and every refiner, for good."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import BadOption, UnknownAdapter
from engine.library import catalogue
from engine.library.text_refiner import plain
from engine.storage.tables import adapters

FIELDS = ("title", "description", "tags", "trigger_words", "weight", "nsfw")
#: Characters of what admins note for each other.
NOTES = 1000


async def edit(
    connection: AsyncConnection, adapter_id: str, changes: Mapping[str, Any], notes: str | None
) -> None:
    """Changes fields of a card; what is not named stays. Raises `UnknownAdapter`, `BadOption`."""
    if not changes and notes is None:
        raise BadOption("Nothing was changed; name at least one field.")
    found = await connection.execute(
        select(adapters.c.card, adapters.c.edited, adapters.c.notes).where(
            adapters.c.id == adapter_id, adapters.c.status != "removed"
        )
    )
    row = found.one_or_none()
    if row is None:
        raise UnknownAdapter(catalogue.unknown(adapter_id))
    edited = row.edited | {name: changes[name] for name in FIELDS if name in changes}
    if "description" in changes:
        written = plain(str(row.card.get("description") or ""))
        edited["searched"] = f"{changes['description']} {written}"
    await connection.execute(
        update(adapters)
        .where(adapters.c.id == adapter_id)
        .values(edited=edited, notes=(row.notes if notes is None else notes)[:NOTES])
    )
    await catalogue.store_raw(connection, {adapter_id: row.card})


async def export(connection: AsyncConnection) -> AsyncIterator[dict[str, Any]]:
    """Yields all cards as an import takes them, with what refiners and admins made of them."""
    names = ("source", "source_id", "title", "description", "tags", "trigger_words", "weight")
    more = ("example_prompts", "file_name", "creator", "licence", "link", "lineage", "kind")
    rows = await connection.stream(
        select(adapters).where(adapters.c.status != "removed").order_by(adapters.c.id)
    )
    async for row in rows:
        card = {name: getattr(row, name) for name in names + more if getattr(row, name)}
        yield card | {
            "base_model": row.base,
            "nsfw": row.rating != "safe",
            "file_sha256": row.sha256,
        }
