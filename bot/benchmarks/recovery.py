"""`stylus bench recovery`: how soon the work of a killed renderer is taken up by another."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from bot.benchmarks.crew import Crew, Member, open_crew
from engine.desk import Desk, open_desk
from engine.errors import Unavailable
from engine.operations.figures import Figure, percentile
from engine.requests import backlog
from engine.settings import Settings, Storage
from engine.storage.scratch import scratch_database
from engine.values import Ask, Asker

#: Seconds that it may take.
GOAL = 30.0
#: Seconds between two looks.
LOOK = 0.1
#: Seconds that a start or a recovery may take before the measurement is given up.
PATIENCE = 180.0
ASKER = Asker("console", user="bench")
#: Long enough to be under way still when another renderer has started.
LONG = Ask(ASKER, "a red star", images=4, width=512, height=512, steps=150)


async def measure(settings: Settings, times: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns median and most of the seconds from SIGKILL to another renderer's claim."""
    with tempfile.TemporaryDirectory(prefix="stylus-recovery-") as folder:
        async with scratch_database(settings) as scratch:
            own = scratch.model_copy(update={"home": Path(folder), "storage": Storage()})
            async with open_crew(own, ("engine", "renderer")) as crew, open_desk(own) as desk:
                taken = []
                for n in range(times):
                    taken.append(await _one(desk, crew))
                    tell(f"{n + 1} of {times}: {taken[-1]:.1f} s")
    return [
        Figure("another renderer took it up after, median", percentile(taken, 0.5), "s"),
        Figure("another renderer took it up after, most", max(taken), "s", GOAL),
    ]


async def _one(desk: Desk, crew: Crew) -> float:
    """The only renderer claims a long request, another one gets ready, and the first is killed."""
    (victim,) = [member for member in crew.members if member.role == "renderer"]
    await _until_ready(desk, victim)
    request = await desk.submit(
        Ask(ASKER, "a red star", images=4, width=512, height=512, steps=150)
    )
    first = await _claimed(desk, request.id, after=0)
    await _until_ready(desk, await crew.add("renderer"))
    began = monotonic()
    victim.kill()
    await victim.process.wait()
    await _claimed(desk, request.id, after=first)
    taken = monotonic() - began
    crew.members.remove(victim)
    await desk.cancel(request.id, ASKER)
    return taken


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError as error:
        raise Unavailable(f"{what} within {PATIENCE:g} s; measure on a quieter machine.") from error


async def _until_ready(desk: Desk, member: Member) -> None:
    async with _patience("A renderer was not ready"):
        while member.pid not in {worker.pid for worker in await desk.workers()}:  # noqa: ASYNC110
            await asyncio.sleep(LOOK)


async def _claimed(desk: Desk, request_id: str, after: int) -> int:
    """The attempt by which the request is rendered, once it is a later one than that."""
    async with _patience("No renderer claimed a request"):
        while True:
            async with desk.database.transaction() as connection:
                rendered = await backlog.rendering(connection)
            if (attempt := rendered.get(request_id, 0)) > after:
                return attempt
            await asyncio.sleep(LOOK)
