"""The sender: an answer reaches the person who asked, or it is recorded why it cannot."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import discord

from bot.board import Board
from bot.discord_frontend.posting import BROKEN, TOO_MANY, Poster, token_lives
from bot.discord_frontend.screens import (
    Screen,
    announcement_screen,
    reply_screen,
    sentence_screen,
)
from bot.duel import announce
from bot.pictures import Picture, fit, load_pictures, make_sheet
from bot.reply import make_reply
from bot.texts import Texts, texts_for
from engine.desk import Desk, NotPosted, Undeliverable
from engine.values import Answer, Home

#: Discord's status for files that are larger than the place takes.
TOO_LARGE = 413
#: By how much files are made smaller where a place does not tell what it takes.
MUCH_SMALLER = 3
#: Bytes that a file may have in direct messages, whatever a server allows.
DIRECT_LIMIT = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
#: How long an interaction's token is used, of the 15 minutes that it lives.
TOKEN_LIFE = timedelta(minutes=14)
#: Within this time the process that was asked is left to open the message itself.
OPENING = timedelta(seconds=10)


class Claimed(Protocol):
    """What is needed of the right to post."""

    @property
    def part(self) -> str:
        """What is to be posted: the answer, a duel's result, or a copy and where it goes."""

    @property
    def nonce(self) -> str:
        """What Discord knows the message by."""

    @property
    def ambiguous(self) -> bool:
        """Whether an earlier try may have posted it."""


class Mailman:
    """Delivers for one bot; `deliver` is the desk's sender."""

    def __init__(self, desk: Desk, poster: Poster, board: Board) -> None:
        self._desk = desk
        self._poster = poster
        self._board = board

    async def deliver(self, answer: Answer, claimed: Claimed) -> str:
        """Shows the answer, a duel's result or a copy, and returns the message's id.

        Raises `NotPosted` where that may work later, and `Undeliverable` where it never will.
        """
        if claimed.part == "result":
            return await self._announce(answer, claimed.nonce)
        copy, _, to = claimed.part.partition(" ")
        if to:
            return await self._send_copy(answer, copy, to, claimed)
        async with self._board.answering(answer.request.id):
            home = await self._desk.homes.of(answer.request.id)
            if _is_opening(home):
                raise NotPosted("Its message is just being opened.")
            message_id = await self._deliver(answer, home)
        await self._desk.homes.settle(answer.request.id, message_id)
        await self._desk.homes.drop_token(answer.request.id)
        return message_id

    async def _announce(self, answer: Answer, nonce: str) -> str:
        """A duel's result stands under its images; where the bot cannot write, whoever asked for
        the duel gets it as a direct message."""
        request = answer.request
        home = await self._desk.homes.of(request.id)
        told = await announce(self._desk, answer, texts_for(home.locale))
        screen = announcement_screen(told)
        if not home.direct:
            return await self._whisper(answer, screen, nonce)
        under, mark = replace(home, reply_to=home.message_id), told.button.click.custom_id
        try:
            message_id = await self._poster.post_once(request, under, screen, nonce, mark)
        except discord.HTTPException as error:
            raise _for_good(error) from error
        channel, platform = request.asker.channel, request.asker.platform
        await self._desk.homes.copy(platform, channel, message_id, request.id)
        return message_id

    async def _send_copy(self, answer: Answer, copy: str, to: str, claimed: Claimed) -> str:
        """To the gallery, or to a person as a message that holds less than a server's may."""
        request = answer.request
        home = await self._desk.homes.of(request.id)
        limit = DIRECT_LIMIT if copy == "mail" else home.file_limit
        screen = await self.screen(answer, texts_for(home.locale), limit)
        try:
            to = await self._poster.direct(to) if copy == "mail" else to
            there = replace(request, asker=replace(request.asker, channel=to))
            message_id = await self._poster.post_copy(
                there, home.message_id, screen, claimed.nonce, again=claimed.ambiguous
            )
        except discord.HTTPException as error:
            raise _for_good(error) from error
        await self._desk.homes.copy(request.asker.platform, to, message_id, request.id)
        return message_id

    async def _deliver(self, answer: Answer, home: Home) -> str:
        texts = texts_for(home.locale)
        try:
            return await self._show_or_shrink(answer, home, texts)
        except discord.Forbidden as error:
            # Most likely no files may be sent there; words may still be.
            return await self._explain(answer, home, texts, error)
        except discord.HTTPException as error:
            raise _for_good(error) from error

    async def _show_or_shrink(self, answer: Answer, home: Home, texts: Texts) -> str:
        """The place may take less than it said, or no more than so much of all files together."""
        screen = await self.screen(answer, texts, home.file_limit)
        try:
            return await self._show(answer, home, screen)
        except discord.HTTPException as error:
            if error.status != TOO_LARGE:
                raise
        mean = sum(len(one.content) for one in screen.pictures) // max(1, len(screen.pictures))
        smaller = await self.screen(answer, texts, mean // MUCH_SMALLER)
        return await self._show(answer, home, smaller)

    async def screen(self, answer: Answer, texts: Texts, limit: int | None) -> Screen:
        """Returns how the answer looks where a file may have so many bytes; None: any number."""
        reply = make_reply(answer, texts)
        pictures: dict[int, Picture] = await load_pictures(self._desk, reply)
        sheet = await asyncio.to_thread(make_sheet, reply, pictures, texts)
        if limit is not None and any(len(one.content) > limit for one in _all(pictures, sheet)):
            pictures = {n: await asyncio.to_thread(fit, p, limit) for n, p in pictures.items()}
            sheet = await asyncio.to_thread(fit, sheet, limit) if sheet else None
            reply = replace(reply, remarks=(*reply.remarks, texts.smaller))
        return reply_screen(reply, pictures, sheet, texts)

    async def _show(self, answer: Answer, home: Home, screen: Screen) -> str:
        changed = await self._poster.change(answer.request, home, screen)
        if changed:
            return changed
        if home.private or not home.direct:
            return await self._whisper(answer, screen, answer.request.id)
        try:
            return await self._poster.post(answer.request, home, screen)
        except discord.NotFound as error:
            raise Undeliverable("The channel is gone; `/stylus show` has the answer.") from error

    async def _whisper(self, answer: Answer, screen: Screen, nonce: str) -> str:
        """A private answer whose message is out of reach goes to the person alone."""
        try:
            channel, message_id = await self._poster.whisper(answer.request, screen, nonce)
        except (discord.Forbidden, discord.NotFound) as error:
            raise Undeliverable(
                "The message cannot be changed any more and no direct message is taken; "
                "`/stylus show` has the answer."
            ) from error
        platform = answer.request.asker.platform
        await self._desk.homes.copy(platform, channel, message_id, answer.request.id)
        return message_id

    async def _explain(
        self, answer: Answer, home: Home, texts: Texts, error: discord.Forbidden
    ) -> str:
        sentence = texts.not_allowed.format(id=answer.request.id)
        with contextlib.suppress(discord.Forbidden):  # perhaps no word may be said either
            await self._show(answer, home, sentence_screen(sentence))
        raise Undeliverable(f"Discord does not let the bot post there ({error.code}).") from error


def _for_good(error: discord.HTTPException) -> Exception:
    """Returns what to raise: Discord may answer another time, or has refused for good."""
    if error.status == TOO_MANY or error.status >= BROKEN:
        return error
    return Undeliverable(f"Discord refuses the message ({error.code}).")


def _is_opening(home: Home) -> bool:
    if home.message_id or not home.token_until or not token_lives(home):
        return False
    return discord.utils.utcnow() < home.token_until - TOKEN_LIFE + OPENING


def _all(pictures: dict[int, Picture], sheet: Picture | None) -> list[Picture]:
    return [*pictures.values(), *([sheet] if sheet else [])]
