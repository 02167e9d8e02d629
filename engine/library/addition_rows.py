"""One addition: a LoRA on its way into the library, and its row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import UnknownAddition
from engine.library.cards import TITLE_CHARACTERS, clean
from engine.library.library_tables import additions
from engine.values import Asker

State = Literal[
    "waiting", "fetching", "fetched", "checking", "proposed", "approved", "rejected", "refused"
]
UNDER_WAY: tuple[State, ...] = ("waiting", "fetching", "fetched", "checking")


@dataclass(frozen=True, slots=True)
class Described:
    """What the person who adds a LoRA says of it; the rest is read off the file."""

    title: str | None = None
    description: str = ""
    trigger_words: tuple[str, ...] = ()
    weight: float | None = None

    @property
    def card(self) -> dict[str, Any]:
        """It in the shape of a card; what they leave out is left out."""
        fields = {
            "title": self.title,
            "description": self.description,
            "trigger_words": list(self.trigger_words),
            "weight": self.weight,
        }
        return {key: value for key, value in fields.items() if value not in (None, "", [])}


@dataclass(frozen=True, slots=True)
class Addition:
    """One LoRA on its way into the library."""

    id: str
    asker: Asker
    described: Described
    state: State
    #: Where the file comes from: a URL, or the key of an uploaded file.
    url: str | None = None
    upload: str | None = None
    #: What the file was called where it came from.
    file_name: str = ""
    #: Everybody's, or the asker's workspace's alone.
    everybody: bool = False
    #: Why it was refused.
    sentence: str | None = None
    adapter_id: str | None = None
    #: What the source says of it, in the shape of a card.
    found: Mapping[str, Any] = field(default_factory=dict)
    #: Bytes that are here while it is fetched, and that its server announces.
    fetched_bytes: int | None = None
    total_bytes: int | None = None
    #: The message that shows how it goes; empty where nobody can be told.
    message_id: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state not in UNDER_WAY

    @property
    def workspace(self) -> str:
        """Who may use the adapter, as the catalogue has it."""
        return "" if self.everybody else self.asker.workspace


def title_of(addition: Addition) -> str:
    """Returns what to call it."""
    found = clean(str(addition.found.get("title") or ""), TITLE_CHARACTERS)
    file_name = addition.file_name.removesuffix(".safetensors")
    return addition.described.title or found or file_name or "the LoRA"


def unknown(addition_id: str) -> str:
    """Returns the sentence for an addition that nobody may know of."""
    return f"There is no proposed LoRA “{addition_id[:40]}”."


async def load_addition(connection: AsyncConnection, addition_id: str) -> Addition:
    """Returns one addition. Raises `UnknownAddition`."""
    found = await connection.execute(select(additions).where(additions.c.id == addition_id))
    row = found.one_or_none()
    if row is None:
        raise UnknownAddition(unknown(addition_id))
    return to_addition(row)


async def settle(connection: AsyncConnection, adapter_id: str, state: State, admin: Asker) -> bool:
    """Decides the addition that proposes an adapter; returns False where none does."""
    changed = await connection.execute(
        update(additions)
        .where(additions.c.adapter_id == adapter_id, additions.c.state == "proposed")
        .values(state=state, decided_by=admin.user, finished_at=func.clock_timestamp())
    )
    return changed.rowcount > 0


def to_row(addition: Addition) -> dict[str, Any]:
    """Returns the row of a new addition."""
    described, asker = addition.described, addition.asker
    return {
        "id": addition.id,
        "platform": asker.platform,
        "workspace": asker.workspace,
        "channel": asker.channel,
        "user_id": asker.user,
        "state": addition.state,
        "url": addition.url,
        "upload": addition.upload,
        "file_name": addition.file_name,
        "everybody": addition.everybody,
        "title": described.title,
        "description": described.description,
        "trigger_words": list(described.trigger_words),
        "weight": described.weight,
    }


def to_addition(row: Row[Any]) -> Addition:
    """Returns the addition of a row."""
    return Addition(
        id=row.id,
        asker=Asker(row.platform, row.workspace, row.channel, row.user_id),
        described=Described(row.title, row.description, tuple(row.trigger_words), row.weight),
        state=row.state,
        url=row.url,
        upload=row.upload,
        file_name=row.file_name,
        everybody=row.everybody,
        sentence=row.sentence,
        adapter_id=row.adapter_id,
        found=row.found or {},
        fetched_bytes=row.fetched_bytes,
        total_bytes=row.total_bytes,
        message_id=row.message_id,
    )
