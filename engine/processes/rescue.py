"""The rescuer: gives the jobs of dead workers to living ones, and keeps the line in order.

A worker is dead when its heartbeat has stopped, never because a job takes long. A request that
has no job at all (its worker lost the database in the wrong moment) gets a new one, and so does a
LoRA on its way into the library.

The database's clock alone decides; those of the machines may be wrong, or jump. And the rescuer
is no job itself: it would wait for a place while all are taken by jobs that wait for a language
model, and the queue's timetable goes by the machine's clock.
"""

from asyncio import sleep
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from procrastinate.exceptions import ConnectorException
from sqlalchemy import Row, column, literal_column, select, table, text, update

from engine.errors import Unavailable
from engine.operations.log import get_log
from engine.processes.library_rescue import rescue_additions
from engine.processes.process import Post
from engine.processes.queue import AT_ONCE, COMPOSE_QUEUE, render_queue
from engine.requests.line import line, place_of
from engine.values import Phase

log = get_log("rescue")

#: Requests whose priorities are kept right.
HEAD = 200


async def keep_rescuing(post: Post) -> None:
    """Looks for what is left over every few seconds, until it is cancelled.

    Right after an outage nobody is thought dead: the living could give no sign of life either. But
    requests whose jobs ended for want of the database get new ones at once.
    """
    timing = post.settings.queue
    judges_from = monotonic()
    while True:
        try:
            await rescue(post, judges=monotonic() >= judges_from)
        except (Unavailable, ConnectorException):
            judges_from = monotonic() + timing.stalled
        except Exception:
            log.exception("a look for dead workers failed")
        await sleep(timing.rescue)


async def rescue(post: Post, *, judges: bool = True) -> None:
    """One look, unless another engine is just looking. Raises what an outage raises.

    Where it does not judge, nobody is thought dead.
    """
    async with _alone(post) as alone:
        if alone:
            if judges:
                await rescue_jobs(post)
            await rescue_requests(post)
            await rescue_additions(post)
            await move_up(post)


@asynccontextmanager
async def _alone(post: Post) -> AsyncIterator[bool]:
    """Of two at once the second would put back what a living worker has just taken up."""
    taking = text("select pg_try_advisory_xact_lock(hashtext('stylus rescuer'))")
    async with post.database.transaction() as connection:
        yield bool(await connection.scalar(taking))


async def rescue_jobs(post: Post) -> int:
    """Puts the jobs of workers without a heartbeat back into their queues; returns how many."""
    manager = post.queue.app.job_manager
    stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=post.settings.queue.stalled)
    count = 0
    for job in stalled:
        log.warning("a worker died; its job is taken up again", job=job.id, task=job.task_name)
        await manager.retry_job(job, retry_at=AT_ONCE)
        count += 1
    return count


async def rescue_requests(post: Post) -> int:
    """Enqueues every open request that has no job; returns how many."""
    async with post.database.transaction() as connection:
        # One engine at a time, and the search in a statement of its own: it has to see the jobs
        # that the one before has just enqueued.
        await connection.execute(text("select pg_advisory_xact_lock(hashtext('stylus rescue'))"))
        orphans = (await connection.execute(_ORPHANS)).all()
        for row in orphans:
            log.warning("a request had no job; it gets one", request=row.id, phase=row.phase)
            task, queue = _stage(row)
            place = await place_of(connection, row.id)
            await post.queue.defer(connection, task, queue, row.id, place.priority)
    return len(orphans)


async def move_up(post: Post) -> int:
    """Gives the jobs at the head of the line the priorities of their places; returns how many.

    A request's round and turn become better with every one that ends before it, and its job does
    not know. Only the head is touched: it is more than what is rendered until the next look.
    """
    whole = line().subquery()
    head = select(whole).where(whole.c.ahead < HEAD).subquery()
    jobs = table("procrastinate_jobs", *map(column, ("args", "status", "task_name", "priority")))
    async with post.database.transaction() as connection:
        moved = await connection.execute(
            update(jobs)
            .where(
                jobs.c.args.op("->>")("request_id") == head.c.id,
                jobs.c.task_name.in_(["compose", "render"]),
                jobs.c.status == literal_column("'todo'::procrastinate_job_status"),
                jobs.c.priority != head.c.priority,
            )
            .values(priority=head.c.priority)
        )
    return moved.rowcount


def _stage(row: Row[Any]) -> tuple[str, str]:
    if row.phase in (Phase.QUEUED, Phase.COMPOSING):
        return "compose", COMPOSE_QUEUE
    return "render", render_queue(row.checkpoint, row.needs)


#: Requests that somebody is just moving on are left alone.
_ORPHANS = text(
    """
    select r.id, r.phase, r.sampling ->> 'checkpoint' as checkpoint, r.needs from requests r
    where r.phase not in ('rendered', 'failed', 'cancelled')
      and not exists (
          select 1 from procrastinate_jobs j
          where j.args ->> 'request_id' = r.id and j.status in ('todo', 'doing')
      )
    for update skip locked
    """
)
