"""`stylus bench discord`: many people ask the bot at once, over real sockets to a loopback Discord.

Everything of ours is real: the bot, its deliveries and its board in this process, engine and
renderer in theirs. Latencies are those of the loopback server's clock, which shares the process
with the bot, so they are rather too long than too short.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.benchmarks.loopback_discord import LoopbackDiscord, serve_discord
from bot.benchmarks.loopback_server import CHANNEL, GUILD
from bot.discord_frontend import create_bot
from bot.discord_frontend.connection import log_in, stay_connected
from bot.discord_frontend.people import PLATFORM
from bot.workforce import temporary_workers
from engine.desk import Desk, open_desk
from engine.operations.figures import Figure, percentile
from engine.processes.delivery_worker import Part, run_frontend
from engine.settings import Settings
from engine.values import Asker

#: People who ask, and interactions that wait for their acknowledgement at the same time.
PEOPLE, IN_FLIGHT = 40, 50
#: Seconds within which an interaction is acknowledged, at the 99th percentile.
ACK_GOAL = 1.0
#: Seconds that all answers may take.
PATIENCE = 3600.0


async def measure(settings: Settings, requests: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns how fast that many requests were acknowledged, and whether each got one answer."""
    async with (
        open_desk(settings) as desk,
        temporary_workers(desk, tell),
        serve_discord() as server,
        _frontend(desk, server),
    ):
        before = await _stored(desk)
        began = time.perf_counter()
        acknowledged: list[float] = []
        for start in range(0, requests, IN_FLIGHT):
            asking = [_ask(server, n) for n in range(start, min(start + IN_FLIGHT, requests))]
            acknowledged += await asyncio.gather(*asking)
            tell(f"{len(acknowledged)} of {requests} acknowledged")
        await server.until(lambda: _answered(server) >= requests, PATIENCE)
        took = time.perf_counter() - began
        stored = await _stored(desk) - before
    answered = _answered(server)
    return [
        Figure("acknowledged, median", percentile(acknowledged, 0.5), "s"),
        Figure("acknowledged, p99", percentile(acknowledged, 0.99), "s", ACK_GOAL),
        Figure("requests lost", requests - answered, "requests", 0),
        Figure("requests doubled", stored - requests, "requests", 0),
        Figure("messages beyond one a request", len(server.messages) - requests, "messages", 0),
        Figure("changes of messages a second", _changes(server) / took, "1/s"),
        Figure("all answers", took, "s"),
    ]


@asynccontextmanager
async def _frontend(desk: Desk, server: LoopbackDiscord) -> AsyncIterator[None]:
    async with create_bot(desk) as bot:
        await log_in(bot, "a.b.c")
        sides = [stay_connected(bot), bot.board.run()]
        running = asyncio.create_task(run_frontend(desk, Part("discord"), sides))
        await asyncio.wait_for(server.ready.wait(), 30)
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _ask(server: LoopbackDiscord, number: int) -> float:
    """One prompt; returns the seconds until its acknowledgement."""
    began = time.perf_counter()
    interaction = await server.slash(
        "stylus prompt", user=_person(number), text="a red star", images=1, seed=number
    )
    await server.until(lambda: server.answered(interaction), PATIENCE)
    return time.perf_counter() - began


def _answered(server: LoopbackDiscord) -> int:
    return sum(bool(message["attachments"]) for message in server.messages.values())


def _changes(server: LoopbackDiscord) -> int:
    return sum(call.method == "PATCH" for call in server.calls)


async def _stored(desk: Desk) -> int:
    """Returns how many requests the people of the loopback server have made."""
    people = [Asker(PLATFORM, GUILD, CHANNEL, _person(n)) for n in range(PEOPLE)]
    return sum([await desk.history.today(one) for one in people])


def _person(number: int) -> str:
    return str(5000 + number % PEOPLE)
