"""The renderer process: takes plans off a checkpoint's queue and leaves images.

One process a GPU. Rendering runs in a thread of its own, so that heartbeats go on.
"""

import asyncio
import contextlib
import hashlib
import signal
import threading
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from engine.checkpoints import configured, find
from engine.errors import BadLora, DatabaseUnavailable, RenderFailed, StylusError
from engine.library import catalogue
from engine.library.addition_check import check_addition
from engine.library.on_demand import OnDemand, find_lacking, mark_used
from engine.operations.metrics import (
    ENDED,
    count_stages,
    counting_batches,
    watch_cache,
    watch_device,
)
from engine.plan import PLANS, replan
from engine.png import Recipe, UsedAdapter, encode, open_image
from engine.processes.jobs import run_stage
from engine.processes.process import Post, open_post, work
from engine.processes.queue import render_queue
from engine.processes.render_news import News
from engine.processes.render_samples import render_samples
from engine.processes.skew import leave_to_newer
from engine.rendering.batcher import Batcher
from engine.rendering.checkpoint import use_threads
from engine.rendering.job import Batch, Job, RenderedImage
from engine.rendering.memory import DeviceLost, gpu_memory
from engine.rendering.pool import Limits, Pool
from engine.rendering.preview import Hides
from engine.rendering.safety import ImageGate, open_gates
from engine.rendering.start import Start
from engine.requests import answers, ledger
from engine.requests.ending import announce_end
from engine.requests.ledger import Claim
from engine.requests.progress import ProgressFeed
from engine.settings import Settings, Weights
from engine.storage.blobs import BlobStore
from engine.values import Answer, ImagePlan, Phase, PlannedAdapter, Rendering, Request, Source

ALL_WITHHELD = (
    "What came out may show what is not shown here, so it is withheld; ask for other things."
)
#: Seconds between two looks whether the request was cancelled or given to somebody else, should
#: the notice of it be lost.
CANCEL_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Studio:
    """What render jobs share."""

    pool: Pool
    batcher: Batcher
    store: BlobStore
    feed: ProgressFeed
    #: By the checkpoint's name: what looks at one world's images knows nothing of another's.
    gates: Mapping[str, ImageGate]
    on_demand: OnDemand


async def run_renderer(settings: Settings, *, tied: bool = False) -> None:
    """Runs the renderer until it is told to stop. Raises `Unavailable`."""
    use_threads(settings.renderer.threads)
    async with open_post(settings) as post:
        pool = _pool(settings)
        first = await asyncio.to_thread(pool.model, settings.checkpoint.name)
        async with _open_studio(post, pool) as studio:
            # A task's own queue is where it runs by default; jobs name theirs.
            queue = render_queue(settings.checkpoint.name)

            @post.queue.app.task(name="render", queue=queue)
            async def render(request_id: str) -> None:
                if await leave_to_newer(post, request_id):
                    return

                async def job(post: Post, claimed: Claim) -> None:
                    await render_request(post, studio, claimed)

                await run_stage(post, request_id, Phase.PLANNED, Phase.RENDERING, job)

            @post.queue.app.task(name="check", queue=queue)
            async def check(addition_id: str) -> None:
                show = partial(render_samples, studio.batcher, studio.gates, settings)
                examine = studio.pool.examine
                await check_addition(post, studio.store, addition_id, examine, show)

            await work(
                post,
                "renderer",
