"""Expiry: once an hour engines remove what is kept no longer."""

from asyncio import sleep

from engine.community.retention import expire
from engine.errors import Unavailable
from engine.operations.log import get_log
from engine.processes.process import Post
from engine.requests.allowance import drop_counts
from engine.storage.blobs import BlobStore

log = get_log("expiry")

#: Seconds from an engine's start to its first look, and between two: several engines look more
#: often, each at what is left.
FIRST, AGAIN = 60.0, 3600.0


async def keep_expiring(post: Post) -> None:
    """Looks for what has expired, until it is cancelled. By no machine's clock: those may jump."""
    pause = FIRST
    while True:
        await sleep(pause)
        pause = AGAIN
        try:
            await expire_old(post)
        except Unavailable as error:
            log.warning("what has expired stays for now", reason=str(error))
        except Exception:
            log.exception("a look for what has expired failed")


async def expire_old(post: Post) -> None:
    """One look. Raises `Unavailable`."""
    async with post.database.transaction() as connection:
        await drop_counts(connection)
    gone = await expire(post.database, BlobStore(post.settings), post.settings.retention)
    log.info("removed what had expired", requests=gone.requests, images=gone.images)
