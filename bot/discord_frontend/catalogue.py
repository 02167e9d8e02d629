"""All commands, put together."""

import discord
from discord import app_commands

from bot.discord_frontend.admin import AdminCommands
from bot.discord_frontend.admin_lora import AdminLoraCommands, proposing
from bot.discord_frontend.answers import open_request, say, texts_of
from bot.discord_frontend.commands import AskingCommands, ask_of
from bot.discord_frontend.delivery import Mailman
from bot.discord_frontend.lora_commands import LoraCommands
from bot.discord_frontend.own_commands import OwnCommands
from bot.discord_frontend.people import Entry
from engine.desk import Desk
from engine.values import Request

#: Servers, direct messages with the bot, and those between other people.
EVERYWHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
#: In a server's list of apps, or in a person's own.
BOTH = app_commands.AppInstallationType(guild=True, user=True)


def all_commands(
    desk: Desk, mailman: Mailman
) -> list[app_commands.Group | app_commands.ContextMenu]:
    """Returns what the bot's tree holds."""
    stylus = app_commands.Group(
        name="stylus",
        description="A prompt becomes images; the LoRA adapters are chosen by themselves.",
        allowed_contexts=EVERYWHERE,
        allowed_installs=BOTH,
    )
    for part in (AskingCommands(desk), OwnCommands(desk, mailman)):
        for command in part.commands:
            stylus.add_command(command)
    lora = LoraCommands(desk)
    lora.add_command(
        proposing(desk, "propose", "Propose a LoRA for this server's library.", admin=False)
    )
    stylus.add_command(lora)
    return [stylus, AdminCommands(desk, AdminLoraCommands(desk)), stylus_this(desk)]


def stylus_this(desk: Desk) -> app_commands.ContextMenu:
    """Returns the menu entry that makes a prompt of somebody's message."""

    async def ask(interaction: discord.Interaction, message: discord.Message) -> None:
        text = message.content
        if not text.strip():
            await say(interaction, texts_of(interaction).no_words)
            return

        async def submit(entry: Entry) -> Request:
            return await desk.submit(ask_of(entry, text), entry.origin, entry.home)

        await open_request(desk, interaction, submit)

    return app_commands.ContextMenu(
        name="Stylus this", callback=ask, allowed_contexts=EVERYWHERE, allowed_installs=BOTH
    )
