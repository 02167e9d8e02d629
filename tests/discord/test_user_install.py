"""A person's own installation, where the bot is no member: only interactions' tokens lead there.

Over real sockets, for the simulated server knows no such place; Discord refuses dead tokens here
as it does.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.benchmarks.loopback_discord import DEFERRED
from bot.benchmarks.loopback_server import DIRECT, EVERYTHING, USER, person
from bot.discord_frontend import answers
from engine.desk import Desk
from engine.values import Request
from tests.discord.atelier import finish
from tests.discord.wire import Wire, connect

ELSEWHERE = {
    "guild_id": "9000",
    "guild": {"id": "9000", "locale": "en-US", "features": []},
    "channel": {
        "id": "3000",
        "type": 0,
        "name": "art",
        "guild_id": "9000",
        "position": 0,
        "nsfw": False,
        "permissions": EVERYTHING,
    },
    "authorizing_integration_owners": {"1": USER},
    "app_permissions": "0",
}
#: A conversation of people without the bot.
AMONG_FRIENDS: dict[str, Any] = {
    "guild_id": None,
    "member": None,
    "user": person(USER, "ann"),
    "context": 2,
    "channel": {"id": "3000", "type": 3, "recipients": [], "last_message_id": None},
    "authorizing_integration_owners": {"1": USER},
    "app_permissions": "0",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place that knows the bot by one person alone."""

    wire: Wire
    #: What Discord says of it with every interaction.
    context: dict[str, Any]

    async def ask(self, minutes_ago: float = 0, *, private: bool = False) -> Request:
        """Ann asked then; returns the request."""
        server = self.wire.server
        then = discord.utils.utcnow() - timedelta(minutes=minutes_ago)
        event = str(discord.utils.time_snowflake(then))
        asked: dict[str, Any] = {"text": "red star", "images": 2, "private": private}
        await server.slash("stylus prompt", event=event, context=self.context, **asked)
        await server.until(lambda: server.answered(event))
        return await self.wire.newest()


@pytest.fixture(params=[ELSEWHERE, AMONG_FRIENDS], ids=["server", "friends"])
async def place(
    desk: Desk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    monkeypatch.setattr(answers, "PATIENCE", 60.0)
    async with connect(desk) as wire:
        yield Place(wire, request.param)


def texts(message: dict[str, Any]) -> str:
    return str(message["components"])


async def test_an_answer_takes_the_place_of_its_status(place: Place) -> None:
    request = await place.ask()
    assert request.asker.workspace == f"dm:{USER}"
    assert not (await place.wire.desk.homes.of(request.id)).direct
    await finish(place.wire.desk, request)
    assert len(place.wire.shown["attachments"]) == 3
    last = [call for call in place.wire.server.calls if call.files][-1]
    assert (last.method, last.path.split("/")[0]) == ("PATCH", "webhooks")


async def test_buttons_lead_to_requests_of_the_same_place(place: Place) -> None:
    request = await place.ask(private=True)
    await finish(place.wire.desk, request)
    shown = {**place.wire.shown, "flags": discord.MessageFlags(ephemeral=True).value}
    data = {"custom_id": f"stylus:reroll:{request.id}", "component_type": 2}
    click = await place.wire.server.interact(3, data, message=shown, **place.context)
    answer = await place.wire.server.until(lambda: place.wire.server.answered(click))
    assert answer.body["type"] != DEFERRED
    assert answer.body["data"]["flags"] & discord.MessageFlags(ephemeral=True).value
    again = await place.wire.newest()
    assert (again.parent_id, again.asker) == (request.id, request.asker)
    await finish(place.wire.desk, again)
    assert [len(one["attachments"]) for one in place.wire.server.messages.values()] == [3, 3]


async def test_who_waits_too_long_is_told_in_time_how_to_fetch_theirs(place: Place) -> None:
    early = await place.ask(minutes_ago=11)
    await place.wire.bot.board.refresh()
    assert f"/stylus show {early.id}" not in texts(place.wire.shown)
    await finish(place.wire.desk, early)
    place.wire.server.messages.clear()
    late = await place.ask(minutes_ago=12.5)
    await place.wire.bot.board.refresh()
    assert f"/stylus show {late.id}" in texts(place.wire.shown)


async def test_no_dead_token_is_used_and_the_answer_comes_as_a_direct_message(
    place: Place,
) -> None:
    request = await place.ask(minutes_ago=14.5)
    before = len(place.wire.server.calls)
    await finish(place.wire.desk, request)
    later = [call.path for call in place.wire.server.calls[before:]]
    assert not [path for path in later if path.startswith("webhooks/")]
    assert later[-1] == f"channels/{DIRECT}/messages"
    sent = [one for one in place.wire.server.messages.values() if one["channel_id"] == DIRECT]
    assert len(sent[0]["attachments"]) == 3
    found = await place.wire.desk.homes.find("discord", DIRECT, sent[0]["id"])
    assert found == request.id, "reactions on it are understood"
