"""The end of duels: once a minute one engine has the results posted of those whose time is up."""

from engine.community.duels import Duels
from engine.operations.log import get_log
from engine.processes.process import Post
from engine.processes.queue import LIBRARY_QUEUE

log = get_log("duels")


def register_duel_ending(post: Post) -> None:
    """Makes this process look for duels that nobody has ended by voting."""
    duels = Duels(post.database, post.queue, post.settings.duels)

    @post.queue.app.periodic(cron="* * * * *")
    @post.queue.app.task(name="end duels", queue=LIBRARY_QUEUE, queueing_lock="end duels")
    async def end_duels(timestamp: int) -> None:
        announced = await duels.announce_due()
        if announced:
            log.info("duels were decided by time", count=announced)
