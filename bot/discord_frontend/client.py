"""The bot: the client, what it listens to, and which part does what."""

from typing import Any, cast

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.actions import read_click
from bot.board import Board
from bot.discord_frontend.additions import Announcer
from bot.discord_frontend.answers import say, texts_of
from bot.discord_frontend.catalogue import all_commands
from bot.discord_frontend.clicks import Clicks
from bot.discord_frontend.delivery import Mailman
from bot.discord_frontend.errands import Errands
from bot.discord_frontend.mentions import Mentions
from bot.discord_frontend.people import PLATFORM
from bot.discord_frontend.posting import Poster
from bot.discord_frontend.publishing import publish_commands
from bot.discord_frontend.reactions import Reactions
from bot.discord_frontend.screens import status_screen
from bot.discord_frontend.sharding import is_served, shard_options
from bot.pictures import load_preview
from bot.status import Status
from engine.desk import Desk
from engine.errors import StylusError
from engine.values import Standing

log = structlog.get_logger(part="discord")


#: What carries an id of ours.
CLICKS = {discord.InteractionType.component, discord.InteractionType.modal_submit}


class StylusBot(commands.Bot):
    """Made by `create_bot`. Whatever lives long, the desk included, is opened outside."""

    def __init__(self, desk: Desk) -> None:
        intents = discord.Intents(
            guilds=True,
            guild_reactions=True,
            dm_reactions=True,
            guild_messages=True,
            dm_messages=True,
        )
        chosen = desk.settings.discord
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            **shard_options(chosen),
        )
        self.desk = desk
        self.poster = Poster(self)
        now = discord.utils.utcnow
        self.board = Board(desk, PLATFORM, self._show_status, now, is_served(chosen))
        self.mailman = Mailman(desk, self.poster, self.board)
        self._clicks = Clicks(desk)
        self._reactions = Reactions(desk, self, self.poster, self.board)
        self._mentions = Mentions(desk, self, self.poster, self.board)
        for command in all_commands(desk, self.mailman):
            self.tree.add_command(command)
        self.tree.error(self._command_failed)
        desk.register(PLATFORM, self.mailman.deliver)
        desk.announcing.register(PLATFORM, Announcer(self).tell)
        desk.errands.register(PLATFORM, Errands(desk, self).do)

    async def setup_hook(self) -> None:
        """Publishes the commands where they have changed."""
        await publish_commands(self)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Buttons and selects, found by what they carry; commands go their own way."""
        if interaction.type not in CLICKS:
            return
        data = cast(dict[str, Any], interaction.data or {})
        click = read_click(str(data.get("custom_id", "")))
        if click is None:
            return
        try:
            await self._clicks.handle(interaction, click)
        except Exception:
            log.exception("a click failed", action=click.action, request=click.request_id)
            await self._apologise(interaction)

    async def on_message(self, message: discord.Message) -> None:
        """Words for the bot; nothing is a command by prefix."""
        await self._mentions.heard(message)

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """A reaction on any message, however old."""
        await self._reactions.added(payload)

    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """A reaction that was taken away."""
        await self._reactions.removed(payload)

    async def _show_status(self, standing: Standing, status: Status) -> None:
        """Changes the message; one that is not there yet, or out of reach, is left alone."""
        try:
            screen = status_screen(status, await load_preview(self.desk, status))
            await self.poster.change(standing.request, standing.home, screen)
        except (discord.HTTPException, StylusError) as error:
            log.info("a status was not shown", request=status.request_id, reason=str(error))

    async def _command_failed(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        cause = getattr(error, "original", error)
        if isinstance(cause, StylusError):
            await say(interaction, str(cause))
            return
        log.error("a command failed", exc_info=cause)
        await self._apologise(interaction)

    async def _apologise(self, interaction: discord.Interaction) -> None:
        try:
            await say(interaction, texts_of(interaction).broken)
        except discord.HTTPException as error:
            log.warning("no apology reached the person", reason=str(error))


class ShardedBot(StylusBot, discord.AutoShardedClient):
    """The same with several connections to Discord's gateway, or with one part of them."""
