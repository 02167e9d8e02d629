"""A GPU that is lost: its process asks to be stopped, and its requests go to another one.

`test_crashes` shows it with a whole process.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence

import pytest
from PIL import Image

from engine.errors import Unavailable
from engine.library.on_demand import OnDemand
from engine.processes.jobs import HandedOn, run_stage
from engine.processes.process import Post, open_post, work
from engine.processes.render_worker import Studio, render_request
from engine.processes.rescue import rescue_requests
from engine.rendering.batcher import Batcher
from engine.rendering.job import Batch, Job, Outcome, RenderedImage
from engine.rendering.memory import DeviceLost
from engine.rendering.pool import Limits, Pool
from engine.rendering.safety import ImageGate
from engine.requests import answers
from engine.requests.ledger import Claim
from engine.requests.progress import ProgressFeed
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.values import Equipment, Phase, Request
from tests.stages import COMPOSING, claim, store_plan, stored

Render = Callable[[Sequence[Job]], list[Outcome]]


def lost(_jobs: Sequence[Job]) -> list[Outcome]:
    """What a batch does on a device that is gone."""
    raise DeviceLost("The GPU does not answer any more; its process starts again.")


class Healthy:
    """Another process's device: it notes who was to share a batch with others."""

    def __init__(self) -> None:
        self.alone: list[str] = []

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        self.alone += [job.alone for job in jobs]
        return [Batch(tuple(self._image(job)), (), 0.0, 0.0) for job in jobs]

    def _image(self, job: Job) -> list[RenderedImage]:
        return [RenderedImage(plan, Image.new("RGB", (64, 64)), (), ()) for plan in job.plans]


async def run(post: Post, made: Request, render: Render) -> None:
    """One renderer's turn at the request."""
    batcher = Batcher(render, images=4, wait_seconds=0.0)
    studio = Studio(
        pool=Pool([], Limits(0, 0, 0, 4)),
        batcher=batcher,
        store=BlobStore(post.settings),
        feed=ProgressFeed(post.database.conninfo),
        gates={made.sampling.checkpoint: ImageGate(None, 0.5)},
        on_demand=OnDemand(post.database, BlobStore(post.settings), post.settings.library),
    )

    async def job(post: Post, claimed: Claim) -> None:
        await render_request(post, studio, claimed)

    try:
        await run_stage(post, made.id, Phase.PLANNED, Phase.RENDERING, job)
    finally:
        batcher.close()


async def test_a_worker_whose_device_is_gone_ends_before_it_takes_more(settings: Settings) -> None:
    """Nothing was being rendered: its next sign of life is when it notices."""
    looks: list[int] = []

    def equipment() -> Equipment:
        looks.append(1)
        if len(looks) > 1:
            raise Unavailable("The GPU does not answer any more; its process starts again.")
        return Equipment()

    timing = settings.queue.model_copy(update={"heartbeat": 0.3})
    async with open_post(settings.model_copy(update={"queue": timing})) as post:
        async with asyncio.timeout(20):
            await work(
                post,
                "renderer",
                ["render:test"],
                device="cuda",
                concurrency=1,
                tied=False,
                equipment=equipment,
            )
    assert len(looks) == 2


async def test_a_lost_gpu_stops_its_process_and_hands_on_the_request(settings: Settings) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    healthy = Healthy()
    try:
        async with open_post(settings) as post:
            async with post.database.transaction() as connection:
                made = await stored(connection)
                assert await store_plan(connection, await claim(connection, COMPOSING))
            with pytest.raises(HandedOn):
                await run(post, made, lost)
            async with asyncio.timeout(60):
                await stopped.wait()
            async with post.database.transaction() as connection:
                waiting = await answers.load_answer(connection, made.id)
            assert waiting.phase is Phase.RENDERING  # nobody is told that it failed
            assert await rescue_requests(post) == 1
            await run(post, made, healthy)
            async with post.database.transaction() as connection:
                answer = await answers.load_answer(connection, made.id)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    assert (answer.phase, len(answer.renderings)) == (Phase.RENDERED, len(answer.plans))
    # Should it be what breaks GPUs, it takes no other request along again.
    assert healthy.alone == [made.id]


async def test_what_loses_one_gpu_after_another_is_given_up(settings: Settings) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    try:
        async with open_post(settings) as post:
            async with post.database.transaction() as connection:
                made = await stored(connection)
                assert await store_plan(connection, await claim(connection, COMPOSING))
            for _ in range(settings.queue.tries):
                with pytest.raises(HandedOn):
                    await run(post, made, lost)
            await run(post, made, lost)
            async with post.database.transaction() as connection:
                answer = await answers.load_answer(connection, made.id)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    assert answer.phase is Phase.FAILED
    assert f"died {settings.queue.tries} times" in str(answer.failure)
