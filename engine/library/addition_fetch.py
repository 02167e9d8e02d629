"""Fetching an addition's file, in the engine: from its source into the blob store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import update

from engine.errors import DatabaseUnavailable
from engine.library.addition_check import refuse_duplicate
from engine.library.addition_stages import Claim, advance, run_stage
from engine.library.downloads import OnBytes
from engine.library.library_tables import additions
from engine.library.references import read_reference
from engine.library.sources import fetched, find
from engine.processes.process import Post
from engine.processes.queue import render_queue
from engine.storage.blobs import BlobStore

#: Seconds between two notes of how much is here.
NOTED = 1.0


async def fetch_addition(post: Post, store: BlobStore, addition_id: str) -> None:
    """Fetches the file and hands it on to a renderer, which can tell what it is."""

    async def work(claimed: Claim) -> None:
        ours = post.settings.library
        found = await find(read_reference(claimed.addition.url or "", ours), ours)
        if found.sha256:  # what is here already need not be fetched again
            async with post.database.transaction() as connection:
                await refuse_duplicate(connection, found.sha256, claimed.addition)
        async with (
            _noting(post, claimed) as on_bytes,
            fetched(found, ours, on_bytes) as file,
        ):
            key = await asyncio.to_thread(store.put_file, "adapters", file.path, ".safetensors")
        told = {"upload": key, "found": found.card, "file_name": found.file_name or file.name}
        async with post.database.transaction() as connection:
            await advance(connection, claimed, state="fetched", **told)
            queue = render_queue(post.settings.checkpoint.name)
            await post.queue.defer_check(connection, addition_id, queue)

    await run_stage(post, store, addition_id, "waiting", "fetching", work)


@asynccontextmanager
async def _noting(post: Post, claimed: Claim) -> AsyncIterator[OnBytes]:
    """Yields what hears how much is here; now and then it is stored, for people who watch."""
    heard: list[tuple[int, int | None]] = []
    ended = asyncio.Event()

    async def note() -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), NOTED)
            if heard:
                with suppress(DatabaseUnavailable):  # nothing but a number is lost
                    await _note(post, claimed, *heard[0])

    def hear(have: int, announced: int | None) -> None:
        heard[:] = [(have, announced)]

    noting = asyncio.create_task(note())
    try:
        yield hear
    finally:
        ended.set()
        await noting


async def _note(post: Post, claimed: Claim, have: int, announced: int | None) -> None:
    async with post.database.transaction() as connection:
        await connection.execute(
            update(additions)
            .where(additions.c.id == claimed.addition.id, additions.c.attempt == claimed.attempt)
            .values(fetched_bytes=have, total_bytes=announced)
        )
