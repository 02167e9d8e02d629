"""Discord: slash commands, buttons and reactions become requests; answers become messages.

`create_bot(desk)` returns the bot. It opens nothing that lives long: the process that runs it
opens the desk, and runs the board and the deliveries beside it.
"""

import discord

from bot.discord_frontend.client import ShardedBot, StylusBot
from engine.desk import Desk

__all__ = ["create_bot"]


def create_bot(desk: Desk) -> StylusBot:
    """Returns a bot that is ready to be started; it posts the desk's answers for Discord."""
    # Nobody speaks here: the library need not warn that it could not.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    chosen = desk.settings.discord
    if chosen.api_url:
        discord.http.Route.BASE = chosen.api_url
    return StylusBot(desk) if chosen.shards == 1 else ShardedBot(desk)
