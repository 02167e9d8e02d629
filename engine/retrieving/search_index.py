"""What the retriever searches beside the cards themselves: vectors, and how rare words are."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pgvector import HalfVector
from sqlalchemy import Row, and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.retrieving.embedder import MiniLM, Vectors
from engine.storage.database import Database
from engine.storage.tables import adapter_texts, adapter_vectors, adapters

#: Cards that are embedded and committed at once, so that an import can be taken up again.
EMBED_BATCH = 256
#: From so many cards on the embedder runs in torch.
BULK = 400
#: Tokens of a card's heading and body that are read. On 3,811 real cards more earn nothing.
HEADING_TOKENS = 64
BODY_TOKENS = 96
#: Words are counted anew once the number of cards has changed by this share.
STALE = 0.01


class Embedder(Protocol):
    """Turns texts into unit vectors; one contract for all embedders."""

    @property
    def name(self) -> str:
        """Under which its vectors are stored."""

    def embed(self, texts: list[str], tokens: int) -> Vectors:
        """Returns one row for each text, of its first tokens. Raises `EmbedderUnavailable`."""


async def embed_pending(
    database: Database, embedder: Embedder, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Embeds every card whose vectors are missing or out of date; returns how many.

    Committed in batches: whoever is stopped goes on where it was. `tell` hears how many are left.
    Raises `EmbedderUnavailable`.
    """
    done = 0
    async with database.transaction() as connection:
        left = await connection.scalar(
            select(func.count()).select_from(_pending(embedder.name).subquery())
        )
    embedder = await asyncio.to_thread(_fastest, embedder, left or 0)
    while True:
        tell((left or 0) - done)
        async with database.transaction() as connection:
            rows = (await connection.execute(_pending(embedder.name).limit(EMBED_BATCH))).all()
            if not rows:
                await _count_words(connection)
                return done
        # No transaction is open meanwhile: it takes seconds, and longer where a server is asked.
        headings, bodies = await asyncio.to_thread(_embed, embedder, rows)
        async with database.transaction() as connection:
            stamps = [(row.adapter_id, row.digest) for row in rows]
            await store_vectors(connection, embedder.name, stamps, headings, bodies)
        done += len(rows)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the catalogue is embedded by one embedder."""

    cards: int
    #: Cards whose vectors are missing or out of date.
    missing: int
    #: Numbers of a vector; None where there is none yet.
    dimensions: int | None


async def standing(connection: AsyncConnection, embedder: str) -> Standing:
    """Returns how far the catalogue is embedded."""
    cards = await connection.scalar(select(func.count()).select_from(adapter_texts))
    missing = await connection.scalar(
        select(func.count()).select_from(_pending(embedder).subquery())
    )
    vectors = text(
        "select vector_dims(heading) from adapter_vectors where embedder = :embedder limit 1"
    )
    dimensions = await connection.scalar(vectors, {"embedder": embedder})
    return Standing(cards or 0, missing or 0, dimensions)


async def count_pending(connection: AsyncConnection, embedder: str, workspace: str) -> int:
    """Returns how many cards of a workspace's own are not embedded as they are now."""
    pending = _pending(embedder).subquery()
    own = select(adapters.c.id).where(adapters.c.workspace == workspace)
    counted = select(func.count()).select_from(pending).where(pending.c.adapter_id.in_(own))
    return await connection.scalar(counted) or 0


def _fastest(embedder: Embedder, texts: int) -> Embedder:
    """The local embedder in torch, where that pays the seconds of importing it."""
    if texts < BULK or not isinstance(embedder, MiniLM):
        return embedder
    from engine.retrieving.bulk_embedder import BulkMiniLM

    return BulkMiniLM()


def _pending(embedder: str) -> Any:
    vectors = adapter_vectors.alias()
    same = and_(vectors.c.adapter_id == adapter_texts.c.adapter_id, vectors.c.embedder == embedder)
    return (
        select(adapter_texts.c.adapter_id, adapter_texts.c.heading, adapter_texts.c.body)
        .add_columns(adapter_texts.c.digest)
        .outerjoin(vectors, same)
        .where(or_(vectors.c.digest.is_(None), vectors.c.digest != adapter_texts.c.digest))
    )


def _embed(embedder: Embedder, rows: Sequence[Row[Any]]) -> tuple[Vectors, Vectors]:
    headings = embedder.embed([row.heading for row in rows], HEADING_TOKENS)
    return headings, embedder.embed([row.body for row in rows], BODY_TOKENS)


async def store_vectors(
    connection: AsyncConnection,
    embedder: str,
    stamps: Sequence[tuple[str, str]],
    headings: Vectors,
    bodies: Vectors,
) -> None:
    """Stores vectors of shape (stamps, dimensions); a stamp is an adapter id and its digest."""
    statement = insert(adapter_vectors).values(
        [
            {
                "adapter_id": adapter_id,
                "embedder": embedder,
                "digest": digest,
                "heading": half(heading),
                "body": half(body),
            }
            for (adapter_id, digest), heading, body in zip(stamps, headings, bodies, strict=True)
        ]
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["embedder", "adapter_id"],
            set_={k: statement.excluded[k] for k in ("digest", "heading", "body")},
        )
    )


def half(vector: Vectors) -> HalfVector:
    """Returns the vector as Postgres keeps it, in half precision."""
    return HalfVector(vector.astype(np.float32))


def half_text(vector: Vectors) -> str:
    """Returns the vector as a statement's parameter, in half precision."""
    return str(vector.astype(np.float16).tolist())


def read_halves(sent: Sequence[bytes], dimensions: int) -> Vectors:
    """Returns the vectors, shape (sent, dimensions), that `halfvec_send` wrote: each two counts,
    then the numbers."""
    row = np.dtype([("counts", ">i2", 2), ("numbers", ">f2", dimensions)])
    return np.frombuffer(b"".join(sent), row)["numbers"].astype(np.float32)


async def _count_words(connection: AsyncConnection) -> None:
    """Counts in how many cards each word stands, where that is unknown or stale."""
    await connection.execute(text("select pg_advisory_xact_lock(hashtext('stylus words'))"))
    cards, counted = (await connection.execute(_CARDS_AND_COUNTED)).one()
    if abs(cards - counted) <= STALE * cards:
        return
    await connection.execute(text("delete from adapter_words"))
    await connection.execute(
        text("insert into adapter_words values ('', :cards)"), {"cards": cards}
    )
    await connection.execute(_WORDS)
    await connection.execute(
        text("analyze adapter_words, adapters, adapter_texts, adapter_vectors")
    )


_CARDS_AND_COUNTED = text(
    "select (select count(*) from adapter_texts),"
    " coalesce((select cards from adapter_words where word = ''), 0)"
)
_WORDS = text(
    "insert into adapter_words select word, ndoc"
    " from ts_stat('select names || triggers || prose from adapter_texts') where word <> ''"
)
