"""`stylus bench slack`: many people ask the app at once, over a real socket to a loopback Slack.

The load of `stylus bench discord`. Everything of ours is real: the app, its deliveries and its
board in this process, engine and renderer in theirs. Latencies are those of the loopback server's
clock, which shares the process with the app, so they are rather too long than too short. As Slack
does, the server asks for a pause above one message a second and channel.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from bot.benchmarks.loopback_slack.people import People, serve_slack
from bot.benchmarks.loopback_slack.workspace import APP_TOKEN, BOT, TEAM, TOKEN, Channel, Json
from bot.slack_frontend import create_app
from bot.slack_frontend.connection import stay_connected
from bot.slack_frontend.people import PLATFORM
from bot.slack_frontend.posting import EVENT
from bot.workforce import temporary_workers
from engine.desk import Desk, open_desk
from engine.operations.figures import Figure, percentile
from engine.processes.delivery_worker import Part, run_frontend
from engine.settings import Settings
from engine.values import Asker

#: People who ask, and commands that wait for their acknowledgement at the same time.
PEOPLE, IN_FLIGHT = 40, 50
#: Channels in which they ask, and seconds between two messages that Slack wants in each.
CHANNELS, PACE = 8, 1.0
#: Seconds within which a command is acknowledged, at the 99th percentile.
ACK_GOAL = 1.0
#: Seconds that all answers may take.
PATIENCE = 3600.0


async def measure(settings: Settings, requests: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns how fast that many requests were acknowledged, and whether each got one answer."""
    section = settings.slack.model_copy(update={"app_token": SecretStr(APP_TOKEN), "client_id": ""})
    async with (
        open_desk(settings.model_copy(update={"slack": section})) as desk,
        temporary_workers(desk, tell),
        serve_slack() as server,
        _frontend(desk, server),
    ):
        _settle(server)
        before = await _stored(desk)
        began = time.perf_counter()
        acknowledged: list[float] = []
        for start in range(0, requests, IN_FLIGHT):
            asking = [_ask(server, n) for n in range(start, min(start + IN_FLIGHT, requests))]
            acknowledged += await asyncio.gather(*asking)
            tell(f"{len(acknowledged)} of {requests} acknowledged")
        await server.until(lambda: len(_shares(server)) >= requests, PATIENCE)
        await server.until(lambda: _unfinished(server) == 0, PATIENCE)
        took = time.perf_counter() - began
        stored = await _stored(desk) - before
    roots, shares = len(_roots(server)), len(_shares(server))
    return [
        Figure("acknowledged, median", percentile(acknowledged, 0.5), "s"),
        Figure("acknowledged, p99", percentile(acknowledged, 0.99), "s", ACK_GOAL),
        Figure("requests lost", requests - min(shares, roots), "requests", 0),
        Figure("requests doubled", stored - requests, "requests", 0),
        Figure("messages beyond one a request", roots - requests, "messages", 0),
        Figure("shares of images beyond one a request", shares - requests, "messages", 0),
        Figure("pauses that Slack asked for", server.pauses, "pauses"),
        Figure("changes of messages a second", server.counts()["chat.update"] / took, "1/s"),
        Figure("all answers", took, "s"),
    ]


@asynccontextmanager
async def _frontend(desk: Desk, server: People) -> AsyncIterator[None]:
    app = create_app(desk, AsyncWebClient(token=TOKEN, base_url=server.base_url))
    sides = [stay_connected(app), app.board.run()]
    running = asyncio.create_task(run_frontend(desk, Part(PLATFORM), sides))
    await asyncio.wait_for(server.connected.wait(), 30)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _settle(server: People) -> None:
    """The people come into the channel; none of them gives up waiting."""
    people = [_person(n) for n in range(PEOPLE)]
    server.channels |= {_channel(n): Channel({BOT, *people}) for n in range(CHANNELS)}
    server.pace = PACE
    server.users |= {one: {"id": one, "is_admin": False} for one in people}
    server.deadline = PATIENCE


async def _ask(server: People, number: int) -> float:
    """One prompt; returns the seconds until its acknowledgement."""
    began = time.perf_counter()
    words = f"prompt a red star --images 1 --seed {number}"
    await server.slash(words, _channel(number), _person(number))
    return time.perf_counter() - began


def _roots(server: People) -> list[Json]:
    """Returns our messages that show a request."""
    return [m for m in _said(server) if m.get("metadata", {}).get("event_type") == EVENT]


def _shares(server: People) -> list[Json]:
    return [m for m in _said(server) if "files" in m]


def _said(server: People) -> list[Json]:
    """Returns the messages of all channels."""
    return [m for n in range(CHANNELS) for m in server.messages(_channel(n))]


def _unfinished(server: People) -> int:
    """Returns how many messages do not show an answer yet: they say how to cancel."""
    return sum(":cancel:" in repr(root["blocks"]) for root in _roots(server))


async def _stored(desk: Desk) -> int:
    """Returns how many requests the people of the loopback server have made."""
    people = [Asker(PLATFORM, f":{TEAM}", "", _person(n)) for n in range(PEOPLE)]
    return sum([await desk.history.today(one) for one in people])


def _channel(number: int) -> str:
    return f"CCROWD{number % CHANNELS}"


def _person(number: int) -> str:
    return f"UCROWD{number % PEOPLE}"
