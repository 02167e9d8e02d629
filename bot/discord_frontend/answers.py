"""Answering an interaction: a new request with its message, one sentence, or a screen."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import discord
import structlog

from bot.discord_frontend.people import Entry, enter
from bot.discord_frontend.screens import Screen, sentence_screen, status_screen
from bot.status import first_status
from bot.texts import Texts, said, texts_for
from engine.desk import Desk
from engine.errors import DatabaseUnavailable, StylusError
from engine.values import Request

log = structlog.get_logger(part="discord")

#: Discord's words for an interaction that was answered already, or too late.
ANSWERED, TOO_LATE = 40060, 10062

#: Seconds after which what is not stored yet is acknowledged first. That says “thinking” and no
#: more: “queued” is said of nothing but what is stored. Discord takes no answer after 3 seconds, so
#: a slow database would else lose even what is stored a moment later.
PATIENCE = 0.6

#: Stores a request of somebody who may ask.
Submit = Callable[[Entry], Awaitable[Request]]


async def open_request(
    desk: Desk,
    interaction: discord.Interaction,
    submit: Submit,
    *,
    private: bool = False,
    slow: bool = False,
) -> None:
    """Stores the request, then shows that it is queued; a refusal is told to the asker.

    `slow` is for what has to fetch files first: that is acknowledged before.
    """
    storing = asyncio.create_task(_store(desk, interaction, submit, private=private))
    if not slow:
        await asyncio.wait([storing], timeout=PATIENCE)
    thinking = not storing.done()
    if thinking:
        await acknowledge(interaction, private=private)
    try:
        request, screen = await storing
    except StylusError as error:
        if thinking and not private:
            await _take_back(interaction)
        await say(interaction, str(error))
        return
    await _open(desk, interaction, request, screen, private=private)


async def _open(
    desk: Desk, interaction: discord.Interaction, request: Request, screen: Screen, *, private: bool
) -> None:
    """Shows what is stored. Where Discord fails, no more is lost than this sight of it: the board
    and the answer have ways of their own."""
    try:
        message_id = await show(interaction, screen, private=private)
    except (discord.HTTPException, aiohttp.ClientError) as error:
        log.warning("a request could not be shown", request=request.id, reason=str(error))
        return
    if message_id:
        await desk.homes.settle(request.id, message_id)


async def _store(
    desk: Desk, interaction: discord.Interaction, submit: Submit, *, private: bool
) -> tuple[Request, Screen]:
    entry = await enter(desk, interaction, private=private)
    try:
        request = await submit(entry)
    except DatabaseUnavailable:
        # Perhaps it is stored and only the word of it was lost: the same event gives it again.
        request = await submit(entry)
    standings = await desk.outlook(request, entry.home)
    texts = texts_for(entry.home.locale)
    return request, status_screen(first_status(request, standings, texts))


async def acknowledge(
    interaction: discord.Interaction, *, private: bool, thinking: bool = True
) -> None:
    """Tells Discord that there will be an answer: after three seconds it takes none."""
    try:
        await interaction.response.defer(ephemeral=private, thinking=thinking)
    except (discord.HTTPException, aiohttp.ClientError) as error:
        log.warning("an interaction could not be acknowledged", reason=str(error))


async def _take_back(interaction: discord.Interaction) -> None:
    """Removes a public “thinking”: what came in its place would be as public.

    It is completed first, for as long as it says “thinking” Discord takes the next message for
    its completion, even where it was deleted.
    """
    with contextlib.suppress(discord.HTTPException):
        await interaction.edit_original_response(view=sentence_screen("…").view())
        await interaction.delete_original_response()


@asynccontextmanager
async def telling(interaction: discord.Interaction) -> AsyncIterator[None]:
    """Tells a refusal of what is done inside to the person alone."""
    try:
        yield
    except StylusError as error:
        await say(interaction, str(error))


async def say(interaction: discord.Interaction, sentence: str) -> None:
    """Tells the person alone, in their language."""
    words = said(sentence, texts_of(interaction))
    await show(interaction, sentence_screen(words), private=True)


async def show(interaction: discord.Interaction, screen: Screen, *, private: bool) -> str | None:
    """Answers with a screen and returns the message's id.

    None where Discord takes no answer: the event came twice, or too late. The request is stored
    by then, and its answer is posted without the interaction.
    """
    try:
        if interaction.response.is_done():
            message = await interaction.followup.send(
                view=screen.view(), files=screen.files(), ephemeral=private, wait=True
            )
            return str(message.id)
        done = await interaction.response.send_message(
            view=screen.view(), files=screen.files(), ephemeral=private
        )
        return str(done.message_id) if done.message_id else None
    except discord.HTTPException as error:
        if error.code not in (ANSWERED, TOO_LATE):
            raise
        log.warning("an interaction could not be answered", code=error.code)
        return None


def texts_of(interaction: discord.Interaction) -> Texts:
    """Returns the texts in the person's language."""
    return texts_for(str(interaction.locale))
