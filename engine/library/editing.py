"""Editing: what admins write of an adapter wins over its author and every refiner, for good."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy import select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.audit import write_down_adapter
from engine.errors import BadOption
from engine.library import catalogue
from engine.library.cards import layered, searched_of, weight_span
from engine.library.placing import NOTES, STANDING
from engine.library.text_refiner import plain
from engine.storage.tables import adapter_texts, adapters
from engine.values import MAX_WEIGHT, Adapter, Asker

FIELDS = ("title", "description", "tags", "trigger_words", "weight", "weight_range", "nsfw")
#: What the audit log tells of.
TOLD = ("title", "description", "tags", "trigger_words", "weight", "weight_low", "weight_high")


async def edit(
    connection: AsyncConnection,
    adapter_id: str,
    changes: Mapping[str, Any],
    notes: str | None,
    by: Asker,
) -> Adapter:
    """Changes fields of a card, writes down who did it, and returns the adapter as it is then.

    What is not named stays; a weight range of None takes a range away. Raises `UnknownAdapter`,
    `BadOption` and `BadFile`.
    """
    if not changes and notes is None:
        raise BadOption("Nothing was changed; name at least one field.")
    before = (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]
    found = await connection.execute(
        select(adapters.c.card, adapters.c.edited).where(adapters.c.id == adapter_id)
    )
    row = found.one()
    edited = row.edited | {name: changes[name] for name in FIELDS if name in changes}
    if "description" in changes:
        written = plain(str(row.card.get("description") or ""))
        edited["searched"] = f"{changes['description']} {written}"
    _check_weights(row.card, edited)
    kept = before.notes if notes is None else notes[:NOTES]
    await connection.execute(
        update(adapters).where(adapters.c.id == adapter_id).values(edited=edited, notes=kept)
    )
    await catalogue.store_raw(connection, {adapter_id: row.card})
    after = (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]
    if differences := _differences(before, after):
        await write_down_adapter(connection, by, before, differences)
    return after


def _check_weights(raw: Mapping[str, Any], edited: Mapping[str, Any]) -> None:
    """Raises `BadOption` for a range that is none, and for a weight outside of it."""
    told = edited.get("weight_range")
    if told is None:
        return
    span = weight_span(told)
    if span is None:
        raise BadOption(
            f"A weight range has two ends, the lower first, both from -{MAX_WEIGHT:g} to "
            f"{MAX_WEIGHT:g}."
        )
    low, high = span
    weight = layered(raw, {}, {**edited, "weight_range": None}).weight
    if "weight" in edited and not low <= weight <= high:
        raise BadOption(
            f"The weight {weight:g} is outside of its range, {low:g} to {high:g}; change one of "
            "them."
        )


def _differences(before: Adapter, after: Adapter) -> dict[str, list[Any]]:
    """The fields that changed, by the adapter's id and their names, before and after."""
    return {
        f"{before.id} {name}": [_told(was), _told(now)]
        for name in (*TOLD, "rating", "notes")
        if (was := getattr(before, name)) != (now := getattr(after, name))
    }


def _told(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value


async def export(
    connection: AsyncConnection, workspace: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yields all cards, or a workspace's own, as an import takes them, with what refiners and
    admins made of them, whose they are, and whether they are switched off.

    What waits for a decision is left out: it is none of the library's yet.
    """
    names = ("source", "source_id", "title", "description", "tags", "trigger_words", "weight")
    more = ("example_prompts", "file_name", "creator", "licence", "link", "lineage", "kind")
    rows = await connection.stream(
        select(adapters, adapter_texts.c.body)
        .join(adapter_texts, adapter_texts.c.adapter_id == adapters.c.id)
        .where(adapters.c.status.in_(("active", "disabled")))
        .where(true() if workspace is None else adapters.c.workspace == workspace)
        .order_by(adapters.c.id)
    )
    async for row in rows:
        told = {name: getattr(row, name) for name in (*names, *more, *STANDING)}
        told["searched"] = searched_of(row.title, row.body)
        if row.weight_low is not None:
            told["weight_range"] = [row.weight_low, row.weight_high]
        card = {name: value for name, value in told.items() if value not in (None, "", [], False)}
        yield card | {
            "base_model": row.base,
            "nsfw": row.rating != "safe",
            "file_sha256": row.sha256,
        }
