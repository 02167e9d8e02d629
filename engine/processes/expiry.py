"""Expiry: once an hour one engine removes what is kept no longer."""

from engine.community.retention import expire
from engine.operations.log import get_log
from engine.processes.process import Post
from engine.processes.queue import LIBRARY_QUEUE
from engine.requests.allowance import drop_counts
from engine.storage.blobs import BlobStore

log = get_log("expiry")


def register_expiry(post: Post) -> None:
    """Makes this process look for what has expired."""
    retention = post.settings.retention

    @post.queue.app.periodic(cron="17 * * * *")
    @post.queue.app.task(name="expire", queue=LIBRARY_QUEUE, queueing_lock="expire")
    async def expire_old(timestamp: int) -> None:
        async with post.database.transaction() as connection:
            await drop_counts(connection)
        gone = await expire(post.database, BlobStore(post.settings), retention)
        log.info("removed what had expired", requests=gone.requests, images=gone.images)
