"""Rescuing what the library waits for: LoRAs on their way in.

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
