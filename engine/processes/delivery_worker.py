"""A frontend's worker: delivers what waits for its platform, alone on that platform.

The frontend itself is the bot's; what is here needs the queue and the database only.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.desk import Desk
from engine.errors import DatabaseUnavailable, Unavailable
from engine.operations.log import get_log
from engine.operations.metrics import DELIVERIES
from engine.processes.process import Post, work
from engine.processes.queue import delivery_queue
from engine.storage.database import Database, mapped_errors
from engine.values import Asker

log = get_log("delivery")

#: Answers posted at once; the platform's own limits are far below what we could do.
CONCURRENCY = 8
#: Seconds between two looks for answers whose job was lost or could not be posted before.
LOOK_AGAIN = 5.0
#: Seconds that the process before us has to give up its place.
HANDOVER = 10.0
#: Seconds between two tries to take it.
PLACE_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """What one process serves of a platform."""

    platform: str
    #: Names of the shards that it alone has; none: the whole platform.
    shards: Sequence[str] = ()
    #: The shard that somebody belongs to.
    shard_of: Callable[[Asker], str] = lambda _: ""

    def serves(self, asker: Asker) -> bool:
        """Whether this process looks after somebody."""
        return not self.shards or self.shard_of(asker) in self.shards

    @property
    def queues(self) -> list[str]:
        """Its queues: the platform's, and one for each shard."""
        return [delivery_queue(self.platform, shard) for shard in ("", *self.shards)]


async def run_frontend(
    desk: Desk, part: Part, sides: Sequence[Coroutine[Any, Any, None]], *, tied: bool = False
) -> None:
    """Delivers the part's answers and runs what the frontend needs beside it, until told to stop
    or until one of them ends; the first one's error is raised.

    The platform's sender must be registered with the desk. Raises `Unavailable` where another
    process serves the part.
    """
    async with only_frontend(desk.database, part) as until_lost:
        beside = [asyncio.create_task(side) for side in (*sides, until_lost())]
        worker = asyncio.create_task(_deliver(desk, part, tied=tied))
        try:
            ended, _ = await asyncio.wait([worker, *beside], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (worker, *beside):
                task.cancel()
            await asyncio.gather(worker, *beside, return_exceptions=True)
    for task in ended:
        if not task.cancelled():
            task.result()


async def _deliver(desk: Desk, part: Part, *, tied: bool) -> None:
    @desk.queue.app.task(name="deliver", queue=part.queues[0])
    async def deliver(request_id: str) -> None:
        asker = (await desk.answer(request_id)).request.asker
        structlog.contextvars.bind_contextvars(request=request_id)
        if part.serves(asker):
            posted = await desk.deliver(part.platform, request_id)
            state = "posted" if posted else "not posted"
            DELIVERIES.labels(part.platform, state).inc()
            log.info("delivered", state=state)
        else:  # whoever has the shard listens there
            queue = delivery_queue(part.platform, part.shard_of(asker))
            async with desk.database.transaction() as connection:
                await desk.queue.defer(connection, "deliver", queue, request_id, 0)

    sides = (_look_again(desk, part), _do_errands(desk, part))
    looking = [asyncio.create_task(side) for side in sides]
    try:
        post = Post(desk.settings, desk.database, desk.queue)
        queues = part.queues
        await work(post, part.platform, queues, device="", concurrency=CONCURRENCY, tied=tied)
    finally:
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


async def _look_again(desk: Desk, part: Part) -> None:
    while True:
        with contextlib.suppress(DatabaseUnavailable):
            posted = await desk.deliver_waiting(part.platform, part.serves)
            DELIVERIES.labels(part.platform, "posted").inc(posted)
            await desk.announcing.tell_waiting(part.platform, part.serves)
        await asyncio.sleep(LOOK_AGAIN)


async def _do_errands(desk: Desk, part: Part) -> None:
    """Beside the answers, which nobody's long errand shall hold up."""
    while True:
        with contextlib.suppress(DatabaseUnavailable):
            await desk.errands.do_waiting(part.platform, part.serves)
        await asyncio.sleep(LOOK_AGAIN)


@asynccontextmanager
async def only_frontend(
    database: Database, part: Part
) -> AsyncIterator[Callable[[], Coroutine[Any, Any, None]]]:
    """Holds the part's locks: two connections with one token would both answer every event.

    Yields what waits until the lock is lost, and then raises. Raises `Unavailable` where another
    process has the lock and keeps it.
    """
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await _take_place(connection, part)

        async def until_lost() -> None:
            with mapped_errors():
                while True:
                    await asyncio.sleep(LOOK_AGAIN)
                    await connection.execute(text("select 1"))

        try:
            yield until_lost
        finally:
            await connection.invalidate()  # the lock ends with its connection, not with our use


async def _take_place(connection: AsyncConnection, part: Part) -> None:
    """The whole platform excludes every part of it; the parts exclude only each other."""
    sharing = "_shared" if part.shards else ""
    await _lock(connection, part.platform, sharing)
    for shard in part.shards:
        await _lock(connection, delivery_queue(part.platform, shard), "")


async def _lock(connection: AsyncConnection, name: str, sharing: str) -> None:
    taking = text(
        f"select pg_try_advisory_lock{sharing}(hashtext('stylus frontend'), hashtext(:name))"
    )
    until = asyncio.get_running_loop().time() + HANDOVER
    while not await connection.scalar(taking, {"name": name}):
        if asyncio.get_running_loop().time() > until:
            raise Unavailable(
                f"Another process already serves {name} with this database; stop it first."
            )
        await asyncio.sleep(PLACE_LOOK)
