"""`stylus chaos`: workers and all that they need are hit while requests run; told is what survived.

Everything is real: processes, queue, Postgres, the checkpoint; only the platform that answers are
posted on and the language model are our own, and fail at times. What is hit, when and how follows
from a seed, so a run that went wrong can be had again, as far as clocks ever agree.
"""

import asyncio
import contextlib
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from bot.benchmarks.crew import Crew, open_crew
from bot.benchmarks.injuries import (
    HANDS,
    KINDS,
    ONLY,
    PLACES,
    Outside,
    hit_outside,
    hit_worker,
    seconds_of,
)
from bot.benchmarks.moody_llm import serve_moody_llm
from bot.benchmarks.moody_platform import PLATFORM, MoodyPlatform
from bot.benchmarks.survival import Injury, Survival, judge
from engine.desk import Desk, open_desk
from engine.errors import DatabaseUnavailable
from engine.operations.log import configure_log
from engine.requests import backlog
from engine.settings import Llm, Settings, Storage
from engine.storage.scratch import scratch_database
from engine.values import Ask, Asker, Overrides

#: What runs: any of them may be hit.
CREW = ("engine", "engine", "renderer", "renderer")
PEOPLE = 20
#: Requests that are unfinished at a time, so that every stage is always at work.
OPEN = 32
#: Steps of a request's denoising: few, since it is the queue that is tried.
STEPS = 4
#: Seconds that the language model has for an answer.
MODEL_SECONDS = 3.0
#: Seconds between two looks.
LOOK = 0.5
#: Seconds that all is given to end after the last injury.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class _Run:
    """What the tasks of a run share."""

    desk: Desk
    crew: Crew
    outside: Outside
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
        serve_moody_llm(random.Random(seed + 2)) as llm,
        scratch_database(_asking(settings, llm.url)) as scratch,
        _scratch_store(scratch, survival, tell) as own,
        open_crew(own, CREW) as crew,
        open_desk(own) as desk,
    ):
        desk.register(PLATFORM, platform.post)
        outside = Outside(own, llm, platform)
        run = _Run(desk, crew, outside, survival, random.Random(seed), tell, monotonic())
        async with asyncio.TaskGroup() as group:
            for task in (_deliver(run), _keep_up(run), _injure(run, every, group)):
                group.create_task(task)
            await _ask_all(run)
            await _until_ended(run)
            run.over.set()
        survival.seconds = monotonic() - run.began
        answers = [await desk.answer(one) for one in run.ids]
        survival.refused, survival.broken_off = platform.refused, platform.broken_off
        survival.unanswered = llm.unanswered
        judge(survival, answers, platform.posts)
    return survival


def _asking(settings: Settings, url: str) -> Settings:
    llm = Llm(base_url=url, model="moody", timeout=MODEL_SECONDS)
    return settings.model_copy(update={"llm": llm})


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
    # The model is asked the very same question once only.
    wishes = Overrides(composer="llm" if number % 2 else "local")
    return Ask(
        asker, f"a red star, the {number}.", images=2, seed=number, width=64, height=64,
        steps=STEPS, overrides=wishes,
    )  # fmt: skip


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


async def _in_hand(desk: Desk, role: str) -> frozenset[tuple[str, int]]:
    async with desk.database.transaction() as connection:
        return await backlog.in_hand(connection, HANDS.get(role, backlog.IN_HAND))


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
        starting = [member for member in run.crew.members if not member.ready]
        alive = await _patiently(run.desk.workers) if starting else []
        for member in starting:
            if member.pid in {worker.pid for worker in alive}:
                member.ready = True
                run.survival.starts.setdefault(member.role, []).append(monotonic() - member.began)


async def _injure(run: _Run, every: float, group: asyncio.TaskGroup) -> None:
    chooser, kinds = run.chooser, list(KINDS)
    while await _many_more(run, chooser.uniform(0.5 * every, 1.5 * every)):
        kind = chooser.choices(kinds, list(KINDS.values()))[0]
        place, seconds = chooser.random(), seconds_of(kind, chooser.random())
        role = PLACES.get(kind, "")
        if role:
            hit = hit_outside(run.outside, kind, seconds)
        else:
            only = ONLY.get(kind, "")
            # What is only just starting works at nothing.
            members = [one for one in run.crew.members if one.well and only in ("", one.role)]
            if not members:
                continue
            victim = members[int(place * len(members))]
            role, hit = victim.role, hit_worker(victim, kind, seconds)
        run.tell(f"{monotonic() - run.began:6.1f} s  {kind}: {role}")
        before = await _patiently(partial(_in_hand, run.desk, role))
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


async def _time(run: _Run, injury: Injury, before: frozenset[tuple[str, int]]) -> None:
    """Notes how long it took until every request in the role's hands at the hit was done or in
    other hands: for some it is the work of a worker that was not hit, so the time is rather too
    long than too short."""
    began = monotonic()
    recovered, alone = None, False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while before & await _patiently(lambda: _in_hand(run.desk, injury.role)):
                alone |= not _anybody(run.crew, injury.role)
                await asyncio.sleep(LOOK)
            recovered = monotonic() - began
    run.survival.injuries.append(replace(injury, recovered=recovered, alone=alone))


def _anybody(crew: Crew, role: str) -> bool:
    """Whether somebody can take up a role's work; for what is no role, whether both can be."""
    roles = [role] if role in HANDS else list(HANDS)
    return all(any(one.well and one.role == each for one in crew.members) for each in roles)
