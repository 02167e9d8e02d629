"""The end of duels: engines have the results posted of those whose time is up."""

from asyncio import sleep

from engine.community.duels import Duels
from engine.errors import Unavailable
from engine.operations.log import get_log
from engine.processes.process import Post

log = get_log("duels")

#: Seconds between two looks.
LOOK = 60.0


async def keep_ending_duels(post: Post) -> None:
    """Looks for duels that nobody has ended by voting, until it is cancelled.

    The database says whose time is up, and that a result is posted once, however many look.
    """
    duels = Duels(post.database, post.queue, post.settings.duels)
    while True:
        await sleep(LOOK)
        try:
            announced = await duels.announce_due()
        except Unavailable:
            continue  # they wait for the next look
        except Exception:
            log.exception("a look for duels failed")
            continue
        if announced:
            log.info("duels were decided by time", count=announced)
