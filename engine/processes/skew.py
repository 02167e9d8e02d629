"""Version skew: what this version's renderer cannot render is left to newer ones.

While machines are updated one after the other, newer engines may plan what an older renderer
would pass over in silence. Such plans have queues of their own, which it does not listen to; one
that reaches it nevertheless, by an older engine's rescuer, goes to where it belongs, unclaimed.
"""

from sqlalchemy import select

from engine import __version__
from engine.operations.log import get_log
from engine.plan import PLANS
from engine.processes.process import Post
from engine.processes.queue import render_queue
from engine.requests.line import place_of
from engine.storage.tables import requests

log = get_log("skew")


async def leave_to_newer(post: Post, request_id: str) -> bool:
    """Returns whether a request needs a newer renderer; if so, its job is in that one's queue."""
    checkpoint = requests.c.sampling["checkpoint"].astext.label("checkpoint")
    async with post.database.transaction() as connection:
        found = await connection.execute(
            select(requests.c.needs, checkpoint).where(requests.c.id == request_id)
        )
        row = found.one_or_none()
        if row is None or row.needs <= PLANS:
            return False
        place = await place_of(connection, request_id)
        queue = render_queue(row.checkpoint, row.needs)
        await post.queue.defer(connection, "render", queue, request_id, place.priority)
    log.warning(
        "the request needs a newer renderer and is left to it; update Stylus on this machine",
        request=request_id, needs=row.needs, knows=PLANS, version=__version__,
    )  # fmt: skip
    return True
