"""A worker without a model, for tests that hit many: `python -m tests.processes.light_worker`.

Everything that must survive is the real thing: queue, claims, heartbeats, rescuer. What it draws
takes a moment, so that it can be hit meanwhile, and says by which attempt it was drawn.
"""

import asyncio
from dataclasses import replace

from engine.configuration import load_settings
from engine.operations.log import configure_log
from engine.processes.jobs import run_stage
from engine.processes.process import Post, open_post, work
from engine.processes.queue import COMPOSE_QUEUE, render_queue
from engine.processes.rescue import keep_rescuing
from engine.requests import ledger
from engine.requests.ending import announce_end
from engine.requests.ledger import Claim
from engine.requests.line import place_of
from engine.values import Phase
from tests.samples import rendering
from tests.stages import store_plan

#: Seconds that a stage takes.
MOMENT = 0.1


async def plan(post: Post, claimed: Claim) -> None:
    await asyncio.sleep(MOMENT)
    request = claimed.request
    async with post.database.transaction() as connection:
        if await store_plan(connection, claimed):
            queue = render_queue(request.sampling.checkpoint)
            place = await place_of(connection, request.id)
            await post.queue.defer(connection, "render", queue, request.id, place.priority)


async def draw(post: Post, claimed: Claim) -> None:
    await asyncio.sleep(MOMENT)
    numbers = range(claimed.request.image_count)
    images = [replace(rendering(n), blob=f"attempt {claimed.attempt}") for n in numbers]
    async with post.database.transaction() as connection:
        if await ledger.store_renderings(
            connection, claimed, images, load_seconds=0, render_seconds=0
        ):
            await announce_end(post.queue, connection, claimed.request, Phase.RENDERED)


async def main() -> None:
    settings = load_settings()
    configure_log(settings.log)
    async with open_post(settings) as post:

        @post.queue.app.task(name="compose")
        async def compose(request_id: str) -> None:
            await run_stage(post, request_id, Phase.QUEUED, Phase.COMPOSING, plan)

        @post.queue.app.task(name="render")
        async def render(request_id: str) -> None:
            await run_stage(post, request_id, Phase.PLANNED, Phase.RENDERING, draw)

        queues = [COMPOSE_QUEUE, render_queue(settings.checkpoint.name)]
        await work(
            post,
            "engine",
            queues,
            device="cpu",
            concurrency=4,
            tied=False,
            beside=[keep_rescuing(post)],
        )


if __name__ == "__main__":
    asyncio.run(main())
