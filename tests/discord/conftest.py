"""A simulated server with the real discord.py bot in it, over a real desk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import discord
import pytest
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle
from simcord.env import Env
from sqlalchemy import text

from bot.discord_frontend import answers, create_bot
from bot.discord_frontend.client import StylusBot
from engine.desk import Desk
from engine.values import Request


@dataclass(frozen=True, slots=True)
class Server:
    """A server with one channel, Ann and Bob."""

    env: Env
    desk: Desk
    guild: GuildHandle
    channel: ChannelHandle
    ann: MemberActor
    bob: MemberActor

    @property
    def bot(self) -> StylusBot:
        assert isinstance(self.env.bot, StylusBot)
        return self.env.bot

    async def newest(self) -> Request:
        """Returns the request that was stored last."""
        async with self.desk.database.transaction() as connection:
            found = await connection.scalar(
                text("select id from requests order by created_at desc limit 1")
            )
        return (await self.desk.answer(str(found))).request

    async def count(self, table: str) -> int:
        """Returns how many rows a table has."""
        async with self.desk.database.transaction() as connection:
            return int(await connection.scalar(text(f"select count(*) from {table}")) or 0)

    async def prompt(self, words: str = "red star", **options: Any) -> Request:
        """Ann asks; returns the request."""
        await self.ann.slash(self.channel, "stylus prompt", text=words, **options)
        return await self.newest()

    @property
    def last(self) -> discord.Message:
        """Returns the channel's last message."""
        assert self.channel.last_message
        return self.channel.last_message

    async def channel_message(self, custom_id: str) -> discord.Message:
        """Returns a message of the bot's, for all to see, with a button that carries this."""
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="press", custom_id=custom_id))
        view.stop()
        await self.bot.get_partial_messageable(self.channel.id).send("here", view=view)
        return self.last

    def seen(self) -> set[int]:
        """Returns the ids of the channel's messages."""
        return {message.id for message in self.channel.history()}


def words_of(message: Any) -> str:
    """Returns all text of a message's components."""
    return "\n".join(_texts(_components(message)))


def ids_of(message: Any) -> list[str]:
    """Returns the custom ids of a message's components."""
    return [part["custom_id"] for part in walk(_components(message)) if part.get("custom_id")]


def _components(message: Any) -> list[dict[str, Any]]:
    found = message.components
    return [part if isinstance(part, dict) else part.to_dict() for part in found]


def walk(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields every part, however deep."""
    for part in parts:
        yield part
        yield from walk(part.get("components", []))


def _texts(parts: list[dict[str, Any]]) -> list[str]:
    return [part["content"] for part in walk(json.loads(json.dumps(parts))) if "content" in part]


@pytest.fixture
def simcord_bot(desk: Desk) -> StylusBot:
    return create_bot(desk)


@pytest.fixture
def discord_server(simcord_env: Env, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A database that is slow to store is another test's."""
    monkeypatch.setattr(answers, "PATIENCE", 60.0)
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("art")
    ann = guild.add_member(simcord_env.create_user("ann"))
    bob = guild.add_member(simcord_env.create_user("bob"))
    return Server(simcord_env, desk, guild, channel, ann, bob)
