"""Placing: whose a card is. The same card may be everybody's and, beside it, a workspace's own.

A card's plain id is its source and its id there; a workspace's own has the workspace before it,
so that no import changes what belongs to another. What was added in a workspace keeps its plain id.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import BadFile
from engine.library.cards import clean, read_card
from engine.storage.tables import adapters

#: What the ids of workspaces' own cards begin with, and no source may.
OWN = "@"
#: What an export says of an adapter beside its card; it counts where the adapter is new.
STANDING = ("workspace", "status", "broken", "notes")
#: Characters of what admins note for each other.
NOTES = 1000


@dataclass(frozen=True, slots=True)
class Name:
    """What a card is called in its workspace; '' is everybody's."""

    workspace: str
    plain: str

    @property
    def placed(self) -> str:
        """The catalogue's id. A workspace has no “/”, so that two names never give the same."""
        return f"{OWN}{self.workspace}/{self.plain}" if self.workspace else self.plain


def name_of(raw: Mapping[str, Any]) -> Name:
    """Returns the name of a card as an import has it. Raises `BadFile`."""
    card = read_card(raw)
    workspace = clean(str(raw.get("workspace") or ""), 100)
    if card.source.startswith(OWN):
        raise BadFile(f"A card's source begins with “{OWN}”, which no source does.")
    if "/" in workspace:
        raise BadFile("A card's workspace has a “/”, which no workspace has.")
    return Name(workspace, card.id)


async def find_ids(connection: AsyncConnection, names: Iterable[Name]) -> dict[Name, str]:
    """Returns each card's id: its plain one where the workspace has that adapter already."""
    owned = {name.plain for name in names if name.workspace}
    rows = await connection.execute(
        select(adapters.c.id, adapters.c.workspace).where(adapters.c.id.in_(owned))
    )
    workspaces = {row.id: row.workspace for row in rows}
    return {
        name: name.plain if workspaces.get(name.plain) == name.workspace else name.placed
        for name in names
    }


def bare(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the card without what an export says of the adapter beside it."""
    return {key: value for key, value in raw.items() if key not in STANDING}


async def place_new(
    connection: AsyncConnection,
    raw_by_id: Mapping[str, Mapping[str, Any]],
    workspaces: Mapping[str, str],
    new: Collection[str],
) -> None:
    """Gives adapters that an import has made their workspace, and what its file says of them."""
    for adapter_id in new:
        raw = raw_by_id[adapter_id]
        standing = {
            "workspace": workspaces[adapter_id],
            "status": "disabled" if raw.get("status") == "disabled" else "active",
            "broken": raw.get("broken") is True,
            "notes": clean(str(raw.get("notes") or ""), NOTES),
        }
        if any(value not in ("", False, "active") for value in standing.values()):
            await connection.execute(
                update(adapters).where(adapters.c.id == adapter_id).values(standing)
            )
