"""What every worker process does: listen to its queues, show signs of life, stop in good order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from engine.errors import DatabaseUnavailable, Unavailable
from engine.operations.endpoint import serve_endpoint
from engine.operations.log import get_log
from engine.operations.metrics import watch_slots
from engine.processes import workers
from engine.processes.queue import Queue, open_queue
from engine.processes.shift import Shift
from engine.requests import backlog
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.schema import check_schema
from engine.storage.waiting import once_it_answers, opened_once_it_answers
from engine.values import Equipment

log = get_log("process")

#: Seconds between two looks whether work is left, for a worker that ends with its parent.
IDLE_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place: what its jobs need."""

    settings: Settings
    database: Database
    queue: Queue


@asynccontextmanager
async def open_post(settings: Settings) -> AsyncIterator[Post]:
    """Opens database and queue, as soon as the database answers.

    Raises `DatabaseUnavailable` where it does not for long, and `SchemaOutdated`.
    """
    async with opened_once_it_answers(lambda: _open(settings)) as post:
        yield post


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Post]:
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            await check_schema(connection)
        async with open_queue(database, connections=4) as queue:
            yield Post(settings, database, queue)


async def work(
    post: Post,
    role: str,
    queues: Sequence[str],
    *,
    device: str,
    concurrency: int,
    tied: bool,
    beside: Sequence[Coroutine[Any, Any, None]] = (),
    equipment: Callable[[], Equipment] = Equipment,
) -> None:
    """Runs jobs until SIGTERM or SIGINT, or, if tied, until standard input is closed by the
    parent and no request is left open; meanwhile it does what is to be done beside."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    worker_id = await once_it_answers(lambda: _announce(post, role, queues, device, equipment()))
    log.info("ready", role=role, queues=list(queues), device=device)
    async with serve_endpoint(post.settings, post.database), asyncio.TaskGroup() as group:
        shift = Shift(post.queue, post.settings.queue, role, queues, concurrency)
        watch_slots(concurrency, lambda: shift.at_work)
        always = (_beat(post, worker_id, equipment, stop), _tidy(post, shift), *beside)
        sides = [group.create_task(one) for one in always]
        if tied:
            sides.append(group.create_task(_watch_parent(post, stop)))
        worker = group.create_task(shift.run())
        sides.append(group.create_task(_stop_when(stop, worker)))
        with contextlib.suppress(asyncio.CancelledError):
            await worker
        for side in sides:
            side.cancel()
    with contextlib.suppress(DatabaseUnavailable):
        async with post.database.transaction() as connection:
            await workers.leave(connection, worker_id)
    log.info("stopped", role=role)


async def _announce(
    post: Post, role: str, queues: Sequence[str], device: str, equipment: Equipment
) -> str:
    async with post.database.transaction() as connection:
        return await workers.announce(connection, role, queues, device, equipment)


async def _stop_when(stop: asyncio.Event, worker: asyncio.Task[None]) -> None:
    await stop.wait()
    worker.cancel()


async def _tidy(post: Post, shift: Shift) -> None:
    while True:
        await asyncio.sleep(post.settings.queue.heartbeat)
        await shift.put_back()


async def _beat(
    post: Post, worker_id: str, equipment: Callable[[], Equipment], stop: asyncio.Event
) -> None:
    """Until it is cancelled, or what the worker works with is gone for good."""
    while True:
        await asyncio.sleep(post.settings.queue.heartbeat)
        try:
            async with post.database.transaction() as connection:
                await workers.beat(connection, worker_id, equipment())
        except DatabaseUnavailable:
            log.warning("no sign of life could be written; trying again")
        except Unavailable as error:
            log.error("this process ends", reason=str(error))
            stop.set()
            return


async def _watch_parent(post: Post, stop: asyncio.Event) -> None:
    """The parent holds the other end of standard input: however it ends, that is closed."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            closed.set()

    loop.add_reader(0, read)
    await closed.wait()
    while await _work_left(post):  # noqa: ASYNC110  the rows are other processes' too
        await asyncio.sleep(IDLE_LOOK)
    stop.set()


async def _work_left(post: Post) -> bool:
    try:
        async with post.database.transaction() as connection:
            return await backlog.any_open(connection)
    except DatabaseUnavailable:
        return True  # nobody knows, and it may come back
