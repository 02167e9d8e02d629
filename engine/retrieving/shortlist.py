"""The shortlist: a large catalogue's vectors, shortened, in the engine's memory.

For every vector that is asked for, pgvector's index walks through thousands of pages. Here all
cards are compared by their strongest 128 of 384 directions in two products of matrices, and those
that come near by their whole vectors in a byte a number: 180 MB for 100,000 cards. It only tells
where Postgres looks: that filters again by what it knows now, and ranks by the vectors as stored.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.operations.log import get_log
from engine.retrieving.embedder import MINILM, MiniLM, Vectors
from engine.retrieving.search_index import read_halves
from engine.retrieving.selection import Selection
from engine.storage.database import Database

log = get_log("shortlist")

Rows = NDArray[np.intp]

#: Cards from which on a shortlist pays.
LARGE = 20_000
#: Numbers that are kept of a vector in single precision.
SHORT = 128
#: Vectors that tell which directions are the strongest.
SAMPLE = 10_000
#: Cards whose whole vectors are looked at, for the whole prompt's vector and for each keyword's.
FOR_PROMPT, FOR_KEYWORD = 600, 400
#: Cards that each ranking gets; the retriever's are 200 long, and some may be gone by now.
LISTED = 250
#: Of so many scores one is looked at first.
STRIDE = 16
#: Rows read at once.
CHUNK = 4000
#: Seconds after which it is taken anew where cards have changed.
AGE = 600.0
#: Changed since so long before it was taken, a card is always looked at: its transaction may have
#: waited for its end.
OVERLAP = timedelta(minutes=5)
#: Cards that waited for their vectors, or changed since, and are looked at anyway.
MOST_FRESH = 2000


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two vectors of every card."""

    #: The strongest directions, shape (384, SHORT), and the vectors along them, (SHORT, cards):
    #: lying so, they are multiplied four times as fast.
    basis: Vectors
    short: Vectors
    #: The vectors in a byte a number, (cards, 384), and what each card's are multiplied with.
    whole: NDArray[np.int8]
    scale: Vectors

    def put(self, rows: Rows, vectors: Vectors) -> None:
        """Stores vectors of shape (rows, 384) of some cards."""
        self.short[:, rows] = (vectors @ self.basis).T
        scale = np.abs(vectors).max(1) / 127 + np.float32(1e-12)
        self.whole[rows] = np.rint(vectors / scale[:, None]).astype(np.int8)
        self.scale[rows] = scale

    def near(self, asked: Vectors, span: slice, allowed: NDArray[np.bool_], more: Rows) -> Rows:
        """Returns the rows nearest to the first vector, and to any of the others.

        They are looked for in the span where allowed; `more` are looked at anyway.
        """
        likeness = (asked @ self.basis) @ self.short[:, span]
        if not allowed.all():
            likeness[:, ~allowed] = -np.inf
        likely = [
            np.append(_first(scores, FOR_KEYWORD if n else FOR_PROMPT) + span.start, more)
            for n, scores in enumerate(likeness)
        ]
        groups = [(likely[0], asked[:1])]
        if len(asked) > 1:
            groups.append((np.unique(np.concatenate(likely[1:])), asked[1:]))
        return np.concatenate([self._nearest(rows, vectors) for rows, vectors in groups])

    def _nearest(self, rows: Rows, asked: Vectors) -> Rows:
        likeness = (self.whole[rows].astype(np.float32) @ asked.T).max(1) * self.scale[rows]
        return rows[_first(likeness, LISTED)]


def _side(cards: int, basis: Vectors) -> Side:
    return Side(
        basis,
        np.zeros((SHORT, cards), np.float32),
        np.zeros((cards, len(basis)), np.int8),
        np.zeros(cards, np.float32),
    )


def _first(scores: Vectors, count: int) -> Rows:
    """The rows of the highest finite scores. A sample tells about where these end, so that a
    thousand of a hundred thousand are put in order and not all."""
    rank = 2 * count // STRIDE
    sample = -scores[::STRIDE]
    bound = -np.partition(sample, rank)[rank] if rank < len(sample) else -np.inf
    likely = np.flatnonzero(scores > bound)
    if len(likely) < count:
        likely = np.flatnonzero(np.isfinite(scores))
    if len(likely) <= count:
        return likely
    return likely[np.argpartition(-scores[likely], count)[:count]]


@dataclass(frozen=True, slots=True)
class Shortlist:
    """All cards that were active at one moment, ordered by family, plain ones first."""

    taken: datetime
    ids: NDArray[np.object_]
    headings: Side
    bodies: Side
    #: First row, first row of characters and people, and one behind the last, by family.
    families: dict[str, tuple[int, int, int]]
    #: Number of each card's workspace; those of everybody are 0.
    places: NDArray[np.int32]
    workspaces: dict[str, int]
    unsafe: NDArray[np.bool_]
    here: NDArray[np.bool_]
    #: Rows of characters and people, by name.
    named: dict[str, list[int]]
    #: Cards that waited for their vectors, or for newer ones.
    waiting: tuple[str, ...]

    @property
    def since(self) -> datetime:
        """Cards that changed after this are not known to be as they are here."""
        return self.taken - OVERLAP

    async def near(
        self, headings: Vectors, bodies: Vectors, selection: Selection, spoken: Sequence[str]
    ) -> list[str]:
        """Returns the ids of cards near one of the vectors; the first is the whole prompt's.

        They are held against the cards' headings and bodies, in a thread each.
        """
        first, plain, behind = self.families.get(selection.base, (0, 0, 0))
        span = slice(first, behind if selection.anybody else plain)
        called = [] if selection.anybody else [r for n in spoken for r in self.named.get(n, ())]
        more = np.array(sorted({row for row in called if first <= row < behind}), np.intp)
        more = more[self._allowed(selection, more)]
        allowed = self._allowed(selection, span)
        sides = ((self.headings, headings), (self.bodies, bodies))
        found = await asyncio.gather(
            *(asyncio.to_thread(side.near, asked, span, allowed, more) for side, asked in sides)
        )
        return [*map(str, self.ids[np.unique(np.concatenate(found))]), *self.waiting]

    def _allowed(self, selection: Selection, rows: slice | Rows) -> NDArray[np.bool_]:
        places = self.places[rows]
        allowed: NDArray[np.bool_] = places == 0
        if selection.workspace in self.workspaces:
            allowed |= places == self.workspaces[selection.workspace]
        if not selection.unsafe:
            allowed &= ~self.unsafe[rows]
        if selection.with_file and not selection.remote:
            allowed &= self.here[rows]
        return allowed


async def take_shortlist(connection: AsyncConnection) -> Shortlist:
    """Returns the catalogue as it is now."""
    taken: datetime = (await connection.execute(text("select now()"))).scalar_one()
    cards = sorted((await connection.execute(_CARDS)).all(), key=_order)
    of = {card.id: row for row, card in enumerate(cards)}
    headings = _side(len(cards), _directions(await _sample(connection, "heading")))
    bodies = _side(len(cards), _directions(await _sample(connection, "body")))
    found = await connection.stream(_VECTORS, {"embedder": MINILM})
    async for chunk in found.partitions(CHUNK):
        known = [row for row in chunk if row.adapter_id in of]
        if known:
            rows = np.array([of[row.adapter_id] for row in known])
            headings.put(rows, read_halves([row.heading for row in known], MiniLM.dimensions))
            bodies.put(rows, read_halves([row.body for row in known], MiniLM.dimensions))
    workspaces = {"": 0}
    for card in cards:
        workspaces.setdefault(card.workspace, len(workspaces))
    waiting = np.flatnonzero(headings.scale == 0)[:MOST_FRESH]
    return Shortlist(
        taken=taken,
        ids=np.array([card.id for card in cards], object),
        headings=headings,
        bodies=bodies,
        families=_families(cards),
        places=np.array([workspaces[card.workspace] for card in cards], np.int32),
        workspaces=workspaces,
        unsafe=np.array([card.unsafe for card in cards], bool),
        here=np.array([card.here for card in cards], bool),
        named=_by_name(cards),
        waiting=tuple(cards[row].id for row in waiting),
    )


def _order(card: Row[Any]) -> tuple[str, bool]:
    return card.base, bool(card.kind)


def _families(cards: Sequence[Row[Any]]) -> dict[str, tuple[int, int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for card in cards:
        plain, called = counts.get(card.base, (0, 0))
        counts[card.base] = (plain + (not card.kind), called + bool(card.kind))
    families, first = {}, 0
    for base, (plain, called) in counts.items():
        families[base] = (first, first + plain, first + plain + called)
        first += plain + called
    return families


def _by_name(cards: Sequence[Row[Any]]) -> dict[str, list[int]]:
    named: dict[str, list[int]] = {}
    for row, card in enumerate(cards):
        for name in card.names if card.kind else ():
            named.setdefault(name, []).append(row)
    return named


async def _sample(connection: AsyncConnection, name: str) -> Vectors:
    drawn = text(
        f"select halfvec_send({name}) from adapter_vectors"
        " where embedder = :embedder order by md5(adapter_id) limit :count"
    )
    sent = await connection.scalars(drawn, {"embedder": MINILM, "count": SAMPLE})
    return read_halves(sent.all(), MiniLM.dimensions)


def _directions(vectors: Vectors) -> Vectors:
    """The directions along which the vectors are long, shape (384, SHORT)."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, -SHORT:], np.float32)


_CARDS = text(
    """
    select id, base, workspace, rating <> 'safe' as unsafe, blob is not null as here, kind, names
    from adapters where status = 'active'
    """
)
_VECTORS = text(
    """
    select v.adapter_id, halfvec_send(v.heading) as heading, halfvec_send(v.body) as body
    from adapter_vectors v join adapter_texts t using (adapter_id, digest)
    where v.embedder = :embedder
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
            one = self._newest
            known = one and not one.waiting and self._cards == cards and changed <= one.since
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
