"""Many people at once: everybody is heard at once, and everything is posted once."""

import asyncio
import re
from collections import Counter

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.benchmarks.loopback_slack.people import People
from bot.benchmarks.loopback_slack.workspace import ART, TOKEN, Channel
from bot.slack_frontend import opening
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.screens import Screen
from bot.slack_frontend.web import Web
from engine.desk import Desk
from tests.discord.atelier import compose, render
from tests.slack.conftest import Workspace, held

PEOPLE, EACH = 8, 5


async def test_a_crowd_is_heard_at_once_and_answered_once_each(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's acknowledgement waits for the database, which takes nothing meanwhile."""
    monkeypatch.setattr(opening, "ACK_WITHIN", 0.1)
    slack, desk = workspace.slack, workspace.desk
    people = [f"UCROWD{n}" for n in range(PEOPLE)]
    slack.channels[ART].members.update(people)
    asked = [
        slack.slash(f"prompt red star --images 1 --seed {seed}", user=person)
        for person in people
        for seed in range(EACH)
    ]
    async with held(desk, "lock table stylus.requests in access exclusive mode"):
        await asyncio.gather(*asked)
    await workspace.settled()
    assert await workspace.count("requests") == PEOPLE * EACH
    roots = [m["ts"] for m in slack.messages()]
    assert len(roots) == PEOPLE * EACH
    standings = await desk.standings("slack")
    for standing in standings.requests:
        await compose(desk, standing.request)
        await render(desk, standing.request)
    await asyncio.gather(*(workspace.deliver() for _ in range(3)))
    assert [m["ts"] for m in slack.messages() if "metadata" in m] == roots
    assert shares(slack.channels[ART]) == {s.request.id: 1 for s in standings.requests}


def shares(channel: Channel) -> Counter[str]:
    """Returns how often each request's images are shared."""
    names = [m["files"][0]["name"] for m in channel.messages.values() if "files" in m]
    return Counter(re.findall(r"stylus-(\w+)-", " ".join(names)))


async def test_statuses_keep_still_while_slack_asks_for_a_pause(
    workspace: Workspace, desk: Desk
) -> None:
    request = await workspace.prompt()
    await compose(desk, request)
    pause = {"Retry-After": "30"}
    busy = web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=pause)
    workspace.slack.before["chat.update"].append(busy)
    await workspace.app.board.refresh()
    other = await workspace.prompt("blue heart --images 1")
    await compose(desk, other)
    await workspace.app.board.refresh()
    assert workspace.slack.counts()["chat.update"] == 1
    await render(desk, request)
    assert await workspace.deliver() == 1
    assert workspace.slack.counts()["chat.update"] == 2


@pytest.fixture
def crowded(slack: People, monkeypatch: pytest.MonkeyPatch) -> People:
    """A Slack that counts, a little faster than the real one, and we as much faster."""
    slack.pace = 0.1
    monkeypatch.setattr("bot.slack_frontend.turns.APART", 0.12)
    return slack


async def test_a_busy_channel_is_asked_for_one_pause_alone(crowded: People) -> None:
    """Those that follow keep the distance; all at once each would be asked for pauses."""
    poster = Poster(Web(AsyncWebClient(TOKEN, base_url=crowded.base_url)))
    screens = [Screen((), f"number {n}") for n in range(6)]
    await asyncio.gather(*(poster.say(ART, screen) for screen in screens))
    assert [m["text"] for m in crowded.messages(ART)] == [one.text for one in screens]
    assert crowded.pauses == 1


async def test_nobody_waits_in_a_channel_that_is_not_busy(
    crowded: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack lets bursts pass; and what was busy once is not so for ever."""
    monkeypatch.setattr("bot.slack_frontend.turns.APART", 3600.0)
    poster, crowded.pace = Poster(Web(AsyncWebClient(TOKEN, base_url=crowded.base_url))), 0.0
    for n in range(3):
        await poster.say(ART, Screen((), f"number {n}"))
    poster.turns._busy[ART], poster.turns._free[ART] = 0.0, 1e12
    await poster.say(ART, Screen((), "later"))
    assert len(crowded.messages(ART)) == 4
