"""Duels: the method's image against its base's, and who preferred which.

Two images of one prompt and seed, one with the best adapters and one without, or with all of them
or with half of their weights, shown in an order that the seed decided. Everybody has one vote;
nobody sees the tally before the duel is decided. Then its frontend posts the result, by the rows
that answers are posted by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import duel_votes
from engine.errors import BadOption
from engine.masks import method_index
from engine.processes.queue import Queue
from engine.requests import answers
from engine.requests.ending import announce_result
from engine.settings import Duels as DuelSettings
from engine.storage.database import Database
from engine.storage.tables import adapters, deliveries, requests
from engine.values import Answer, Opponent, Phase

IMAGES = 2


@dataclass(frozen=True, slots=True)
class Tally:
    """How a duel stands."""

    #: Votes for each image, in the order shown.
    votes: tuple[int, int]
    #: Votes that decide it.
    needed: int
    decided: bool
    #: Index of the method's own image; None where both were made alike.
    method: int | None

    @property
    def cast(self) -> int:
        """All votes."""
        return sum(self.votes)


@dataclass(frozen=True, slots=True)
class Ballot:
    """One decided or open duel, as statistics need it."""

    prompt: str
    #: What the method was held against.
    against: Opponent
    #: Places of both images in the blob store, the method's first.
    images: tuple[str, str]
    checkpoint: str
    composer: str
    #: Adapters of the method's image.
    adapters: tuple[str, ...]
    #: What they are for: "concept", "character" or "person", each once.
    kinds: tuple[str, ...]
    #: Ideas of the prompt that have an adapter.
    ideas: int
    #: Votes for the method's image, and all votes.
    won: int
    cast: int


@dataclass(frozen=True, slots=True)
class Duels:
    """The duels of all workspaces."""

    database: Database
    queue: Queue
    rules: DuelSettings

    async def vote(self, answer: Answer, user: str, image: int) -> Tally | None:
        """Counts a vote and returns how the duel stands; None where the person has voted already.

        Raises BadOption for what is no duel, or one that is decided.
        """
        if answer.request.kind != "duel" or not 0 <= image < IMAGES:
            raise BadOption("That is no duel; ask for one with /stylus duel.")
        async with self.database.transaction() as connection:
            await _line_up(connection, answer.request.id)
            if (await self._tally(connection, answer)).decided:
                raise BadOption("This duel is decided; its result is behind the button beside.")
            row = insert(duel_votes).values(request_id=answer.request.id, user_id=user, image=image)
            counted = row.on_conflict_do_nothing().returning(duel_votes.c.user_id)
            if await connection.scalar(counted) is None:
                return None
            tally = await self._tally(connection, answer)
            if tally.decided:
                request = answer.request
                await announce_result(self.queue, connection, request.id, request.asker.platform)
            return tally

    async def announce_due(self) -> int:
        """Has the results posted of all duels that time has decided; returns how many."""
        told = select(deliveries.c.request_id).where(
            deliveries.c.request_id == requests.c.id, deliveries.c.part == "result"
        )
        due = (
            select(requests.c.id, requests.c.platform)
            .where(
                requests.c.id.in_(select(duel_votes.c.request_id)),
                requests.c.created_at <= self._begun(),
                ~told.exists(),
            )
            .order_by(requests.c.created_at, requests.c.id)
        )
        async with self.database.transaction() as connection:
            found = (await connection.execute(due)).all()
            announced = [
                await announce_result(self.queue, connection, row.id, row.platform) for row in found
            ]
        return sum(announced)

    def _begun(self) -> ColumnElement[datetime]:
        """Returns when the duels were asked for whose time is up now, by the database's clock."""
        return func.now() - timedelta(hours=self.rules.hours)

    async def tally(self, answer: Answer) -> Tally:
        """Returns how the duel stands."""
        async with self.database.transaction() as connection:
            return await self._tally(connection, answer)

    async def _tally(self, connection: AsyncConnection, answer: Answer) -> Tally:
        rows = await connection.execute(
            select(duel_votes.c.image, func.count())
            .where(duel_votes.c.request_id == answer.request.id)
            .group_by(duel_votes.c.image)
        )
        counted = {row[0]: row[1] for row in rows}
        votes = (counted.get(0, 0), counted.get(1, 0))
        over = await connection.scalar(
            select(requests.c.created_at <= self._begun()).where(requests.c.id == answer.request.id)
        )
        decided = sum(votes) >= self.rules.votes or (bool(over) and any(votes))
        return Tally(votes, self.rules.votes, decided, _method(answer))

    async def ballots(self) -> Sequence[Ballot]:
        """Returns every duel that somebody voted in and whose images were not made alike."""
        async with self.database.transaction() as connection:
            voted = await connection.scalars(select(duel_votes.c.request_id).distinct())
            found = []
            for request_id in list(voted):
                answer = await answers.load_answer(connection, request_id)
                tally = await self._tally(connection, answer)
                if tally.method is not None and len(answer.renderings) == IMAGES:
                    kinds = await _kinds(connection, _loaded(answer))
                    found.append(_ballot(answer, kinds, tally, tally.method))
            return found


async def _line_up(connection: AsyncConnection, request_id: str) -> None:
    """Of two who vote at once, the second sees the first: one of them decides."""
    row = select(requests.c.id).where(requests.c.id == request_id)
    await connection.execute(row.with_for_update(key_share=True))


def _method(answer: Answer) -> int | None:
    """Index of the method's own image, if both differ in what they were made with."""
    made_with = {one.index: one.loaded for one in answer.renderings}
    if answer.phase is not Phase.RENDERED or made_with.get(0, ()) == made_with.get(1, ()):
        return None
    return method_index(answer.request.seed)


async def _kinds(connection: AsyncConnection, ids: Sequence[str]) -> tuple[str, ...]:
    found = await connection.scalars(select(adapters.c.kind).where(adapters.c.id.in_(ids)))
    return tuple(sorted({kind or "concept" for kind in found}))


def _loaded(answer: Answer) -> tuple[str, ...]:
    """Ids of all adapters that either image has."""
    return tuple(sorted({a.adapter_id for r in answer.renderings for a in r.loaded}))


def _ballot(answer: Answer, kinds: tuple[str, ...], tally: Tally, method: int) -> Ballot:
    made = answer.composition
    blobs = {one.index: one.blob for one in answer.renderings}
    return Ballot(
        prompt=answer.request.prompt,
        against=answer.request.overrides.against,
        images=(blobs[method], blobs[1 - method]),
        checkpoint=answer.request.sampling.checkpoint,
        composer=made.composer if made else "none",
        adapters=_loaded(answer),
        kinds=kinds,
        ideas=sum(bool(task.picks) for task in made.tasks) if made else 0,
        won=tally.votes[method],
        cast=tally.cast,
    )
