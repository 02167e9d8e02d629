"""Answering an interaction: a new request with its message, one sentence, or a screen."""

from collections.abc import Awaitable, Callable

import discord
import structlog

from bot.discord_frontend.people import PLATFORM, asker_of, home_of
from bot.discord_frontend.screens import Screen, sentence_screen, status_screen
from bot.status import first_status
from bot.texts import Texts, texts_for
from engine.desk import Desk
from engine.errors import StylusError
from engine.values import Asker, Home, Request

log = structlog.get_logger(part="discord")

#: Discord's words for an interaction that was answered already, or too late.
ANSWERED, TOO_LATE = 40060, 10062

#: Stores a request: who asks, the event that asks, and where the answer is shown.
Submit = Callable[[Asker, str, Home], Awaitable[Request]]


async def open_request(
    desk: Desk, interaction: discord.Interaction, submit: Submit, *, private: bool = False
) -> None:
    """Stores the request, then shows that it is queued; a refusal is told to the asker alone."""
    home = home_of(interaction, private=private)
    try:
        request = await submit(asker_of(interaction), str(interaction.id), home)
        standings = await desk.standings(PLATFORM, request.id)
    except StylusError as error:
        await say(interaction, str(error))
        return
    screen = status_screen(first_status(request, standings, texts_for(home.locale)))
    message_id = await show(interaction, screen, private=private)
    if message_id:
        await desk.homes.settle(request.id, message_id)


async def say(interaction: discord.Interaction, sentence: str) -> None:
    """Tells the person alone."""
    await show(interaction, sentence_screen(sentence), private=True)


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
