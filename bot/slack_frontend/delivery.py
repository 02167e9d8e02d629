"""Delivery: the images are shared, then the request's message becomes the answer; both once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bot.board import Board
from bot.duel import announce
from bot.lines import cut
from bot.pictures import Picture, load_pictures, make_sheet
from bot.reply import Reply, make_reply
from bot.slack_frontend.escaping import escape
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.people import PLATFORM, Place, address_of, is_opening
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.screens import Screen, announcement_screen, reply_screen
from bot.slack_frontend.sharing import Sharing
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import SlackRefused
from bot.texts import Texts, said, texts_for
from engine.desk import Desk, NotPosted, Undeliverable
from engine.values import Answer, Asker, Home, Phase

#: Characters of the prompt beside shared images.
COMMENT = 200


class Claimed(Protocol):
    """What is needed of the right to post an answer."""

    @property
    def attempt(self) -> int:
        """How often it was claimed."""

    @property
    def part(self) -> str:
        """What is to be posted: the answer, a duel's result, or a copy and where it goes."""

    @property
    def nonce(self) -> str:
        """What a copy is found again by."""


class Mailman:
    """Delivers for one workspace; `deliver` is the desk's sender."""

    def __init__(
        self,
        desk: Desk,
        board: Board,
        poster: Poster,
        sharing: Sharing,
        telling: Telling,
        languages: Languages,
    ) -> None:
        self._desk = desk
        self._board = board
        self._poster = poster
        self._sharing = sharing
        self._telling = telling
        self._languages = languages

    async def deliver(self, answer: Answer, claimed: Claimed) -> str:
        """Shows the answer, a duel's result or a copy, and returns the message's id.

        Raises `NotPosted` where that may work later, and `Undeliverable` where it never will.
        """
        if claimed.part == "result":
            return await self._announce(answer)
        copy, _, to = claimed.part.partition(" ")
        if to:
            return await self._send_copy(answer, copy, to, claimed)
        async with self._board.answering(answer.request.id):
            home = await self._desk.homes.of(answer.request.id)
            if is_opening(home):
                raise NotPosted("Its message is just being opened.")
            try:
                message_id = await self._deliver(answer, home, again=claimed.attempt > 1)
            except SlackRefused as error:
                await self._explain(answer, home, error)
                raise Undeliverable(str(error)) from error
        await self._desk.homes.settle(answer.request.id, message_id)
        await self._desk.homes.drop_token(answer.request.id)
        return message_id

    async def _announce(self, answer: Answer) -> str:
        """A duel's result stands where its images do."""
        request = answer.request
        home = await self._desk.homes.of(request.id)
        told = await announce(self._desk, answer, texts_for(home.locale))
        try:
            ts = await self._poster.post_result(request, home, announcement_screen(told))
        except SlackRefused as error:
            raise Undeliverable(str(error)) from error
        await self._desk.homes.copy(PLATFORM, request.asker.channel, ts, request.id)
        return ts

    async def _send_copy(self, answer: Answer, copy: str, to: str, claimed: Claimed) -> str:
        """To the gallery in the language of whoever asked, or to a person in theirs."""
        request, asker = answer.request, answer.request.asker
        texts = texts_for((await self._desk.homes.of(request.id)).locale)
        try:
            if copy == "mail":
                texts = await self._languages.of(replace(asker, user=to))
                to = await self._poster.direct(to)
            there = replace(request, asker=replace(asker, channel=to))
            screen, reply, pictures = await self.prepare(answer, texts)
            out = await self._poster.find_copy(there, claimed.nonce) if claimed.attempt > 1 else ""
            ts = out or (await self._poster.post_copy(to, None, claimed.nonce, screen))[1]
            await self._desk.homes.copy(PLATFORM, to, ts, request.id)
            shared = out and await self._sharing.find(there, Home(message_id=ts))
            if pictures and not shared:
                await self._sharing.share(to, None, comment_for(reply, texts), pictures)
        except SlackRefused as error:
            raise Undeliverable(str(error)) from error
        return ts

    async def _deliver(self, answer: Answer, home: Home, *, again: bool) -> str:
        texts = texts_for(home.locale)
        screen, reply, pictures = await self.prepare(answer, texts)
        if pictures:
            out = await self._sharing.find(answer.request, home) if again else []
            channel, comment = answer.request.asker.channel, comment_for(reply, texts)
            files = out or await self._sharing.share(channel, home.reply_to, comment, pictures)
            await self._desk.homes.keep_files(answer.request.id, files)
        changed = await self._poster.change(answer.request, home, screen)
        return changed or await self._poster.post_once(answer.request, home, screen)

    async def prepare(
        self, answer: Answer, texts: Texts
    ) -> tuple[Screen, Reply, Sequence[Picture]]:
        """Returns how the answer looks, what it says, and its files."""
        reply = make_reply(answer, texts)
        pictures = await load_pictures(self._desk, reply)
        sheet = await asyncio.to_thread(make_sheet, reply, pictures, texts)
        files = [*pictures.values(), *([sheet] if sheet else [])]
        return reply_screen(reply, texts), reply, files

    async def copy(
        self, answer: Answer, by: Asker, channel: str, thread: str | None = None
    ) -> None:
        """Shows an answer once more, in a channel or to a person. Raises as `ask` does."""
        texts = await self._languages.of(by)
        screen, reply, pictures = await self.prepare(answer, texts)
        place, ts = await self._poster.post_copy(channel, thread, answer.request.id, screen)
        await self._desk.homes.copy(PLATFORM, place, ts, answer.request.id)
        if pictures:
            await self._sharing.share(place, thread, comment_for(reply, texts), pictures)

    async def _explain(self, answer: Answer, home: Home, error: SlackRefused) -> None:
        """Tells the person who asked, unless it was they who ended it."""
        if answer.phase is not Phase.CANCELLED:
            asker = answer.request.asker
            place = Place(asker, answer.request.id, home.reply_to, address_of(home))
            texts = await self._telling.texts(place)
            hint = texts.kept.format(id=answer.request.id)
            await self._telling.say(place, f"{said(str(error), texts)} {hint}")


def comment_for(reply: Reply, texts: Texts) -> str:
    """Returns the line over shared images, escaped."""
    request = texts.request.format(id=f"`{reply.request_id}`")
    return f"{escape(cut(reply.prompt, COMMENT))} · {request}"
