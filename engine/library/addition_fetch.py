"""Fetching an addition's file, in the engine: from its URL into the blob store."""

import asyncio

from engine.library.addition_stages import Claim, advance, run_stage
from engine.library.addresses import Reach
from engine.library.downloads import Bounds, download
from engine.processes.process import Post
from engine.processes.queue import render_queue
from engine.storage.blobs import BlobStore


async def fetch_addition(post: Post, store: BlobStore, addition_id: str) -> None:
    """Fetches the file and hands it on to a renderer, which can tell what it is."""

    async def work(claimed: Claim) -> None:
        ours = post.settings.library
        bounds = Bounds(ours.download_mb * 2**20, ours.download_seconds)
        async with download(claimed.addition.url or "", Reach.of(ours), bounds) as file:
            key = await asyncio.to_thread(store.put_file, "adapters", file.path, ".safetensors")
        async with post.database.transaction() as connection:
            await advance(connection, claimed, state="fetched", upload=key)
            queue = render_queue(post.settings.checkpoint.name)
            await post.queue.defer_check(connection, addition_id, queue)

    await run_stage(post, store, addition_id, "waiting", "fetching", work)
