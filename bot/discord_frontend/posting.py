"""Posting: a screen goes into the message of a request, once, by whatever way still leads there.

A message is changed with the interaction's token while that lives, else by the bot itself; where
there is none to change, one is posted. Changing twice does no harm. Posting twice would, so our
own last messages are searched first, and Discord refuses a nonce that it knows.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import discord

from bot.discord_frontend.screens import Screen
from engine.desk import NotPosted
from engine.values import Home, Request

#: Discord's words for a message, channel or token that is gone.
GONE = {10003, 10008, 10015, 50001, 50027}
#: Statuses of an answer that may be another one later.
TOO_MANY, BROKEN = 429, 500
#: Our own messages of a channel that are searched for one that is out already.
SEARCHED = 50


class _First:
    """Discord's name for the first message of a token, where the library wants an id; a text would
    be quoted in the path."""

    def __str__(self) -> str:
        return "@original"


FIRST = cast(int, _First())


class Poster:
    """Posts for one bot."""

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot

    async def change(self, request: Request, home: Home, screen: Screen) -> str | None:
        """Changes the request's message and returns its id; None where there is none to change.

        Raises `discord.Forbidden` where the screen holds what the bot may not send there, and
        `NotPosted` where Discord does not answer now.
        """
        try:
            async with busy_is_later():
                if home.token and token_lives(home):
                    return await self._change_by_token(home.token, home.message_id, screen)
                if home.message_id and home.direct and not home.private:
                    return await self._change_by_bot(request, home.message_id, screen)
        except discord.HTTPException as error:
            if error.code not in GONE and not isinstance(error, discord.NotFound):
                raise
        return None

    async def _change_by_token(self, token: str, message_id: str | None, screen: Screen) -> str:
        """A message whose id was never recorded is the token's first one, “thinking” or not."""
        application = cast(int, self._bot.application_id)
        webhook = discord.Webhook.partial(application, token, client=self._bot)
        message = await webhook.edit_message(
            int(message_id) if message_id else FIRST,
            view=screen.view(),
            attachments=screen.files(),
        )
        return str(message.id)

    async def _change_by_bot(self, request: Request, message_id: str, screen: Screen) -> str:
        channel = self._bot.get_partial_messageable(int(request.asker.channel))
        message = channel.get_partial_message(int(message_id))
        await message.edit(view=screen.view(), attachments=screen.files())
        return message_id

    async def post(self, request: Request, home: Home, screen: Screen) -> str:
        """Posts a message for the request, or changes the one that is out already."""

        def shows_it(custom_id: str) -> bool:
            return request.id in custom_id.split(":")

        return await self._post_once(request, home, screen, request.id, shows_it)

    async def post_once(
        self, request: Request, home: Home, screen: Screen, nonce: str, custom_id: str
    ) -> str:
        """Posts another message about the request; a button's id tells it from all others."""
        return await self._post_once(request, home, screen, nonce, custom_id.__eq__)

    async def _post_once(
        self,
        request: Request,
        home: Home,
        screen: Screen,
        nonce: str,
        is_it: Callable[[str], bool],
    ) -> str:
        channel = self._bot.get_partial_messageable(int(request.asker.channel))
        found = await self._search(channel, is_it)
        if found:
            await found.edit(view=screen.view(), attachments=screen.files())
            return str(found.id)
        message = await channel.send(
            view=screen.view(),
            files=screen.files(),
            nonce=nonce,
            reference=_reference(channel, home),
            mention_author=False,
        )
        if len(message.attachments) < len(screen.pictures):
            # Discord knew the nonce and gave us the message of our own that is out already.
            await message.edit(view=screen.view(), attachments=screen.files())
        return str(message.id)

    async def _search(
        self,
        channel: discord.PartialMessageable,
        is_it: Callable[[str], bool],
        but_not: str | None = None,
    ) -> discord.Message | None:
        try:
            async for message in channel.history(limit=SEARCHED):
                ours = message.author.id == cast(discord.ClientUser, self._bot.user).id
                if ours and str(message.id) != but_not and any(map(is_it, custom_ids(message))):
                    return message
        except discord.Forbidden:
            pass  # without the right to read, the nonce alone has to do
        return None

    async def post_copy(
        self, there: Request, but_not: str | None, screen: Screen, nonce: str, *, again: bool
    ) -> str:
        """Posts a copy of an answer in another place and returns its id.

        `again` is for what an earlier try may have posted: rather no second copy than two. The
        request's own message is none.
        """
        channel = self._bot.get_partial_messageable(int(there.asker.channel))

        def shows_it(custom_id: str) -> bool:
            return there.id in custom_id.split(":")

        found = await self._search(channel, shows_it, but_not) if again else None
        if found:
            return str(found.id)
        return str((await channel.send(view=screen.view(), files=screen.files(), nonce=nonce)).id)

    async def direct(self, user: str) -> str:
        """Returns the channel in which a person and we write each other."""
        return str((await (await self._bot.fetch_user(int(user))).create_dm()).id)

    async def whisper(self, request: Request, screen: Screen, nonce: str) -> tuple[str, str]:
        """Sends the screen to the person who asked; returns the ids of channel and message."""
        there = await self.direct(request.asker.user)
        channel = self._bot.get_partial_messageable(int(there))
        message = await channel.send(view=screen.view(), files=screen.files(), nonce=nonce)
        return there, str(message.id)


@asynccontextmanager
async def busy_is_later() -> AsyncIterator[None]:
    """Where Discord does not answer, a change did no harm and may be made again.

    The library has waited and tried again by Discord's rules before it gives up.
    """
    try:
        yield
    except (TimeoutError, discord.HTTPException, aiohttp.ClientError) as error:
        status = getattr(error, "status", BROKEN)
        if status != TOO_MANY and status < BROKEN:
            raise
        raise NotPosted("Discord does not answer now; it is tried again.") from error


def token_lives(home: Home) -> bool:
    """Returns whether the home's token can still be used."""
    return home.token_until is not None and discord.utils.utcnow() < home.token_until


def custom_ids(message: discord.Message) -> list[str]:
    """Returns what the message's buttons carry, however deep they are."""
    found = []
    waiting = list(message.components)
    while waiting:
        component = waiting.pop()
        waiting += getattr(component, "children", [])
        custom_id = getattr(component, "custom_id", None)
        if custom_id:
            found.append(custom_id)
    return found


def _reference(channel: discord.PartialMessageable, home: Home) -> Any:
    """Returns the message that is answered; None where there is none."""
    if home.reply_to is None:
        return None
    return discord.MessageReference(
        message_id=int(home.reply_to), channel_id=channel.id, fail_if_not_exists=False
    )
