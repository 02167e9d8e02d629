"""`stylus bench scale`: many renderers and many waiting requests, and what that costs.

Queue, rows, line and Postgres are real; composing is replaced by one plan, and rendering by a wait
of the length that it had when it was measured. All simulated renderers live in this process, so
its CPU is shared by what would be many machines: overheads are rather too long than too short.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

from procrastinate import JobContext

from engine.desk import Desk, open_desk
from engine.errors import DatabaseUnavailable
from engine.operations.figures import Figure, percentile
from engine.operations.log import configure_log
from engine.processes.jobs import run_stage
from engine.processes.process import Post
from engine.processes.queue import COMPOSE_QUEUE, open_queue, render_queue
from engine.processes.rescue import move_up
from engine.requests import backlog, ledger
from engine.requests.ending import announce_end
from engine.requests.ledger import Claim
from engine.requests.line import place_of
from engine.settings import Settings
from engine.storage.scratch import scratch_database
from engine.values import Ask, Asker, Composition, ImagePlan, Phase, Rendering

#: Workspaces that the people with one request come from.
WORKSPACES = 8
#: Whoever asks for half of everything, before everybody else.
FLOOD = "flood"
#: Of the workers together; each has one more to listen at, and an embedded Postgres takes 100.
CONNECTIONS = 20
#: How often a place is asked for while all wait.
PLACES = 20
#: Seconds between two looks at the line.
LOOK = 0.25
#: When everybody who waits is asked what they are told: after these shares have ended.
ASKED = (0.25, 0.5, 0.75)
#: How far an estimate may be off, as a share.
ETA_GOAL = 0.3


@dataclass(slots=True)
class Run:
    """What was seen of one number of renderers."""

    renderers: int
    seconds: float
    stored: list[float] = field(default_factory=list)
    #: Seconds that it took to ask for a place while all were waiting.
    placed: list[float] = field(default_factory=list)
    #: Seconds beside the wait, from when both the request was planned and its renderer free.
    overheads: list[float] = field(default_factory=list)
    #: When each request was planned.
    planned: dict[str, float] = field(default_factory=dict)
    #: When each request was done, since the start.
    done: dict[str, float] = field(default_factory=dict)
    last_end: dict[str, float] = field(default_factory=dict)
    #: Estimates: the request, when it was made, and the seconds that it promised.
    promised: list[tuple[str, float, float]] = field(default_factory=list)


async def measure(
    settings: Settings,
    renderers: Sequence[int],
    requests: int,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Figure]:
    """Returns throughput, overhead, fairness and honesty of estimates by number of renderers."""
    figures: list[Figure] = []
    configure_log(settings.log.model_copy(update={"level": "warning"}))  # all jobs run in here
    for count in renderers:
        async with scratch_database(_without_limits(settings)) as scratch:
            figures += await _measure(scratch, count, requests, seconds)
        tell(f"{count} renderers done")
    return figures


def _without_limits(settings: Settings) -> Settings:
    many = {"waiting": 10**6, "workspace_waiting": 10**6, "queue": 10**6}
    limits = settings.limits.model_copy(update=many)
    return settings.model_copy(update={"limits": limits})


async def _measure(
    settings: Settings, renderers: int, requests: int, seconds: float
) -> list[Figure]:
    run = Run(renderers, seconds)
    async with open_desk(settings) as desk:
        singles, flood = await _ask(desk, requests, run)
        began = perf_counter()
        async with _at_work(desk, run, began) as workers:
            await _until_done(desk, run, began, workers)
        took = perf_counter() - began
    return list(_figures(run, took, requests, singles, flood))


async def _ask(desk: Desk, requests: int, run: Run) -> tuple[list[str], list[str]]:
    """Stores the requests; returns those of people with one, and those of the flood."""
    askers = [Asker("console", "w0", user=FLOOD)] * (requests // 2)
    rest = range(len(askers), requests)
    askers += [Asker("console", f"w{n % WORKSPACES}", user=f"u{n}") for n in rest]
    made = []
    for asker in askers:
        began = perf_counter()
        made.append((await desk.submit(Ask(asker, "a red star", images=1))).id)
        run.stored.append(perf_counter() - began)
    for last in made[-PLACES:]:
        began = perf_counter()
        async with desk.database.transaction() as connection:
            await place_of(connection, last)
        run.placed.append(perf_counter() - began)
    return made[requests // 2 :], made[: requests // 2]


@asynccontextmanager
async def _at_work(
    desk: Desk, run: Run, began: float
) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """The workers: one that plans, and so many that wait instead of rendering."""
    async with open_queue(desk.database, connections=CONNECTIONS) as queue:
        post = Post(desk.settings, desk.database, queue)
        _register(post, run, began)
        render = render_queue(desk.settings.checkpoint.name)
        lines = [([COMPOSE_QUEUE], "composer", 4)]
        lines += [([render], f"renderer {n}", 1) for n in range(run.renderers)]
        workers = [
            asyncio.create_task(
                queue.app.run_worker_async(
                    queues=queues,
                    name=name,
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    delete_jobs="always",
                )
            )
            for queues, name, concurrency in lines
        ]
        workers.append(asyncio.create_task(_keep_order(post)))
        try:
            yield workers
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


def _register(post: Post, run: Run, began: float) -> None:
    @post.queue.app.task(name="compose")
    async def compose(request_id: str) -> None:
        await run_stage(post, request_id, Phase.QUEUED, Phase.COMPOSING, _plan)
        run.planned[request_id] = perf_counter()

    @post.queue.app.task(name="render", pass_context=True)
    async def render(context: JobContext, request_id: str) -> None:
        async def wait(post: Post, claimed: Claim) -> None:
            await asyncio.sleep(run.seconds)
            await _store(post, claimed)

        name = str(context.worker_name)
        free = run.last_end.get(name, began)
        await run_stage(post, request_id, Phase.PLANNED, Phase.RENDERING, wait)
        run.last_end[name] = now = perf_counter()
        run.done[request_id] = now - began
        run.overheads.append(now - max(free, run.planned.get(request_id, free)) - run.seconds)


async def _plan(post: Post, claimed: Claim) -> None:
    request = claimed.request
    plan = ImagePlan(0, request.seed, request.prompt, "", ())
    async with post.database.transaction() as connection:
        await ledger.store_plan(
            connection,
            claimed,
            Composition(request.prompt, (), "none"),
            [],
            [plan],
            notes=[],
            retrieve_seconds=0,
            compose_seconds=0,
        )
        place = await place_of(connection, request.id)
        queue = render_queue(request.sampling.checkpoint)
        await post.queue.defer(connection, "render", queue, request.id, place.priority)


async def _store(post: Post, claimed: Claim) -> None:
    request = claimed.request
    image = Rendering(0, request.seed, 1, 1, "images/none.png", "0" * 64, (), ())
    async with post.database.transaction() as connection:
        if await ledger.store_renderings(
            connection, claimed, [image], load_seconds=0, render_seconds=0
        ):
            await announce_end(post.queue, connection, request, Phase.RENDERED)


async def _keep_order(post: Post) -> None:
    while True:
        await asyncio.sleep(post.settings.queue.rescue)
        await move_up(post)


async def _until_done(
    desk: Desk, run: Run, began: float, workers: Sequence[asyncio.Task[None]]
) -> None:
    """Waits for the end; three times meanwhile it asks what everybody who waits would be told.

    Raises DatabaseUnavailable where a worker ends before.
    """
    asked = iter([len(run.stored) * share for share in ASKED] + [inf])
    next_ = next(asked)
    while True:
        await asyncio.sleep(LOOK)
        if any(worker.done() for worker in workers):
            raise DatabaseUnavailable(
                f"The database does not serve {run.renderers} renderers; try fewer, or one with a "
                "larger max_connections."
            )
        if len(run.done) >= next_:
            next_ = next(asked)
            run.promised += await _promises(desk, began)
        async with desk.database.transaction() as connection:
            if not await backlog.any_open(connection):
                return


async def _promises(desk: Desk, began: float) -> list[tuple[str, float, float]]:
    """What those are told who wait. Whose images are being made sees their steps instead."""
    standings = await desk.standings("console")
    at = perf_counter() - began
    pace, waiting = standings.pace, (Phase.QUEUED, Phase.PLANNED)
    return [
        (one.request.id, at, pace.eta(one.ahead, planned=one.phase is Phase.PLANNED))
        for one in standings.requests
        if pace and one.phase in waiting
    ]


def _figures(
    run: Run, took: float, requests: int, singles: Sequence[str], flood: Sequence[str]
) -> Iterator[Figure]:
    name = f"{run.renderers} renderers"
    yield Figure(f"{name}: requests a second", requests / took, "1/s")
    ideal = run.renderers / run.seconds
    yield Figure(f"{name}: share of what the waits alone would allow", requests / took / ideal, "")
    if run.overheads:
        yield Figure(f"{name}: overhead a request, p50", percentile(run.overheads, 0.5), "s")
        yield Figure(f"{name}: overhead a request, p95", percentile(run.overheads, 0.95), "s")
    yield Figure(f"{name}: storing a request, p50", percentile(run.stored, 0.5), "s")
    yield Figure(f"{name}: storing a request, p95", percentile(run.stored, 0.95), "s")
    yield Figure(
        f"{name}: asking for a place while all wait, p50", percentile(run.placed, 0.5), "s"
    )
    alone = [run.done[one] for one in singles if one in run.done]
    many = [run.done[one] for one in flood if one in run.done]
    with contextlib.suppress(IndexError):
        yield Figure(f"{name}: people with one request wait, p95", percentile(alone, 0.95), "s")
        yield Figure(f"{name}: who asked for half of all waits, p50", percentile(many, 0.5), "s")
    off = [
        abs(at + eta - run.done[one]) / max(run.done[one] - at, run.seconds)
        for one, at, eta in run.promised
        if one in run.done
    ]
    if off:
        yield Figure(f"{name}: estimates are off, median", percentile(off, 0.5), "", ETA_GOAL)
    yield Figure(f"{name}: requests lost", requests - len(run.done), "requests", 0)
