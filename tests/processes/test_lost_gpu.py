"""A GPU that is lost: its requests end with a sentence, and the process asks to be stopped."""

import asyncio
import signal
from collections.abc import Sequence

from engine.library.on_demand import OnDemand
from engine.processes.jobs import run_stage
from engine.processes.process import Post, open_post
from engine.processes.render_worker import Studio, render_request
from engine.rendering.batcher import Batcher
from engine.rendering.job import Job, Outcome
from engine.rendering.memory import DeviceLost
from engine.rendering.pool import Limits, Pool
from engine.rendering.safety import ImageGate
from engine.requests import answers
from engine.requests.ledger import Claim
from engine.requests.progress import ProgressFeed
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.values import Phase
from tests.stages import COMPOSING, claim, store_plan, stored

SENTENCE = "The GPU does not answer any more; its process starts again."


def lost(_jobs: Sequence[Job]) -> list[Outcome]:
    """What a batch does on a device that is gone."""
    raise DeviceLost(SENTENCE)


async def test_a_lost_gpu_ends_the_request_and_stops_the_process(settings: Settings) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    batcher = Batcher(lost, images=4, wait_seconds=0.0)
    try:
        async with open_post(settings) as post:
            async with post.database.transaction() as connection:
                made = await stored(connection)
                assert await store_plan(connection, await claim(connection, COMPOSING))
            studio = Studio(
                pool=Pool([], Limits(0, 0, 0, 4)),
                batcher=batcher,
                store=BlobStore(settings),
                feed=ProgressFeed(post.database.conninfo),
                gates={made.sampling.checkpoint: ImageGate(None, 0.5)},
                on_demand=OnDemand(post.database, BlobStore(settings), settings.library),
            )

            async def job(post: Post, claimed: Claim) -> None:
                await render_request(post, studio, claimed)

            await run_stage(post, made.id, Phase.PLANNED, Phase.RENDERING, job)
            async with post.database.transaction() as connection:
                answer = await answers.load_answer(connection, made.id)
        assert (answer.phase, answer.failure) == (Phase.FAILED, SENTENCE)
        async with asyncio.timeout(10):
            await stopped.wait()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        batcher.close()
