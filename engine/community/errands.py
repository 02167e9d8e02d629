"""Errands: what a chat's event asks for and is done after the platform has its acknowledgement.

An errand is stored with its event before the platform hears that the event came, and its row goes
once it is done. Whoever dies in between, the platform's next process does it; so doing one twice
must do no harm. What outages break off is tried again for about three hours.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, cast, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import errands
from engine.community.events import is_first
from engine.operations.log import get_log
from engine.storage.database import Database
from engine.values import Asker

log = get_log("errands")

#: How often one is begun, also by processes that it takes with it.
TRIES = 10
#: Seconds until one that broke off is tried again, twice as many after each try.
WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to be done in a chat."""

    id: int
    asker: Asker
    #: What it is, in the words of the frontend that stored it.
    kind: str
    details: Mapping[str, Any]
    #: It is not tried again.
    last: bool


#: Does an errand; what it raises breaks that off until later.
Doer = Callable[[Errand], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Errands:
    """The errands of all platforms."""

    database: Database
    _doers: dict[str, Doer] = field(default_factory=dict)
    #: Those that this process is at. A platform's part has one process.
    _under_way: set[int] = field(default_factory=set)

    def register(self, platform: str, doer: Doer) -> None:
        """Names who does the errands of a platform."""
        self._doers[platform] = doer

    async def want(
        self, asker: Asker, event_id: str, kind: str, details: Mapping[str, Any]
    ) -> int | None:
        """Stores an errand and returns its id; None for an event that comes again."""
        async with self.database.transaction() as connection:
            if not await is_first(connection, asker.platform, event_id):
                return None
            return await store_errand(connection, asker, kind, details)

    async def note(self, errand_id: int, more: Mapping[str, Any]) -> None:
        """Adds to an errand's details what whoever goes on with it has to know."""
        async with self.database.transaction() as connection:
            await connection.execute(
                update(errands)
                .where(errands.c.id == errand_id)
                .values(details=errands.c.details.op("||")(cast(dict(more), JSONB)))
            )

    async def do_waiting(
        self, platform: str, serves: Callable[[Asker], bool] = lambda _: True
    ) -> int:
        """Does what is due, one after the other; returns how many are done.

        Frontends call this from time to time: it also finds what an earlier process has left.
        `serves` leaves out people whom another process of the platform looks after.
        """
        due = select(errands).where(
            errands.c.platform == platform, errands.c.due_at <= func.clock_timestamp()
        )
        async with self.database.transaction() as connection:
            waiting = (await connection.execute(due.order_by(errands.c.id))).all()
        return sum([await self.do(platform, one.id) for one in waiting if serves(_asker_of(one))])

    async def do(self, platform: str, errand_id: int) -> bool:
        """Does one errand; returns False where it is done, somebody is at it, or it broke off."""
        doer = self._doers.get(platform)
        if doer is None or errand_id in self._under_way:
            return False
        self._under_way.add(errand_id)
        try:
            errand = await self._begin(errand_id)
            return errand is not None and await self._finish(doer, errand)
        finally:
            self._under_way.discard(errand_id)

    async def _begin(self, errand_id: int) -> Errand | None:
        begun = update(errands).where(errands.c.id == errand_id)
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                begun.values(tries=errands.c.tries + 1).returning(errands)
            )
            row = rows.one_or_none()
        if row is None:
            return None
        return Errand(row.id, _asker_of(row), row.kind, row.details, row.tries >= TRIES)

    async def _finish(self, doer: Doer, errand: Errand) -> bool:
        try:
            await doer(errand)
        except Exception as error:
            log.warning("an errand broke off", errand=errand.kind, reason=str(error))
            if not errand.last:
                await self._put_off(errand)
                return False
        async with self.database.transaction() as connection:
            await connection.execute(delete(errands).where(errands.c.id == errand.id))
        return True

    async def _put_off(self, errand: Errand) -> None:
        pause = func.power(2, errands.c.tries) * text(f"interval '{WAIT / 2} seconds'")
        async with self.database.transaction() as connection:
            await connection.execute(
                update(errands)
                .where(errands.c.id == errand.id)
                .values(due_at=func.clock_timestamp() + pause)
            )


async def store_errand(
    connection: AsyncConnection, asker: Asker, kind: str, details: Mapping[str, Any]
) -> int:
    """Stores an errand in a transaction with what else belongs to it; returns its id."""
    row = insert(errands).values(
        platform=asker.platform,
        workspace=asker.workspace,
        channel=asker.channel,
        user_id=asker.user,
        kind=kind,
        details=dict(details),
    )
    return int((await connection.execute(row.returning(errands.c.id))).scalar_one())


def _asker_of(row: Row[Any]) -> Asker:
    return Asker(row.platform, row.workspace, row.channel, row.user_id)
