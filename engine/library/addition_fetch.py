"""Fetching an addition's file, in the engine: from its source into the blob store."""

import asyncio

from engine.library.addition_check import refuse_duplicate
from engine.library.addition_stages import Claim, advance, run_stage
from engine.library.references import read_reference
from engine.library.sources import fetched, find
from engine.processes.process import Post
from engine.processes.queue import render_queue
from engine.storage.blobs import BlobStore


async def fetch_addition(post: Post, store: BlobStore, addition_id: str) -> None:
    """Fetches the file and hands it on to a renderer, which can tell what it is."""

    async def work(claimed: Claim) -> None:
        ours = post.settings.library
        found = await find(read_reference(claimed.addition.url or "", ours), ours)
        if found.sha256:  # what is here already need not be fetched again
            async with post.database.transaction() as connection:
                await refuse_duplicate(connection, found.sha256, claimed.addition)
        async with fetched(found, ours) as file:
            key = await asyncio.to_thread(store.put_file, "adapters", file.path, ".safetensors")
        told = {"upload": key, "found": found.card, "file_name": found.file_name or file.name}
        async with post.database.transaction() as connection:
            await advance(connection, claimed, state="fetched", **told)
            queue = render_queue(post.settings.checkpoint.name)
            await post.queue.defer_check(connection, addition_id, queue)

    await run_stage(post, store, addition_id, "waiting", "fetching", work)
