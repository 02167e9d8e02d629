"""The Discord process killed while requests run: a new one tells every result, each once."""

import asyncio
from typing import Any

from bot.benchmarks.loopback_discord import LoopbackDiscord, serve_discord
from engine.desk import Desk
from tests.processes.installation import PROMPT, Installation, Process

REQUESTS = 5
#: The id of the loopback's application, as tokens begin with it.
TOKEN = "MTAwMA.b.c"


async def start(installation: Installation, server: LoopbackDiscord) -> Process:
    server.ready.clear()
    process = installation.spawn(
        "discord",
        STYLUS_DISCORD__TOKEN=TOKEN,
        STYLUS_DISCORD__API_URL=f"http://127.0.0.1:{server.port}/api/v10",
        STYLUS_DISCORD__SHARDS="0",
        # What the dead one was just posting is not waited for.
        STYLUS_QUEUE__STALLED="1.5",
    )
    await asyncio.wait_for(server.ready.wait(), 60)
    return process


def stored(server: LoopbackDiscord) -> list[dict[str, Any]]:
    return [one for one in server.messages.values() if one["components"]]


def answered(server: LoopbackDiscord) -> list[dict[str, Any]]:
    return [one for one in server.messages.values() if one["attachments"]]


async def test_a_killed_bot_loses_and_doubles_nothing(
    running: Installation, running_desk: Desk
) -> None:
    async with serve_discord() as server:
        first = await start(running, server)
        await server.until(lambda: server.commands)
        for seed in range(REQUESTS):
            steps = 60 if seed == REQUESTS - 1 else 5  # the last one is not done so soon
            await server.slash("stylus prompt", text=PROMPT, images=1, seed=seed, steps=steps)
        # What is stored says so; before that an acknowledgement promises nothing.
        await server.until(lambda: len(stored(server)) == REQUESTS)
        first.kill()
        assert len(answered(server)) < REQUESTS
        second = await start(running, server)
        await server.until(lambda: len(answered(server)) == REQUESTS)
        assert await asyncio.to_thread(second.stop) == 0
        assert len(server.messages) == REQUESTS, "every answer took the place of its own status"
        assert await running_desk.deliver_waiting("discord", lambda _: False) == 0
        standings = await running_desk.standings("discord")
        assert standings.requests == ()
