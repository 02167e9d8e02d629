"""Many people at once: everybody hears within a second, and everything is posted once."""

import asyncio
import re
from collections import Counter

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.benchmarks.loopback_slack.workspace import ART, TOKEN, Channel
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.screens import Screen
from bot.slack_frontend.web import Web
from engine.desk import Desk
from tests.discord.atelier import compose, render
from tests.slack.conftest import Workspace

PEOPLE, EACH = 8, 5


async def test_a_crowd_is_heard_at_once_and_answered_once_each(workspace: Workspace) -> None:
    slack, desk = workspace.slack, workspace.desk
    people = [f"UCROWD{n}" for n in range(PEOPLE)]
    slack.channels[ART].members.update(people)
    asked = [
        slack.slash(f"prompt red star --images 1 --seed {seed}", user=person)
        for person in people
        for seed in range(EACH)
    ]
    await asyncio.gather(*asked)
    await workspace.settled()
    assert slack.slowest_ack < 3
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


async def test_messages_into_one_channel_wait_for_each_other(workspace: Workspace) -> None:
    """Each is asked for one pause at most; all at once they would be asked three times over."""
    workspace.slack.pace = 0.2
    client = AsyncWebClient(TOKEN, base_url=workspace.slack.base_url)
    poster = Poster(Web(client))
    screens = [Screen((), f"number {n}") for n in range(4)]
    await asyncio.gather(*(poster.say(ART, screen) for screen in screens))
    assert [m["text"] for m in workspace.slack.messages(ART)] == [one.text for one in screens]
    assert workspace.slack.pauses <= 3
