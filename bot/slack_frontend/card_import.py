"""Importing cards: an admin sends a file with “lora import” and is told directly how it gets on."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bot.card_import import follow_cards, told_of
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.librarians import refuse_readers
from bot.slack_frontend.people import Place
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.screens import sentence_screen
from bot.slack_frontend.web import Web
from bot.texts import Texts, said
from engine.desk import UPLOAD_MB, Desk, Taken
from engine.errors import BadFile, BadInput

#: Channel and id of the message that says how far it is.
Shown = Mapping[str, str]


class CardImport:
    """Takes files of cards for one workspace."""

    def __init__(self, desk: Desk, web: Web, poster: Poster, languages: Languages) -> None:
        self._desk = desk
        self._web = web
        self._poster = poster
        self._languages = languages

    async def take(self, place: Place, details: Mapping[str, Any]) -> None:
        """Takes an errand's file; whoever goes on with it after a process has died does so in the
        same message."""
        texts = await self._languages.of(place.asker)
        shown = details.get("shown") or await self._begin(place, details, texts)
        if "taken" in details:
            taken: Taken | None = Taken(**details["taken"])
        else:
            taken = await self._take(place, details, shown, texts)
        if taken is None:
            return
        async for words in follow_cards(self._desk, taken, place.asker, texts):
            await self._tell(shown, words)

    async def _begin(self, place: Place, details: Mapping[str, Any], texts: Texts) -> Shown:
        await refuse_readers(self._desk, self._web, place.asker)
        if len(details["files"]) != 1:
            raise BadFile("Send one file of cards with “lora import”, as an export has them.")
        name = str(details["files"][0].get("name", ""))
        channel = await self._poster.direct(place.asker.user)
        words = texts.lora_importing.format(name=name)
        shown = {"channel": channel, "ts": await self._poster.say(channel, sentence_screen(words))}
        await self._desk.errands.note(int(details["errand"]), {"shown": shown})
        return shown

    async def _take(
        self, place: Place, details: Mapping[str, Any], shown: Shown, texts: Texts
    ) -> Taken | None:
        """Returns what was taken; None where the file is refused, which the message says."""
        try:
            content = await self._web.download(details["files"][0], UPLOAD_MB * 2**20)
            taken = await self._desk.importing.take(content, place.asker, allowed=True)
        except BadInput as error:
            await self._tell(shown, said(str(error), texts))
            return None
        await self._desk.errands.note(int(details["errand"]), {"taken": asdict(taken)})
        await self._tell(shown, told_of(taken, texts))
        return taken

    async def _tell(self, shown: Shown, words: str) -> None:
        await self._poster.replace(shown["channel"], shown["ts"], sentence_screen(words))
