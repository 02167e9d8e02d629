"""The adapter catalogue: cards in Postgres, with the vectors of their texts."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import builtin
from engine.errors import BadFile, UnknownAdapter
from engine.library import text_refiner
from engine.library.adapter_files import attach_file
from engine.library.cards import Card, digest_of, layered, read_card
from engine.library.placing import Name, bare, find_ids, name_of, place_new
from engine.retrieving.embedder import MiniLM
from engine.retrieving.search_index import EMBED_BATCH, embed_pending
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import adapter_texts, adapters
from engine.values import Adapter, Request

#: Characters of a description whose words are searched.
PROSE_CHARACTERS = 600

#: Columns that are the fields of `Adapter`, in its order.
ADAPTER_COLUMNS = tuple(adapters.c[name] for name in Adapter.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the cards of an import, beside those that were refreshed."""

    #: Cards that the catalogue had not.
    new: int = 0
    #: Cards of adapters that were removed here: no import brings one back.
    removed: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.new + other.new, self.removed + other.removed)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many cards were stored, how many of them had to be embedded, and what became of them."""

    cards: int
    embedded: int
    new: int
    removed: int


async def store_cards(connection: AsyncConnection, cards: Sequence[Card]) -> list[str]:
    """Inserts or refreshes cards; an adapter's file, status and workspace stay as they are.

    Returns the ids of those that are new.
    """
    rows = [_adapter_row(card) for card in cards]
    statement = insert(adapters).values(rows)
    fresh: dict[str, Any] = {k: statement.excluded[k] for k in rows[0] if k not in ("id", "sha256")}
    fresh["sha256"] = func.coalesce(adapters.c.sha256, statement.excluded.sha256)
    fresh["link"] = func.coalesce(statement.excluded.link, adapters.c.link)
    fresh["updated_at"] = func.now()
    upsert = statement.on_conflict_do_update(index_elements=["id"], set_=fresh)
    # A row that was there before names the transaction that replaced it.
    inserted: ColumnElement[bool] = literal_column("adapters.xmax = 0")
    stored = await connection.execute(upsert.returning(adapters.c.id, inserted.label("new")))
    searched = [_text_row(card) for card in cards]
    texts = insert(adapter_texts).values(searched)
    fields = {k: texts.excluded[k] for k in searched[0] if k != "adapter_id"}
    await connection.execute(
        texts.on_conflict_do_update(index_elements=["adapter_id"], set_=fields)
    )
    return [row.id for row in stored if row.new]


def _adapter_row(card: Card) -> dict[str, Any]:
    same = ("id", "source", "source_id", "title", "description", "base", "kind", "weight")
    more = ("weight_low", "weight_high", "rating", "sha256")
    told = ("file_name", "creator", "licence", "lineage", "link")
    return {
        **{name: getattr(card, name) for name in same + more + told},
        "names": list(card.names),
        "tags": list(card.tags),
        "trigger_words": list(card.trigger_words),
        "example_prompts": list(card.example_prompts),
        "card": dict(card.raw),
    }


def _text_row(card: Card) -> dict[str, Any]:
    return {
        "adapter_id": card.id,
        "heading": card.heading,
        "body": card.body,
        "digest": card.digest,
        "names": _words(card.title, *card.tags),
        "triggers": _words(*card.trigger_words),
        "prose": _words(card.searched[:PROSE_CHARACTERS]),
    }


def _words(*texts: str) -> Any:
    return func.to_tsvector("english", " ".join(texts))


#: Makes better fields of a raw card.
Refine = Callable[[Mapping[str, Any]], Mapping[str, Any]]


async def import_cards(
    database: Database,
    embedder: MiniLM,
    raw_cards: Iterable[Mapping[str, Any]],
    refine: Refine = text_refiner.refine,
    tell: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Stores and embeds cards. Importing the same again changes nothing.

    What a refiner made of a card that has not changed stays, and so does what admins wrote.
    Raises `BadFile` naming the card's number; the cards before it stay.
    """
    count, stored = 0, Stored()
    batch: dict[Name, Mapping[str, Any]] = {}
    for count, raw in enumerate(raw_cards, 1):
        try:
            name = name_of(raw)
        except BadFile as error:
            await _store_batch(database, batch, refine)
            raise BadFile(f"Card number {count} is refused: {error}") from error
        batch[name] = raw
        if len(batch) >= EMBED_BATCH:
            stored += await _store_batch(database, batch, refine)
    stored += await _store_batch(database, batch, refine)
    embedded = await embed_pending(database, embedder, tell)
    return Imported(count, embedded, stored.new, stored.removed)


async def _store_batch(
    database: Database, batch: dict[Name, Mapping[str, Any]], refine: Refine
) -> Stored:
    if not batch:
        return Stored()
    async with database.transaction() as connection:
        stored = await store_named(connection, batch, refine)
    batch.clear()
    return stored


async def store_named(
    connection: AsyncConnection,
    raw_by_name: Mapping[Name, Mapping[str, Any]],
    refine: Refine = text_refiner.refine,
) -> Stored:
    """Stores cards where they belong, at most `EMBED_BATCH` at once."""
    ids = await find_ids(connection, raw_by_name)
    raw_by_id = {ids[name]: raw for name, raw in raw_by_name.items()}
    cards = {adapter_id: bare(raw) for adapter_id, raw in raw_by_id.items()}
    new = await store_raw(connection, cards, refine)
    workspaces = {ids[name]: name.workspace for name in raw_by_name}
    await place_new(connection, raw_by_id, workspaces, new)
    gone = (adapters.c.status == "removed") & adapters.c.id.in_(raw_by_id)
    removed = await connection.scalar(select(func.count()).where(gone))
    return Stored(len(new), removed or 0)


async def store_raw(
    connection: AsyncConnection,
    raw_by_id: Mapping[str, Mapping[str, Any]],
    refine: Refine = text_refiner.refine,
) -> list[str]:
    """Stores cards as they came, under what refiners and admins have made of them.

    Returns the ids of those that are new.
    """
    rows = await connection.execute(
        select(adapters.c.id, adapters.c.refined, adapters.c.edited).where(
            adapters.c.id.in_(raw_by_id),
            or_(adapters.c.refined.is_not(None), adapters.c.edited != text("'{}'::jsonb")),
        )
    )
    kept = {row.id: (row.refined or {}, row.edited) for row in rows}
    cards = []
    for card_id, raw in raw_by_id.items():
        refined, edited = kept.get(card_id, ({}, {}))
        fresh = refined.get("of") == digest_of(raw)
        card = layered(raw, refined["fields"] if fresh else refine(raw), edited)
        cards.append(replace(card, id=card_id))
    return await store_cards(connection, cards)


async def fill_builtin(database: Database, embedder: MiniLM, store: BlobStore) -> Imported:
    """Puts the adapters that ship with us into the catalogue and the blob store."""
    cards = [json.loads(line) for line in builtin.CARDS.read_text("utf-8").splitlines() if line]
    imported = await import_cards(database, embedder, cards)
    async with database.transaction() as connection:
        for card in map(read_card, cards):
            content = (builtin.LORAS / str(card.file_name)).read_bytes()
            blob = store.put("adapters", content, ".safetensors")
            # A newer version may ship another file under the same name.
            await connection.execute(
                update(adapters).where(adapters.c.id == card.id).values(sha256=None)
            )
            await attach_file(connection, card.id, blob, hashlib.sha256(content).hexdigest())
    return imported


async def find_adapters(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Adapter]:
    """Returns the adapters by id. Raises `UnknownAdapter` for the first that does not exist."""
    if not ids:
        return {}
    rows = await connection.execute(
        select(*ADAPTER_COLUMNS).where(adapters.c.id.in_(ids), adapters.c.status != "removed")
    )
    found = {row.id: to_adapter(row) for row in rows}
    for adapter_id in ids:
        if adapter_id not in found:
            raise UnknownAdapter(unknown(adapter_id))
    return found


def unknown(adapter_id: str) -> str:
    """Returns the sentence for an adapter id that nobody may know of."""
    return f"There is no adapter “{adapter_id}”; `stylus lora list` shows all of them."


async def find_by_sha256(connection: AsyncConnection, hashes: Sequence[str]) -> dict[str, Adapter]:
    """Returns the adapters by their file's hash. Raises `UnknownAdapter` for the first missing."""
    rows = await connection.execute(
        select(*ADAPTER_COLUMNS).where(
            adapters.c.sha256.in_(hashes),
            adapters.c.status == "active",
            adapters.c.blob.is_not(None),
        )
    )
    found = {row.sha256: to_adapter(row) for row in rows}
    for sha256 in hashes:
        if sha256 not in found:
            raise UnknownAdapter(
                f"The adapter with sha256 {sha256[:12]} is not in this catalogue; add its file "
                "with `stylus lora add`, then try again."
            )
    return found


async def find_unusable(
    connection: AsyncConnection, ids: Sequence[str], request: Request
) -> dict[str, str]:
    """Returns which of the adapters may not be used for the request now, each with the reason.

    Asked right before rendering: all of it may have changed since they were chosen.
    """
    rows = await connection.execute(select(*ADAPTER_COLUMNS).where(adapters.c.id.in_(ids)))
    reasons = {row.id: _unusable(to_adapter(row), request) for row in rows}
    return {adapter_id: reason for adapter_id, reason in reasons.items() if reason}


def _unusable(adapter: Adapter, request: Request) -> str | None:
    if adapter.status != "active":
        return f"“{adapter.title}” was disabled after the request was made."
    if adapter.workspace not in ("", request.asker.workspace):
        return f"“{adapter.title}” belongs to another place."
    if adapter.rating != "safe" and not request.overrides.unsafe:
        return f"“{adapter.title}” is rated unsafe, and here only safe ones are used."
    return None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the catalogue is listed: where values are given, one of them must hold."""

    base: Sequence[str] = ()
    status: Sequence[str] = ()
    rating: Sequence[str] = ()
    #: Whom it depicts; '' for nobody.
    kind: Sequence[str] = ()
    #: What this workspace sees: its own and everybody's.
    workspace: str | None = None
    #: Only adapters whose file is here, or only those whose file is not.
    here: bool | None = None


_NO_FILTERS = Filters()


async def list_adapters(
    connection: AsyncConnection, limit: int = 100, start: int = 0, filters: Filters = _NO_FILTERS
) -> list[Adapter]:
    """Returns a page of the catalogue, newest first, removed ones aside."""
    rows = await connection.execute(
        select(*ADAPTER_COLUMNS)
        .where(adapters.c.status != "removed", *_conditions(filters))
        .order_by(adapters.c.created_at.desc(), adapters.c.id)
        .limit(limit)
        .offset(start)
    )
    return [to_adapter(row) for row in rows]


def _conditions(filters: Filters) -> list[Any]:
    told: list[Any] = [
        adapters.c[name].in_(values)
        for name in ("base", "status", "rating", "kind")
        if (values := getattr(filters, name))
    ]
    if filters.workspace is not None:
        told.append(adapters.c.workspace.in_(("", filters.workspace)))
    if filters.here is not None:
        told.append(adapters.c.blob.is_not(None) == filters.here)
    return told


async def set_status(connection: AsyncConnection, adapter_id: str, status: str) -> Adapter:
    """Enables, disables or removes an adapter; returns it as it was. Raises `UnknownAdapter`."""
    adapter = (await find_adapters(connection, [adapter_id]))[adapter_id]
    await connection.execute(
        update(adapters)
        .where(adapters.c.id == adapter_id)
        .values(status=status, updated_at=func.now())
    )
    return adapter


async def activate(connection: AsyncConnection, adapter_id: str) -> None:
    """Enables an adapter that is added, also one that was removed before."""
    await connection.execute(
        update(adapters).where(adapters.c.id == adapter_id).values(status="active")
    )


async def count_adapters(connection: AsyncConnection) -> dict[str, int]:
    """Returns the number of adapters that are not removed, by base family."""
    rows = await connection.execute(
        select(adapters.c.base, func.count())
        .where(adapters.c.status != "removed")
        .group_by(adapters.c.base)
    )
    return {row[0]: row[1] for row in rows}


def to_adapter(row: Row[Any]) -> Adapter:
    """Returns the value of a row that begins with `ADAPTER_COLUMNS`."""
    fields = dict(zip(Adapter.__dataclass_fields__, row, strict=False))
    for name in ("tags", "trigger_words", "names"):
        fields[name] = tuple(fields[name])
    return Adapter(**fields)
