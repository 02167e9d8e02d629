"""What Prometheus may know: counts and times of this process, and the state of the installation.

Nothing here names people, prompts or adapters.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select

from engine.processes import workers
from engine.requests.standings import load_pace
from engine.storage.database import Database
from engine.storage.tables import deliveries, requests
from engine.values import OPEN_PHASES

REGISTRY = CollectorRegistry()
SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

# This process
STAGES = Histogram(
    "stylus_stage_seconds",
    "How long a stage of a request took.",
    ["stage"],
    buckets=SECONDS,
    registry=REGISTRY,
)
ENDED = Counter("stylus_requests_ended", "Requests that ended here.", ["phase"], registry=REGISTRY)
ERRORS = Counter("stylus_errors", "Errors that ended a request.", ["kind"], registry=REGISTRY)
BATCH = Histogram(
    "stylus_batch_images",
    "Images that went through the denoiser together.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
SETS = Histogram(
    "stylus_batch_adapter_sets",
    "Different sets of adapters in a batch: each takes a slot of merged weights.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
CACHES = Gauge(
    "stylus_cache_lookups",
    "What was asked for since the start, by kind of memory and by whether it was there: parsed "
    "adapters, copies of a remote store's files, answers of a language model.",
    ["cache", "found"],
    registry=REGISTRY,
)
SLOTS = Gauge(
    "stylus_job_slots",
    "Jobs that this process may be at, and that it is at.",
    ["slots"],
    registry=REGISTRY,
)
DEVICE = Gauge(
    "stylus_device_bytes",
    "Memory of the GPU; nothing without one.",
    ["memory"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "stylus_deliveries", "Answers by what became of them.", ["platform", "state"], registry=REGISTRY
)

# The installation, as the database knows it
OPEN = Gauge("stylus_requests_open", "Unfinished requests.", ["phase"], registry=REGISTRY)
AGE = Gauge("stylus_queue_age_seconds", "Age of the oldest unfinished request.", registry=REGISTRY)
WORKERS = Gauge("stylus_workers", "Processes that are alive.", ["role"], registry=REGISTRY)
WAITING = Gauge(
    "stylus_deliveries_waiting", "Answers not posted yet.", ["platform"], registry=REGISTRY
)
PACE = Gauge(
    "stylus_render_interval_seconds",
    "Seconds from one rendered request to the next, while anything is rendered.",
    registry=REGISTRY,
)
ROLES = ("engine", "renderer", "discord", "slack")


async def render_metrics(database: Database, stalled: float) -> bytes:
    """Returns everything in Prometheus' text format. Raises `DatabaseUnavailable`."""
    await _look_at(database, stalled)
    return generate_latest(REGISTRY)


async def _look_at(database: Database, stalled: float) -> None:
    is_open = requests.c.phase.in_(sorted(OPEN_PHASES))
    oldest = func.extract("epoch", func.now() - func.min(requests.c.created_at))
    posted = deliveries.c.state.in_(["wanted", "posting"])
    async with database.transaction() as connection:
        phases = await connection.execute(
            select(requests.c.phase, func.count()).where(is_open).group_by(requests.c.phase)
        )
        age = await connection.scalar(select(oldest).where(is_open))
        alive = await workers.alive(connection, stalled)
        waiting = await connection.execute(
            select(deliveries.c.platform, func.count())
            .where(posted)
            .group_by(deliveries.c.platform)
        )
        pace = await load_pace(connection)
    AGE.set(age or 0)
    PACE.set(pace.interval if pace else 0)
    _fill(OPEN, sorted(OPEN_PHASES), {row[0]: row[1] for row in phases})
    counts = {role: sum(one.role == role for one in alive) for role in ROLES}
    _fill(WORKERS, ROLES, counts)
    _fill(WAITING, ("discord", "slack"), {row[0]: row[1] for row in waiting})


def _fill(gauge: Gauge, names: Sequence[str], counts: dict[str, int]) -> None:
    for name in names:
        gauge.labels(name).set(counts.get(name, 0))


def count_stages(**seconds: float) -> None:
    """Counts how long the stages of a request took."""
    for stage, took in seconds.items():
        STAGES.labels(stage).observe(took)


class Lookups(Protocol):
    """A cache that counts how often something was there, and how often not."""

    hits: int
    misses: int


def watch_cache(name: str, cache: Lookups) -> None:
    """Has a cache looked at with every request for metrics."""
    CACHES.labels(name, "yes").set_function(lambda: cache.hits)
    CACHES.labels(name, "no").set_function(lambda: cache.misses)


def watch_slots(all_: int, taken: Callable[[], int]) -> None:
    """Has the jobs that this process is at looked at with every request for metrics."""
    SLOTS.labels("all").set(all_)
    SLOTS.labels("taken").set_function(taken)


def watch_device(look: Callable[[], tuple[int, int] | None]) -> None:
    """Has a device's memory looked at, where there is one: bytes used, and all of them."""
    if look() is None:
        return
    DEVICE.labels("used").set_function(lambda: (look() or (0, 0))[0])
    DEVICE.labels("all").set_function(lambda: (look() or (0, 0))[1])


Outcomes = TypeVar("Outcomes")
Job = TypeVar("Job")


def counting_batches(
    render: Callable[[Sequence[Job]], Outcomes], adapters: Callable[[Job], Sequence[Hashable]]
) -> Callable[[Sequence[Job]], Outcomes]:
    """Returns the same function, whose calls count as batches; `adapters` gives what tells one
    set of adapters from another, for each image of a job."""

    def run(jobs: Sequence[Job]) -> Outcomes:
        sets = [one for job in jobs for one in adapters(job)]
        BATCH.observe(len(sets))
        SETS.observe(len(set(sets)))
        return render(jobs)

    return run
