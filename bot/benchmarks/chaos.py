"""`stylus chaos`: workers and database are hit while requests run, and it is told what survived.

Everything is real: processes, queue, Postgres, the checkpoint; only the platform that answers are
posted on is one of our own, which refuses at times and breaks off at others. What is hit, when and
how follows from a seed, so a run that went wrong can be had again, as far as clocks ever agree.
"""

import asyncio
import contextlib
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from bot.benchmarks.crew import Crew, Member, open_crew
from bot.benchmarks.moody_platform import PLATFORM, MoodyPlatform
from engine.desk import Desk, open_desk
from engine.errors import DatabaseUnavailable
from engine.operations.log import configure_log
from engine.requests import backlog
from engine.settings import Settings, Storage
from engine.storage.outage import closed_database, cut_connections
from engine.storage.scratch import scratch_database
from engine.values import Answer, Ask, Asker, Phase

#: What runs: any of them may be hit.
CREW = ("engine", "engine", "renderer", "renderer")
PEOPLE = 20
#: Requests that are unfinished at a time, so that every stage is always at work.
OPEN = 32
#: Steps of a request's denoising: few, since it is the queue that is tried.
STEPS = 4
#: What is done, and in how many of a hundred hits.
KINDS = {"killed": 40, "frozen": 25, "stopped": 15, "cut off": 10, "closed": 10}
#: What is done to the database and not to a worker.
TO_DATABASE = ("cut off", "closed")
#: Seconds that a frozen worker stays so: sometimes longer than it takes to be thought dead.
FROZEN = (1.0, 25.0)
#: Seconds that the database takes no connections.
CLOSED = (0.5, 10.0)
#: Seconds between two looks.
LOOK = 0.5
#: Seconds that all is given to end after the last injury.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Injury:
    """What was done, to whom, and when."""

    at: float
    kind: str
    role: str
    #: Seconds until nothing was left in the hands that it was in then; None: it always was.
    recovered: float | None = None


@dataclass(slots=True)
class Survival:
    """What was injected, and what became of the requests."""

    seed: int
    requests: int
    seconds: float = 0.0
    injuries: list[Injury] = field(default_factory=list)
    #: Posts that the platform refused, and those that it took without saying so.
    refused: int = 0
    broken_off: int = 0
    rendered: int = 0
    #: Those that ended without images, by their sentence.
    failed: Counter[str] = field(default_factory=Counter)
    #: Workers that ended by themselves, or not as they should when they were told to.
    ended: int = 0
    #: Requests that never ended, whose answer came more than once, or with too few images.
    lost: int = 0
    doubled: int = 0
    incomplete: int = 0

    @property
    def whole(self) -> bool:
        """Whether every request ended in exactly one result or one clear failure."""
        return not (self.lost or self.doubled or self.incomplete)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the tasks of a run share."""

    desk: Desk
    crew: Crew
    survival: Survival
    chooser: random.Random
    tell: Callable[[str], None]
    began: float
    #: Set when every request has ended.
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ids: list[str] = field(default_factory=list)

    async def wait(self, seconds: float) -> bool:
        """Waits so long, or until all is over, which it returns."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)
        return self.over.is_set()


async def wreak(
    settings: Settings, seed: int, requests: int, every: float, tell: Callable[[str], None]
) -> Survival:
    """Runs the requests in a database of their own while something is hit each time that about
    `every` of them have ended; returns what survived."""
    survival = Survival(seed, requests)
    platform = MoodyPlatform(random.Random(seed + 1))
    async with (
        scratch_database(settings) as scratch,
        _scratch_store(scratch, survival, tell) as own,
        open_crew(own, CREW) as crew,
        open_desk(own) as desk,
    ):
        desk.register(PLATFORM, platform.post)
        run = _Run(desk, crew, survival, random.Random(seed), tell, monotonic())
        async with asyncio.TaskGroup() as group:
            for task in (_deliver(run), _keep_up(run), _injure(run, every, group)):
                group.create_task(task)
            await _ask_all(run)
            await _until_ended(run)
            run.over.set()
        survival.seconds = monotonic() - run.began
        answers = [await desk.answer(one) for one in run.ids]
        survival.refused, survival.broken_off = platform.refused, platform.broken_off
        judge(survival, answers, platform.posts)
    return survival


@asynccontextmanager
async def _scratch_store(
    settings: Settings, survival: Survival, tell: Callable[[str], None]
) -> AsyncIterator[Settings]:
    """Images of a trial are nobody's: they go with a folder of their own, unless something went
    wrong, for then its logs may say why."""
    folder = Path(tempfile.mkdtemp(prefix="stylus-chaos-"))
    try:
        with (folder / "chaos.log").open("a", buffering=1) as log:
            configure_log(settings.log, log)  # outages are what is wanted here, and no news
            yield settings.model_copy(update={"home": folder, "storage": Storage()})
            configure_log(settings.log)
    finally:
        if survival.whole and not survival.ended:
            shutil.rmtree(folder)
        else:
            tell(f"the logs are kept in {folder}")


async def _ask_all(run: _Run) -> None:
    for number in range(run.survival.requests):
        while await _patiently(lambda: _count_open(run.desk)) >= OPEN:  # noqa: ASYNC110
            await asyncio.sleep(LOOK)
        # One that is not known to be stored is asked for again; its origin makes them one.
        made = await _patiently(partial(run.desk.submit, _ask(number), f"event {number}"))
        run.ids.append(made.id)


def _ask(number: int) -> Ask:
    asker = Asker(PLATFORM, f"w{number % 3}", "c", f"u{number % PEOPLE}")
    return Ask(asker, "a red star", images=2, seed=number, width=64, height=64, steps=STEPS)


async def _until_ended(run: _Run) -> None:
    """Waits until nothing is open or waits to be posted, or until patience ends."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while await _patiently(lambda: _unfinished(run.desk)):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)


async def _unfinished(desk: Desk) -> bool:
    async with desk.database.transaction() as connection:
        return await backlog.any_open(connection) or await backlog.any_unposted(connection)


async def _count_open(desk: Desk) -> int:
    async with desk.database.transaction() as connection:
        return await backlog.count_open(connection)


async def _in_hand(desk: Desk) -> frozenset[tuple[str, int]]:
    async with desk.database.transaction() as connection:
        return await backlog.in_hand(connection)


Result = TypeVar("Result")


async def _patiently(call: Callable[[], Awaitable[Result]]) -> Result:
    """What the call returns once the database answers: outages are part of the trial."""
    while True:
        try:
            return await call()
        except DatabaseUnavailable:
            await asyncio.sleep(LOOK)


async def _deliver(run: _Run) -> None:
    while not await run.wait(LOOK):
        with contextlib.suppress(DatabaseUnavailable):
            await run.desk.deliver_waiting(PLATFORM)


async def _keep_up(run: _Run) -> None:
    """What `stylus up` does: a worker that has ended is started again."""
    while not await run.wait(LOOK):
        for member in await run.crew.replace_ended():
            if not member.doomed or member.process.returncode not in (0, -9):
                run.survival.ended += 1
                code, words = member.process.returncode, run.crew.last_words(member.role)
                run.tell(f"{member.role} {member.pid} ended with {code}: {words}")


async def _injure(run: _Run, every: float, group: asyncio.TaskGroup) -> None:
    chooser, kinds = run.chooser, list(KINDS)
    while await _many_more(run, chooser.uniform(0.5 * every, 1.5 * every)):
        kind = chooser.choices(kinds, list(KINDS.values()))[0]
        place, length = chooser.random(), chooser.random()
        role = "database"
        if kind in TO_DATABASE:
            hit = _hit_database(run.desk.settings, kind, _between(CLOSED, length))
        else:
            ready = {worker.pid for worker in await _patiently(run.desk.workers)}
            members = [one for one in run.crew.members if one.pid in ready and not one.doomed]
            if not members:
                continue  # what is only just starting works at nothing
            victim = members[int(place * len(members))]
            role, hit = victim.role, _hit_worker(victim, kind, _between(FROZEN, length))
        run.tell(f"{monotonic() - run.began:6.1f} s  {kind}: {role}")
        before = await _patiently(lambda: _in_hand(run.desk))
        group.create_task(hit)
        group.create_task(_time(run, Injury(monotonic() - run.began, kind, role), before))


async def _many_more(run: _Run, requests: float) -> bool:
    """Waits until so many more requests have ended; returns False where all is over before."""
    first = await _count_ended(run)
    while not await run.wait(LOOK):
        if await _count_ended(run) - first >= requests:
            return True
    return False


async def _count_ended(run: _Run) -> int:
    return len(run.ids) - await _patiently(lambda: _count_open(run.desk))


def _between(bounds: tuple[float, float], share: float) -> float:
    low, high = bounds
    return low + share * (high - low)


async def _hit_worker(victim: Member, kind: str, seconds: float) -> None:
    if kind == "killed":
        victim.kill()
    elif kind == "stopped":
        victim.stop()
    else:
        victim.freeze()
        await asyncio.sleep(seconds)
        victim.wake()


async def _hit_database(settings: Settings, kind: str, seconds: float) -> None:
    if kind == "cut off":
        await cut_connections(settings)
    else:
        async with closed_database(settings):
            await asyncio.sleep(seconds)


async def _time(run: _Run, injury: Injury, before: frozenset[tuple[str, int]]) -> None:
    """Notes how long it took until every request in somebody's hands at the hit was done or in
    other hands: for most it is the work of a worker that was not hit, so the time is rather too
    long than too short."""
    began = monotonic()
    recovered = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while before & await _patiently(lambda: _in_hand(run.desk)):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
            recovered = monotonic() - began
    run.survival.injuries.append(Injury(injury.at, injury.kind, injury.role, recovered))


def judge(survival: Survival, answers: list[Answer], posted: Counter[str]) -> None:
    """Counts what became of every request, and how often its answer was posted."""
    for answer in answers:
        request = answer.request
        times = posted[request.id]
        if not answer.phase.final or not times:
            survival.lost += 1
        elif times > 1:
            survival.doubled += 1
        elif answer.phase is Phase.RENDERED:
            survival.rendered += 1
            survival.incomplete += len(answer.renderings) != request.image_count
        else:
            survival.failed[(answer.failure or "").split(",")[0]] += 1
