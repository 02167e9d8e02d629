"""A slow database: “thinking” comes before a request is stored, and promises nothing.

Whatever becomes of the storing, the person gets the request's message or a sentence.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import pytest
from psycopg import AsyncConnection
from sqlalchemy import text

from bot.benchmarks.loopback_discord import DEFERRED, Call
from bot.benchmarks.loopback_server import GUILD, USER
from bot.discord_frontend.answers import PATIENCE
from engine.desk import Desk
from tests.conftest import Server
from tests.discord.wire import Wire, connect

LINE = "select pg_advisory_lock(hashtext('stylus asker'), hashtext('discord/' || %s || '/' || %s))"


@pytest.fixture
async def wire(desk: Desk) -> AsyncIterator[Wire]:
    async with connect(desk) as wire:
        yield wire


@asynccontextmanager
async def thinking(wire: Wire, prompt: str = "red star") -> AsyncIterator[str]:
    """Somebody asks while their line is held up; yields the interaction's id once the bot has
    said “thinking”, and lets the line go."""
    where = wire.desk.database.conninfo
    async with await AsyncConnection.connect(where, autocommit=True) as connection:
        await connection.execute(LINE.encode(), [GUILD, USER])
        asked = await wire.server.slash("stylus prompt", text=prompt)
        said = await wire.server.until(lambda: wire.server.answered(asked))
        assert said.body["type"] == DEFERRED
        yield asked


def test_discord_has_its_acknowledgement_in_time() -> None:
    """It takes none after three seconds."""
    assert PATIENCE < 3 / 2


async def stored(wire: Wire) -> int:
    async with wire.desk.database.transaction() as connection:
        return int(await connection.scalar(text("select count(*) from requests")) or 0)


def followed(wire: Wire, asked: str) -> bool:
    """Whether something was said after “thinking”."""
    return any(c.method == "POST" and f"/token{asked}" in f"{c.path}/" for c in later(wire))


def later(wire: Wire) -> list[Call]:
    return [call for call in wire.server.calls if call.path.startswith("webhooks/")]


async def test_what_is_stored_late_takes_the_place_of_thinking(wire: Wire) -> None:
    async with thinking(wire) as asked:
        assert await stored(wire) == 0
    await wire.server.until(lambda: followed(wire, asked))
    assert "Queued" in str(wire.shown["components"])
    assert await stored(wire) == 1


async def test_what_is_refused_late_is_told_to_the_person_alone(wire: Wire) -> None:
    async with thinking(wire, "a nude star") as asked:
        pass
    await wire.server.until(lambda: followed(wire, asked))
    assert wire.shown["flags"] & discord.MessageFlags(ephemeral=True).value
    assert await stored(wire) == 0


async def kill_the_waiting(wire: Wire) -> None:
    """The database loses the connection that waits for the line."""
    waiting = "select pid from pg_locks where locktype = 'advisory' and not granted"
    async with asyncio.timeout(60), wire.desk.database.transaction() as connection:
        killed: list[bool] = []
        while not killed:
            told = await connection.scalars(
                text(f"select pg_terminate_backend(pid) from ({waiting})")
            )
            killed = list(told)
        assert killed == [True]


async def test_a_connection_that_is_lost_meanwhile_loses_nothing(wire: Wire) -> None:
    async with thinking(wire) as asked:
        await kill_the_waiting(wire)
    await wire.server.until(lambda: followed(wire, asked))
    assert "Queued" in str(wire.shown["components"])
    assert await stored(wire) == 1


async def test_a_database_that_is_lost_meanwhile_is_told(wire: Wire, server: Server) -> None:
    name = wire.desk.database.engine.url.database
    async with thinking(wire) as asked:
        server.run(f"alter database {name} allow_connections false")
        server.run(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        )
        await wire.server.until(lambda: followed(wire, asked))
    assert "The database does not answer" in str(wire.shown["components"])
    assert wire.shown["flags"] & discord.MessageFlags(ephemeral=True).value
    server.run(f"alter database {name} allow_connections true")
    assert await stored(wire) == 0
