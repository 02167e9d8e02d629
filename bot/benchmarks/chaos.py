"""`stylus chaos`: workers are killed and frozen while requests run, and it is told what survived.

Everything is real: processes, queue, Postgres, the checkpoint. Which worker is hit, when and how
follows from a seed, so a run that went wrong can be had again, as far as two clocks ever agree.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from engine.desk import Desk, open_desk
from engine.settings import Settings, Storage
from engine.storage.scratch import scratch_database
from engine.values import Answer, Ask, Asker, Phase

PLATFORM = "chaos"
#: What runs: any of them may be hit.
CREW = ("engine", "engine", "renderer", "renderer")
PEOPLE = 20
#: Share of the hits that kill; the others freeze.
KILLS = 0.6
#: Seconds that a frozen worker stays so: sometimes longer than it takes to be thought dead.
FROZEN = (1.0, 25.0)
#: Seconds between two looks.
LOOK = 0.5
#: Seconds that all is given to end after the last injury.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Injury:
    """What was done to a worker."""

    at: float
    signal: str
    role: str
    pid: int
    #: Seconds until every request that was under way then had gone on; None: it never did.
    recovered: float | None = None


@dataclass(slots=True)
class Survival:
    """What was injected, and what became of the requests."""

    seed: int
    requests: int
    injuries: list[Injury] = field(default_factory=list)
    rendered: int = 0
    #: Those that ended without images, by their sentence.
    failed: Counter[str] = field(default_factory=Counter)
    #: Workers that ended though nobody killed them.
    ended: int = 0
    #: Requests that never ended, whose answer came more than once, or with too few images.
    lost: int = 0
    doubled: int = 0
    incomplete: int = 0

    @property
    def whole(self) -> bool:
        """Whether every request ended in exactly one result or one clear failure."""
        return not (self.lost or self.doubled or self.incomplete)


async def wreak(
    settings: Settings, seed: int, requests: int, every: float, tell: Callable[[str], None]
) -> Survival:
    """Runs the requests in a database of their own while about every so many seconds a worker is
    hit; returns what survived."""
    survival = Survival(seed, requests)
    posted: Counter[str] = Counter()
    limits = settings.limits.model_copy(update={"waiting": requests, "workspace_waiting": requests})
    async with (
        scratch_database(settings.model_copy(update={"limits": limits})) as scratch,
        _scratch_store(scratch) as own,
        open_desk(own) as desk,
        _crew(own) as crew,
    ):
        _count_posts(desk, posted)
        asked = [await desk.submit(_ask(n)) for n in range(requests)]
        tell(f"{requests} requests are stored; {len(crew)} workers start")
        await _injure(desk, crew, random.Random(seed), every, survival, tell)
        await _settle(desk)
        answers = [await desk.answer(one.id) for one in asked]
    judge(survival, answers, posted)
    return survival


@asynccontextmanager
async def _scratch_store(settings: Settings) -> AsyncIterator[Settings]:
    """Images of a trial are nobody's: they go with a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="stylus-chaos-") as folder:
        yield settings.model_copy(update={"home": Path(folder), "storage": Storage()})


def _ask(number: int) -> Ask:
    asker = Asker(PLATFORM, f"w{number % 3}", "c", f"u{number % PEOPLE}")
    return Ask(asker, "a red star", images=2, seed=number, width=64, height=64, steps=10)


def _count_posts(desk: Desk, posted: Counter[str]) -> None:
    async def post(answer: Answer, claimed: object) -> str:
        posted[answer.request.id] += 1
        return f"message {sum(posted.values())}"

    desk.register(PLATFORM, post)


Crew = list[tuple[str, Process]]


@asynccontextmanager
async def _crew(settings: Settings) -> AsyncIterator[Crew]:
    crew = [(role, await _start(settings, role)) for role in CREW]
    try:
        yield crew
    finally:
        for _, process in crew:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start(settings: Settings, role: str) -> Process:
    url = settings.database.url.get_secret_value()
    places = {"DATABASE__URL": url, "HOME": str(settings.home), "STORAGE__URL": ""}
    environment = os.environ | {f"STYLUS_{name}": value for name, value in places.items()}
    with (settings.home / f"{role}.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", role, env=environment, stdout=DEVNULL, stderr=log
        )


async def _injure(
    desk: Desk,
    crew: Crew,
    chooser: random.Random,
    every: float,
    survival: Survival,
    tell: Callable[[str], None],
) -> None:
    began = monotonic()
    async with asyncio.TaskGroup() as group:
        while await _open(desk):
            await _wait(desk, chooser.uniform(0.5 * every, 1.5 * every))
            await _replace_ended(desk, crew, survival, tell)
            ready = {worker.pid for worker in await desk.workers()}
            places = [n for n, (_, process) in enumerate(crew) if process.pid in ready]
            if not places:
                continue  # what is only just starting works at nothing
            place = chooser.choice(places)
            role, victim = crew[place]
            name = "SIGKILL" if chooser.random() < KILLS else "SIGSTOP"
            frozen = chooser.uniform(*FROZEN)
            group.create_task(_time(desk, survival, began, name, role, victim.pid))
            tell(f"{monotonic() - began:6.1f} s  {name}  {role} {victim.pid}")
            if name == "SIGKILL":
                victim.kill()
                await victim.wait()
                crew[place] = (role, await _start(desk.settings, role))
            else:
                victim.send_signal(signal.SIGSTOP)
                group.create_task(_wake(victim, frozen))


async def _replace_ended(
    desk: Desk, crew: Crew, survival: Survival, tell: Callable[[str], None]
) -> None:
    """What `stylus up` does for a worker that ends by itself, which none should."""
    for place, (role, process) in enumerate(crew):
        if process.returncode is not None:
            survival.ended += 1
            lines = (desk.settings.home / f"{role}.log").read_text(errors="replace").splitlines()
            tell(f"{role} {process.pid} ended by itself: {' / '.join(lines[-3:])}")
            crew[place] = (role, await _start(desk.settings, role))


async def _wake(victim: Process, seconds: float) -> None:
    await asyncio.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        victim.send_signal(signal.SIGCONT)


async def _time(
    desk: Desk, survival: Survival, began: float, name: str, role: str, pid: int
) -> None:
    """Notes how long it took until all that was under way had gone on: for most it is the work of
    a worker that was not hit, so the time is rather too long than too short."""
    at, hit = monotonic(), await _under_way(desk)
    recovered = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while hit & await _under_way(desk):  # noqa: ASYNC110  other processes' rows
                await asyncio.sleep(LOOK)
            recovered = monotonic() - at
    survival.injuries.append(Injury(at - began, name, role, pid, recovered))


async def _under_way(desk: Desk) -> set[tuple[str, Phase]]:
    standings = await desk.standings(PLATFORM)
    working = (Phase.COMPOSING, Phase.RENDERING)
    return {(one.request.id, one.phase) for one in standings.requests if one.phase in working}


async def _open(desk: Desk) -> bool:
    return bool((await desk.standings(PLATFORM)).requests)


async def _wait(desk: Desk, seconds: float) -> None:
    """Meanwhile what is done is posted."""
    until = monotonic() + seconds
    while monotonic() < until:
        await desk.deliver_waiting(PLATFORM)
        await asyncio.sleep(LOOK)


async def _settle(desk: Desk) -> None:
    until = monotonic() + PATIENCE
    while await _open(desk) and monotonic() < until:
        await _wait(desk, LOOK)
    await _wait(desk, desk.settings.queue.stalled + LOOK)


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
