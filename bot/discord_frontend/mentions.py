"""Asking without a command: a mention with words, a direct message, or “Stylus this”."""

import discord
import structlog

from bot.board import Board
from bot.discord_frontend.commands import ask_of
from bot.discord_frontend.people import PLATFORM, Entry, own_place
from bot.discord_frontend.posting import Poster
from bot.discord_frontend.screens import sentence_screen, status_screen
from bot.status import first_status
from bot.texts import said, texts_for
from engine.desk import Desk
from engine.errors import StylusError
from engine.values import Asker, Home, Rules

log = structlog.get_logger(part="discord")


class Mentions:
    """Takes messages that are meant for the bot."""

    def __init__(self, desk: Desk, bot: discord.Client, poster: Poster, board: Board) -> None:
        self._desk = desk
        self._bot = bot
        self._poster = poster
        self._board = board

    async def heard(self, message: discord.Message) -> None:
        """Makes a request of a message with words for the bot."""
        text = self._words(message)
        if not text:
            return
        try:
            entry = await self._enter(message)
            if entry.rules.mentions:
                await self._ask(entry, text)
        except StylusError as error:
            screen = sentence_screen(said(str(error), texts_for(locale_of(message))))
            await message.reply(view=screen.view(), mention_author=False)
        except discord.HTTPException as error:
            log.info("a mention was not answered", reason=str(error))

    def _words(self, message: discord.Message) -> str:
        """Returns what is asked: without the content intent Discord sends the words of messages
        that mention the bot, and of direct ones."""
        me = self._bot.user
        if message.author.bot or me is None:
            return ""
        spoken_to = message.guild is None or me.id in message.raw_mentions
        words = message.content.replace(f"<@{me.id}>", " ").replace(f"<@!{me.id}>", " ")
        return words.strip() if spoken_to else ""

    async def _enter(self, message: discord.Message) -> Entry:
        guild, author = message.guild, message.author
        workspace = str(guild.id) if guild else own_place(author.id)
        roles = frozenset(str(role.id) for role in getattr(author, "roles", []))
        asker = Asker(PLATFORM, workspace, str(message.channel.id), str(author.id), roles)
        channels = {asker.channel, str(getattr(message.channel, "parent_id", ""))}
        rules: Rules = await self._desk.workspaces.admit(asker, channels)
        adults = guild is not None and getattr(message.channel, "is_nsfw", bool)()
        limit = guild.filesize_limit if guild else None
        home = Home(reply_to=str(message.id), locale=locale_of(message), file_limit=limit)
        return Entry(asker, str(message.id), home, rules, rules.unsafe and bool(adults))

    async def _ask(self, entry: Entry, text: str) -> None:
        request = await self._desk.submit(ask_of(entry, text), entry.origin, entry.home)
        async with self._board.opening(request.id):
            if (await self._desk.homes.of(request.id)).message_id:
                return  # the message came twice
            standings = await self._desk.standings(PLATFORM, request.id)
            texts = texts_for(entry.home.locale)
            screen = status_screen(first_status(request, standings, texts))
            message_id = await self._poster.post(request, entry.home, screen)
            await self._desk.homes.settle(request.id, message_id)


def locale_of(message: discord.Message) -> str:
    """Returns the server's language: Discord tells a person's own with interactions only."""
    return str(message.guild.preferred_locale) if message.guild else ""
