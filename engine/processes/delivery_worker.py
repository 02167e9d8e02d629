"""A frontend's worker: delivers what waits for its platform, alone on that platform.

The frontend itself is the bot's; what is here needs the queue and the database only.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.desk import Desk
from engine.errors import DatabaseUnavailable, Unavailable
from engine.operations.log import get_log
from engine.processes.process import Post, work
from engine.processes.queue import delivery_queue
from engine.storage.database import Database, mapped_errors

log = get_log("delivery")

#: Answers posted at once; the platform's own limits are far below what we could do.
CONCURRENCY = 8
#: Seconds between two looks for answers whose job was lost or could not be posted before.
LOOK_AGAIN = 5.0
#: Seconds that the process before us has to give up its place.
HANDOVER = 10.0
#: Seconds between two tries to take it.
PLACE_LOOK = 0.5


async def run_frontend(
    desk: Desk, platform: str, sides: Sequence[Coroutine[Any, Any, None]], *, tied: bool = False
) -> None:
    """Delivers a platform's answers and runs what the frontend needs beside it, until told to stop
    or until one of them ends; the first one's error is raised.

    The platform's sender must be registered with the desk. Raises `Unavailable` where another
    process serves the platform.
    """
    async with only_frontend(desk.database, platform) as until_lost:
        beside = [asyncio.create_task(side) for side in (*sides, until_lost())]
        worker = asyncio.create_task(_deliver(desk, platform, tied=tied))
        try:
            ended, _ = await asyncio.wait([worker, *beside], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (worker, *beside):
                task.cancel()
            await asyncio.gather(worker, *beside, return_exceptions=True)
    for task in ended:
        if not task.cancelled():
            task.result()


async def _deliver(desk: Desk, platform: str, *, tied: bool) -> None:
    queue = delivery_queue(platform)

    @desk.queue.app.task(name="deliver", queue=queue)
    async def deliver(request_id: str) -> None:
        await desk.deliver(platform, request_id)

    looking = asyncio.create_task(_look_again(desk, platform), name="look again")
    try:
        post = Post(desk.settings, desk.database, desk.queue)
        await work(post, platform, [queue], device="", concurrency=CONCURRENCY, tied=tied)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look_again(desk: Desk, platform: str) -> None:
    while True:
        with contextlib.suppress(DatabaseUnavailable):
            await desk.deliver_waiting(platform)
            await desk.additions.tell_waiting(platform)
        await asyncio.sleep(LOOK_AGAIN)


@asynccontextmanager
async def only_frontend(
    database: Database, platform: str
) -> AsyncIterator[Callable[[], Coroutine[Any, Any, None]]]:
    """Holds the platform's lock: two connections with one token would both answer every event.

    Yields what waits until the lock is lost, and then raises. Raises `Unavailable` where another
    process has the lock and keeps it.
    """
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await _take_place(connection, platform)

        async def until_lost() -> None:
            with mapped_errors():
                while True:
                    await asyncio.sleep(LOOK_AGAIN)
                    await connection.execute(text("select 1"))

        try:
            yield until_lost
        finally:
            await connection.invalidate()  # the lock ends with its connection, not with our use


async def _take_place(connection: AsyncConnection, platform: str) -> None:
    taking = text("select pg_try_advisory_lock(hashtext('stylus frontend'), hashtext(:name))")
    until = asyncio.get_running_loop().time() + HANDOVER
    while not await connection.scalar(taking, {"name": platform}):
        if asyncio.get_running_loop().time() > until:
            raise Unavailable(
                f"Another process already serves {platform} with this database; stop it first."
            )
        await asyncio.sleep(PLACE_LOOK)
