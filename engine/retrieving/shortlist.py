"""The shortlist: a large catalogue's vectors, shortened, in the engine's memory.

For every vector that is asked for, pgvector's index walks through thousands of pages. Shortened
to their strongest 128 of 384 directions, the vectors of 100,000 cards are 100 MB, and all of them
are compared with all that is asked by two products of matrices. It only tells where Postgres
looks: that filters again by what it knows now, and ranks by the whole vectors.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.operations.log import get_log
from engine.retrieving.embedder import MINILM, Vectors
from engine.retrieving.search_index import read_half
from engine.retrieving.selection import Selection
from engine.storage.database import Database

log = get_log("shortlist")

#: Cards from which on a shortlist pays.
LARGE = 20_000
#: Numbers that are kept of a vector.
SHORT = 128
#: Vectors that tell which directions are the strongest.
SAMPLE = 10_000
#: Cards for the whole prompt's vector and for each keyword's. With them 0.99 of the exact first
#: 150 are found.
FOR_PROMPT, FOR_KEYWORD = 500, 300
#: Rows read at once.
CHUNK = 4000
#: Seconds after which it is taken anew where cards have changed.
AGE = 600.0
#: Changed since so long before it was taken, a card is always looked at: it may have waited for
#: its vectors, or its transaction for its end.
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Shortlist:
    """All cards that were active at one moment; rows are cards."""

    taken: datetime
    ids: NDArray[np.object_]
    #: Shape (cards, SHORT) each, and the directions, (384, SHORT).
    headings: Vectors
    bodies: Vectors
    heading_basis: Vectors
    body_basis: Vectors
    bases: NDArray[np.object_]
    workspaces: NDArray[np.object_]
    unsafe: NDArray[np.bool_]
    here: NDArray[np.bool_]
    kinds: NDArray[np.object_]
    #: Rows of characters and people, by name.
    named: dict[str, list[int]]

    @property
    def since(self) -> datetime:
        """Cards that changed after this are not known to be as they are here."""
        return self.taken - OVERLAP

    def near(self, asked: Vectors, selection: Selection, spoken: Sequence[str]) -> list[str]:
        """Returns the ids of cards near one of the vectors; the first is the whole prompt's."""
        rows = np.flatnonzero(self._allowed(selection, spoken))
        found: set[int] = set()
        pairs = ((self.headings, self.heading_basis), (self.bodies, self.body_basis))
        for short, basis in pairs:
            scores = short @ (basis.T @ asked.T)
            for n in range(len(asked)):
                count = FOR_KEYWORD if n else FOR_PROMPT
                found.update(rows[_first(scores[rows, n], count)].tolist())
        return [str(self.ids[row]) for row in found]

    def _allowed(self, selection: Selection, spoken: Sequence[str]) -> NDArray[np.bool_]:
        allowed = (self.bases == selection.base) & (
            (self.workspaces == "") | (self.workspaces == selection.workspace)
        )
        if not selection.unsafe:
            allowed &= ~self.unsafe
        if selection.with_file and not selection.remote:
            allowed &= self.here
        if not selection.anybody:
            called = np.zeros(len(self.ids), bool)
            called[[row for name in spoken for row in self.named.get(name, ())]] = True
            allowed &= (self.kinds == "") | called
        return np.asarray(allowed, bool)


def _first(scores: Vectors, count: int) -> NDArray[np.intp]:
    return (
        np.argpartition(-scores, count)[:count] if len(scores) > count else np.arange(len(scores))
    )


async def take_shortlist(connection: AsyncConnection) -> Shortlist:
    """Returns the catalogue as it is now."""
    taken: datetime = (await connection.execute(text("select now()"))).scalar_one()
    heading_basis = _directions(await _sample(connection, "heading"))
    body_basis = _directions(await _sample(connection, "body"))
    headings: list[Vectors] = []
    bodies: list[Vectors] = []
    rows: list[tuple[Any, ...]] = []
    found = await connection.stream(_CARDS, {"embedder": MINILM})
    async for chunk in found.partitions(CHUNK):
        headings.append(_whole([row.heading for row in chunk]) @ heading_basis)
        bodies.append(_whole([row.body for row in chunk]) @ body_basis)
        rows += [tuple(row[:7]) for row in chunk]
    ids, families, workspaces, unsafe, here, kinds, names = zip(*rows, strict=True)
    return Shortlist(
        taken=taken,
        ids=np.array(ids, object),
        headings=np.concatenate(headings),
        bodies=np.concatenate(bodies),
        heading_basis=heading_basis,
        body_basis=body_basis,
        bases=np.array(families, object),
        workspaces=np.array(workspaces, object),
        unsafe=np.array(unsafe, bool),
        here=np.array(here, bool),
        kinds=np.array(kinds, object),
        named=_by_name(names),
    )


def _by_name(names: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    named: dict[str, list[int]] = {}
    for row, called in enumerate(names):
        for name in called:
            named.setdefault(name, []).append(row)
    return named


def _whole(sent: Sequence[bytes]) -> Vectors:
    return np.stack([read_half(one) for one in sent])


async def _sample(connection: AsyncConnection, name: str) -> Vectors:
    drawn = text(
        f"select halfvec_send({name}) from adapter_vectors"
        " where embedder = :embedder order by md5(adapter_id) limit :count"
    )
    sent = await connection.scalars(drawn, {"embedder": MINILM, "count": SAMPLE})
    return _whole(sent.all())


def _directions(vectors: Vectors) -> Vectors:
    """The directions along which the vectors are long, shape (384, SHORT)."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, -SHORT:], np.float32)


_CARDS = text(
    """
    select a.id, a.base, a.workspace, a.rating <> 'safe', a.blob is not null, a.kind, a.names,
           halfvec_send(v.heading) as heading, halfvec_send(v.body) as body
    from adapters a join adapter_vectors v on v.adapter_id = a.id and v.embedder = :embedder
    where a.status = 'active'
    """
)


class Nearby:
    """The newest shortlist of a database; others go on with the older one while it is taken."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest: Shortlist | None = None
        self._cards = 0
        self._looked = -AGE
        self._taking: asyncio.Task[None] | None = None

    @property
    def newest(self) -> Shortlist | None:
        """The newest one; None for a small catalogue, and until the first was taken."""
        return self._newest

    def look(self) -> Shortlist | None:
        """Returns the newest one, and has it taken anew in the background when it is old."""
        idle = self._taking is None or self._taking.done()
        if idle and monotonic() - self._looked >= AGE:
            self._taking = asyncio.create_task(self._refresh(), name="shortlist")
        return self._newest

    async def take(self) -> None:
        """Takes it now, where the catalogue is large and has changed."""
        self._looked = monotonic()
        async with self._database.transaction() as connection:
            cards, changed = (await connection.execute(_STATE)).one()
            known = self._newest and self._cards == cards and changed <= self._newest.since
            if cards < LARGE:
                self._newest = None
            elif not known:
                self._newest = await take_shortlist(connection)
            self._cards = cards

    async def _refresh(self) -> None:
        try:
            await self.take()
        except Exception:  # nobody waits for it: the older one serves, and the next look is soon
            log.exception("no new shortlist")


_STATE = text(
    "select coalesce((select cards from adapter_words where word = ''), 0),"
    " (select max(updated_at) from adapters)"
)
