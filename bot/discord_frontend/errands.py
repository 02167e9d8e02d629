"""Errands: what people ask for and is done after Discord's acknowledgement, stored before it.

Whoever dies in between, the next process does it. How it went is told by the interaction's token,
for as long as that lives.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

import discord
import structlog

from bot.card_import import follow_cards, told_of
from bot.discord_frontend.answers import acknowledge
from bot.discord_frontend.delivery import TOKEN_LIFE
from bot.discord_frontend.people import PLATFORM, asker_of
from bot.discord_frontend.posting import FIRST, busy_is_later, token_lives
from bot.discord_frontend.screens import sentence_screen
from bot.texts import Texts, said, texts_for
from engine.desk import ERASE, Described, Desk, Errand, NotPosted, Taken, title_of
from engine.errors import BadFile, StylusError, Unavailable
from engine.values import Asker, Home

log = structlog.get_logger(part="discord")

Handler = Callable[[Errand], Awaitable[None]]


async def begin_errand(
    desk: Desk,
    interaction: discord.Interaction,
    kind: str,
    details: Mapping[str, Any],
    *,
    thinking: bool = True,
) -> None:
    """Stores what an interaction asks for, acknowledges it, and does it; an interaction that comes
    again changes nothing."""
    until = interaction.created_at + TOKEN_LIFE
    kept = {
        "token": interaction.token,
        "until": until.isoformat(),
        "locale": str(interaction.locale),
    }
    event = str(interaction.id)
    stored = await desk.errands.want(asker_of(interaction), event, kind, {**kept, **details})
    await acknowledge(interaction, private=True, thinking=thinking)
    if stored is not None:
        await desk.errands.do(PLATFORM, stored)


def details_of(file: discord.Attachment, most: int) -> dict[str, str]:
    """Returns what is needed to fetch a file of at most so many megabytes. Raises `BadFile`."""
    if file.size > most * 2**20:
        raise BadFile(f"“{file.filename}” is larger than {most} MB, the most that is taken.")
    return {"name": file.filename, "address": file.url}


class Errands:
    """The errands of one bot; `do` is the desk's doer."""

    def __init__(self, desk: Desk, bot: discord.Client) -> None:
        self._desk = desk
        self._bot = bot
        self._handlers: dict[str, Handler] = {
            ERASE: self._erase,
            "import": self._import,
            "propose": self._propose,
        }

    async def do(self, errand: Errand) -> None:
        """Does an errand. Raises what may work later."""
        try:
            await self._handlers[errand.kind](errand)
        except (NotPosted, Unavailable) as error:
            if not errand.last:
                raise
            await self._tell(errand, str(error))
        except StylusError as error:
            await self._tell(errand, str(error))

    async def _erase(self, errand: Errand) -> None:
        """Deletes a message of ours, by the token of whoever clicked where there is one; what is
        gone or out of reach is left."""
        message = errand.details.get("message")
        if message is None:
            return  # Discord's files go with their messages
        async with busy_is_later():
            try:
                if webhook := self._webhook(errand):
                    await webhook.delete_message(FIRST)
                else:
                    channel = self._bot.get_partial_messageable(int(errand.asker.channel))
                    await channel.get_partial_message(int(message)).delete()
            except (discord.NotFound, discord.Forbidden) as error:
                log.info("a message was not deleted", reason=str(error))

    async def _propose(self, errand: Errand) -> None:
        told = errand.details
        content = await self._read(errand)
        described = Described(
            told["title"], told["description"], tuple(told["triggers"]), told["weight"]
        )
        made = await self._desk.additions.propose_file(
            told["name"], content, described, errand.asker
        )
        await self._desk.announcing.tell_waiting(PLATFORM)
        checking = texts_of_errand(errand).lora_checking
        await self._tell(errand, checking.format(title=title_of(made), id=made.id))

    async def _import(self, errand: Errand) -> None:
        """Takes a file of cards; whoever goes on with it after a process has died does so in the
        same message."""
        texts, kept = texts_of_errand(errand), errand.details.get("taken")
        taken = Taken(**kept) if kept else await self._take(errand, errand.asker, texts)
        async for words in follow_cards(self._desk, taken, errand.asker, texts):
            await self._tell(errand, words)

    async def _take(self, errand: Errand, asker: Asker, texts: Texts) -> Taken:
        await self._tell(errand, texts.lora_importing.format(name=errand.details["name"]))
        taken = await self._desk.importing.take(await self._read(errand), asker, allowed=True)
        await self._desk.errands.note(errand.id, {"taken": asdict(taken)})
        await self._tell(errand, told_of(taken, texts))
        return taken

    async def _read(self, errand: Errand) -> bytes:
        """Returns the file that came with it. Raises `BadFile` where it is gone, and `NotPosted`
        where Discord does not answer."""
        async with busy_is_later():
            try:
                return await self._bot.http.get_from_cdn(errand.details["address"])
            except (discord.NotFound, discord.Forbidden) as error:
                name = errand.details["name"]
                raise BadFile(f"“{name}” cannot be read from Discord; send it again.") from error

    async def _tell(self, errand: Errand, words: str) -> None:
        """Says it in the answer to the interaction; that may be gone or too old by now."""
        webhook = self._webhook(errand)
        if webhook is None:
            log.info("nobody was told", errand=errand.kind, words=words)
            return
        view = sentence_screen(said(words, texts_of_errand(errand))).view()
        async with busy_is_later():
            try:
                await webhook.edit_message(FIRST, view=view)
            except discord.NotFound as error:
                log.info("nobody was told", errand=errand.kind, words=words, reason=str(error))

    def _webhook(self, errand: Errand) -> discord.Webhook | None:
        """Returns what changes the answer to the interaction, while its token lives."""
        until = errand.details.get("until")
        if not until or not token_lives(Home(token_until=datetime.fromisoformat(until))):
            return None
        application = cast(int, self._bot.application_id)
        return discord.Webhook.partial(application, errand.details["token"], client=self._bot)


def texts_of_errand(errand: Errand) -> Texts:
    """Returns the texts in the language of whoever asked."""
    return texts_for(str(errand.details.get("locale", "")))
