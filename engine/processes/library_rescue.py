"""Rescuing what the library waits for: LoRAs on their way in, and cards to be embedded.

A process that is stopped gives a long download up, and an outage ends its job; neither may leave
an addition without one.
"""

from sqlalchemy import text

from engine.operations.log import get_log
from engine.processes.process import Post
from engine.processes.queue import render_queue

log = get_log("rescue")


async def rescue_additions(post: Post) -> int:
    """Enqueues every addition under way that has no job; returns how many."""
    async with post.database.transaction() as connection:
        left = (await connection.execute(_ADDITIONS)).all()
        for row in left:
            log.warning("an addition had no job; it gets one", addition=row.id, state=row.state)
            if row.state in ("waiting", "fetching"):
                await post.queue.defer_fetch(connection, row.id)
            else:
                queue = render_queue(post.settings.checkpoint.name)
                await post.queue.defer_check(connection, row.id, queue)
    return len(left)


async def rescue_embedding(post: Post) -> bool:
    """Enqueues the embedding of cards where the last one was broken off; returns whether."""
    async with post.database.transaction() as connection:
        broken_off = bool(await connection.scalar(_EMBEDDING))
        if broken_off:
            log.warning("an embedding was broken off; it goes on")
            await post.queue.defer_embedding(connection)
    return broken_off


_ADDITIONS = text(
    """
    select a.id, a.state from additions a
    where a.state in ('waiting', 'fetching', 'fetched', 'checking')
      and not exists (
          select 1 from procrastinate_jobs j
          where j.args ->> 'addition_id' = a.id and j.status in ('todo', 'doing')
      )
    for update skip locked
    """
)

_EMBEDDING = text(
    """
    select status in ('aborted', 'failed') from procrastinate_jobs
    where task_name = 'embed' order by id desc limit 1
    """
)
