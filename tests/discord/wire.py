"""The bot on a loopback Discord, for what the simulated server does not know."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.benchmarks.loopback_discord import LoopbackDiscord, serve_discord
from bot.discord_frontend import create_bot
from bot.discord_frontend.client import StylusBot
from bot.discord_frontend.connection import log_in, stay_connected
from engine.desk import Desk
from engine.values import Request


@dataclass(frozen=True, slots=True)
class Wire:
    """A bot that is connected."""

    desk: Desk
    bot: StylusBot
    server: LoopbackDiscord

    async def newest(self) -> Request:
        """Returns the request that was stored last."""
        (standing,) = (await self.desk.standings("discord")).requests[-1:]
        return standing.request

    @property
    def shown(self) -> dict[str, Any]:
        """Returns the only message."""
        (message,) = self.server.messages.values()
        return message


@asynccontextmanager
async def connect(desk: Desk) -> AsyncIterator[Wire]:
    """Logs the bot in and waits until its commands are published."""
    async with serve_discord() as server, create_bot(desk) as bot:
        await log_in(bot, "a.b.c")
        running = asyncio.create_task(stay_connected(bot))
        await asyncio.wait_for(server.ready.wait(), 60)
        await server.until(lambda: server.commands)
        yield Wire(desk, bot, server)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
