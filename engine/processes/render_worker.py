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
from engine.operations.log import get_log
from engine.operations.metrics import (
    ENDED,
    count_stages,
    counting_batches,
    watch_cache,
    watch_device,
)
from engine.plan import PLANS, replan
from engine.png import Recipe, UsedAdapter, encode, open_image
from engine.processes.jobs import HandedOn, run_stage
from engine.processes.process import Post, open_post, work
from engine.processes.quarantine import Quarantine, was_checked_before, was_rendered_before
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

log = get_log("renderer")

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
            quarantine = Quarantine()

            @post.queue.app.task(name="render", queue=queue)
            async def render(request_id: str) -> None:
                if await leave_to_newer(post, request_id):
                    return

                async def job(post: Post, claimed: Claim) -> None:
                    await render_request(post, studio, claimed)

                async with quarantine.place(await was_rendered_before(post, request_id)):
                    await run_stage(post, request_id, Phase.PLANNED, Phase.RENDERING, job)

            @post.queue.app.task(name="check", queue=queue)
            async def check(addition_id: str) -> None:
                show = partial(render_samples, studio.batcher, studio.pool, studio.gates, settings)
                examine = studio.pool.examine
                async with quarantine.place(await was_checked_before(post, addition_id)):
                    await check_addition(post, studio.store, addition_id, examine, show)

            await work(
                post,
                "renderer",
                [
                    render_queue(name, kind)
                    for name in settings.checkpoint_names
                    for kind in range(1, PLANS + 1)
                ],
                device=str(first.device),
                concurrency=settings.queue.concurrency,
                tied=tied,
                equipment=pool.equipment,
            )


def _pool(settings: Settings) -> Pool:
    ours = settings.renderer
    limits = Limits(
        adapters=ours.adapter_cache_mb * 2**20,
        slots=ours.slots_mb * 2**20,
        checkpoints=ours.checkpoints_mb * 2**20,
        images=ours.images,
        graphs=ours.graphs,
    )
    names = settings.checkpoint_names
    chosen = {name: find(settings, name) for name in names}
    return Pool(
        [configured(settings, name) for name in names],
        limits,
        {name: Path(one.draft).expanduser() for name, one in chosen.items() if one.draft},
        {name: one.preview for name, one in chosen.items()},
    )


@asynccontextmanager
async def _open_studio(post: Post, pool: Pool) -> AsyncIterator[Studio]:
    limits = post.settings.renderer
    store = BlobStore(post.settings)
    render = counting_batches(pool.render, _adapter_sets)
    batcher = Batcher(render, limits.images, limits.wait, pool.is_warm, limits.patience)
    watch_cache("adapters", pool.cache)
    watch_cache("files", store.cache)
    watch_device(partial(gpu_memory, pool.device))
    gates = await asyncio.to_thread(open_gates, post.settings)
    feed = ProgressFeed(post.database.conninfo)
    listening = asyncio.create_task(feed.run(), name="progress feed")
    try:
        yield Studio(
            pool,
            batcher,
            store,
            feed,
            gates,
            OnDemand(post.database, store, post.settings.library),
        )
    finally:
        listening.cancel()
        await asyncio.to_thread(batcher.close)


def _adapter_sets(job: Job) -> list[frozenset[tuple[str, float]]]:
    return [frozenset((one.adapter_id, one.weight) for one in p.adapters) for p in job.plans]


async def render_request(post: Post, studio: Studio, claimed: Claim) -> None:
    """Renders the plans and stores the images; cancelling takes effect within a step."""
    request = claimed.request
    async with post.database.transaction() as connection:
        answer = await answers.load_answer(connection, request.id)
        planned = [adapter for plan in answer.plans for adapter in plan.adapters]
        ids = [adapter.adapter_id for adapter in planned]
        off = await catalogue.find_unusable(connection, ids, request)
        lacking = await find_lacking(connection, [one for one in ids if one not in off])
        await mark_used(connection, ids)
    files = await studio.on_demand.fetch(lacking)
    stop = threading.Event()
    gate = studio.gates[request.sampling.checkpoint]
    hides = None if request.overrides.unsafe else gate.hides
    show = partial(_show, studio.pool, request.sampling.checkpoint, hides)
    news = News(post, request.id, show)
    job = Job(
        sampling=request.sampling,
        plans=answer.plans,
        fetch=lambda adapter: _fetch(studio.store, adapter, {**off, **files.reasons}, files.here),
        without=partial(_without, answer, post.settings.weights),
        on_step=news.step,
        on_latents=news.latents,
        cancelled=stop.is_set,
        start=await asyncio.to_thread(_start, studio.store, request.source),
        # A process ended over it: should that be its doing, it must not take others along again.
        alone=request.id if claimed.tries > 1 else "",
    )
    try:
        batch = await _outcome(post, studio, claimed, job, stop)
    finally:
        await news.end()
    if batch is None:
        return
    rendered, withheld = await asyncio.to_thread(_store_images, studio, request, batch)
    async with post.database.transaction() as connection:
        if await ledger.store_renderings(
            connection,
            claimed,
            rendered,
            load_seconds=batch.load_seconds,
            render_seconds=batch.render_seconds,
            notes=(*batch.failures, *withheld),
        ):
            await announce_end(post.queue, connection, request, Phase.RENDERED)
            count_stages(load=batch.load_seconds, render=batch.render_seconds)
            ENDED.labels(Phase.RENDERED).inc()


async def _outcome(
    post: Post, studio: Studio, claimed: Claim, job: Job, stop: threading.Event
) -> Batch | None:
    """The job's batch; None once the request is not ours any more, however far it is."""
    # Beside the batch under way: the device must not wait for files.
    warming = asyncio.create_task(asyncio.to_thread(studio.pool.warm, job))
    rendering = asyncio.wrap_future(studio.batcher.submit(job))
    watching = asyncio.create_task(_watch(post, studio.feed, claimed))
    either: set[asyncio.Future[Any]] = {rendering, watching}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        watching.cancel()
        warming.cancel()
    if not rendering.done():
        return None
    try:
        outcome = rendering.result()
    except DeviceLost as error:
        log.exception("the device is lost; this process ends, and hands on what it has")
        signal.raise_signal(signal.SIGTERM)  # only a new process can use the device again
        raise HandedOn from error
    if isinstance(outcome, StylusError):
        raise outcome
    return outcome


def _show(pool: Pool, checkpoint: str, hides: Hides | None, latents: Any) -> bytes:
    previewer = pool.model(checkpoint).previewer
    assert previewer  # a checkpoint without one tells no latents
    return previewer.show(latents, hides)


def _start(store: BlobStore, source: Source | None) -> Start | None:
    if source is None:
        return None
    mask = open_image(store.read(source.mask)).convert("L") if source.mask else None
    return Start(open_image(store.read(source.image)), source.strength, mask)


def _without(answer: Answer, weights: Weights, plan: ImagePlan, lost: Collection[str]) -> ImagePlan:
    assert answer.composition  # plans come from one
    return replan(plan, lost, answer.request, answer.composition, weights)


def _fetch(
    store: BlobStore, adapter: PlannedAdapter, off: Mapping[str, str], here: Mapping[str, str]
) -> Path:
    """`off`: why adapters are not used; `here`: keys of files that were fetched just now."""
    if adapter.adapter_id in off:
        raise BadLora(off[adapter.adapter_id])
    blob = here.get(adapter.adapter_id, adapter.blob)
    if blob is None:
        raise BadLora(f"The file of “{adapter.title}” is not here.")
    return store.file(blob)


async def _watch(post: Post, feed: ProgressFeed, claimed: Claim) -> None:
    """Returns once the request has ended or another renderer has claimed it."""
    newest = True
    with feed.subscribe(claimed.request.id) as news:
        while newest:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CANCEL_LOOK):
                    while (await news.get()).phase is Phase.RENDERING:  # our own steps
                        pass
            with contextlib.suppress(DatabaseUnavailable):
                async with post.database.transaction() as connection:
                    newest = await ledger.is_newest(connection, claimed)


def _store_images(
    studio: Studio, request: Request, batch: Batch
) -> tuple[list[Rendering], list[str]]:
    """The images that may be shown, stored, and a sentence for each that is withheld.

    Raises `RenderFailed` where nothing may be shown. What is withheld is never written down.
    """
    adults = request.overrides.unsafe
    images = [one.image for one in batch.images]
    gate = studio.gates[request.sampling.checkpoint]
    looked = [None] * len(images) if adults else gate.look(images)
    stored, withheld = [], []
    for one, unsafe in zip(batch.images, looked, strict=True):
        if gate.withholds(unsafe):
            withheld.append(
                f"Image {one.index + 1} is withheld: it may show what is not shown here."
            )
        else:
            kept = _store_image(studio.store, request, one)
            stored.append(replace(kept, unsafe=unsafe))
    if withheld and not stored:
        raise RenderFailed(ALL_WITHHELD)
    return stored, withheld


def _store_image(store: BlobStore, request: Request, rendered: RenderedImage) -> Rendering:
    content = encode(rendered.image, _recipe(request, rendered))
    return Rendering(
        index=rendered.index,
        seed=rendered.plan.seed,
        width=rendered.image.width,
        height=rendered.image.height,
        blob=store.put("images", content, ".png"),
        sha256=hashlib.sha256(content).hexdigest(),
        loaded=rendered.loaded,
        skipped=rendered.skipped,
    )


def _recipe(request: Request, rendered: RenderedImage) -> Recipe:
    plan = rendered.plan
    titles = {adapter.adapter_id: adapter.title for adapter in plan.adapters}
    return Recipe(
        request_id=request.id,
        prompt=plan.prompt,
        negative=plan.negative,
        seed=plan.seed,
        sampling=request.sampling,
        adapters=tuple(
            UsedAdapter(one.adapter_id, titles[one.adapter_id], one.sha256, one.weight)
            for one in rendered.loaded
        ),
        source=request.source,
    )
