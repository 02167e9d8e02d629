"""What `stylus chaos` does to workers, to the database and to what is reached over a network."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.benchmarks.crew import Member
from bot.benchmarks.moody_llm import MoodyLlm
from bot.benchmarks.moody_platform import MoodyPlatform
from engine.settings import Settings
from engine.storage.outage import closed_database, cut_connections
from engine.values import Phase

#: What is done, and in how many of a hundred hits.
KINDS = {
    "killed": 28,
    "frozen": 16,
    "stopped": 10,
    "clock moved": 10,
    "disk full": 8,
    "cut off": 8,
    "closed": 8,
    "model down": 6,
    "platform down": 6,
}
#: To whom, where that is no worker; renderers alone write files.
PLACES = {
    "cut off": "database",
    "closed": "database",
    "model down": "outside",
    "platform down": "outside",
}
ONLY = {"disk full": "renderer"}
#: What somebody of a role has in hand; whatever else is hit may concern both.
HANDS = {"engine": (Phase.COMPOSING,), "renderer": (Phase.RENDERING,)}
#: Seconds that each lasts, from and to. A frozen worker stays so sometimes for longer than it takes
#: to be thought dead.
LASTS = {
    "frozen": (1.0, 25.0),
    "disk full": (1.0, 10.0),
    "closed": (0.5, 10.0),
    "model down": (5.0, 20.0),
    "platform down": (5.0, 20.0),
}
#: Seconds by which a clock is wrong from then on, both ways.
WRONG = 2 * 3600.0
#: Bytes that a file may have on a full disk.
ROOM = 512


@dataclass(frozen=True, slots=True)
class Outside:
    """What workers reach over a network, and the settings by which they do."""

    settings: Settings
    llm: MoodyLlm
    platform: MoodyPlatform


def seconds_of(kind: str, share: float) -> float:
    """Returns for how long a hit lasts, or how wrong a clock is, from a number up to 1."""
    low, high = LASTS.get(kind, (-WRONG, WRONG))
    return low + share * (high - low)


async def hit_worker(victim: Member, kind: str, seconds: float) -> None:
    """Does it to a worker; returns when it is over."""
    if kind == "killed":
        victim.kill()
    elif kind == "stopped":
        victim.stop()
    elif kind == "clock moved":
        victim.move_clock(seconds)
    else:
        begin, end = _states(victim)[kind]
        begin()
        await asyncio.sleep(seconds)
        end()


def _states(victim: Member) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    return {
        "frozen": (victim.freeze, victim.wake),
        "disk full": (lambda: victim.fill_disk(ROOM), lambda: victim.fill_disk(-1)),
    }


async def hit_outside(outside: Outside, kind: str, seconds: float) -> None:
    """Does it to what workers reach; returns when it is over."""
    if kind == "cut off":
        await cut_connections(outside.settings)
    elif kind == "closed":
        async with closed_database(outside.settings):
            await asyncio.sleep(seconds)
    else:
        place = outside.llm if kind == "model down" else outside.platform
        place.down = True
        await asyncio.sleep(seconds)
        place.down = False
