"""Telling one person something alone, by whatever way leads to them."""

import contextlib
from collections.abc import AsyncIterator

import structlog

from bot.slack_frontend.languages import Languages
from bot.slack_frontend.people import Place
from bot.slack_frontend.screens import Screen, sentence_screen
from bot.slack_frontend.web import Web, ask, respond
from bot.texts import Texts, said
from engine.errors import StylusError

log = structlog.get_logger(part="slack")


class Telling:
    """Tells people of one workspace."""

    def __init__(self, web: Web, languages: Languages) -> None:
        self._web = web
        self._languages = languages

    async def say(self, place: Place, sentence: str) -> None:
        """Tells the person a sentence in their language; one that reaches nobody is logged."""
        words = said(sentence, await self.texts(place))
        await self.show(place, sentence_screen(words))

    @contextlib.asynccontextmanager
    async def explaining(self, place: Place) -> AsyncIterator[None]:
        """Tells the person why something did not work."""
        try:
            yield
        except StylusError as error:
            await self.say(place, str(error))
        except Exception:
            log.exception("what somebody asked for failed")
            await self.say(place, (await self.texts(place)).broken)

    async def texts(self, place: Place) -> Texts:
        """Returns the texts in the person's language."""
        return await self._languages.of(place.asker)

    async def show(self, place: Place, screen: Screen, *, replace: bool = False) -> None:
        """Shows the person a screen: by the command's own address, in the place, or directly.

        `replace` puts it into the message that was clicked, where that was theirs alone.
        """
        blocks = screen.as_json()
        replace &= place.message is None
        if place.address and await respond(
            place.address, screen.text, blocks, place.thread, replace=replace
        ):
            return
        user = place.asker.user
        with contextlib.suppress(StylusError):
            await ask(
                self._web.client.chat_postEphemeral(
                    channel=place.asker.channel,
                    user=user,
                    thread_ts=place.thread,
                    text=screen.text,
                    blocks=blocks,
                )
            )
            return
        try:
            await ask(
                self._web.client.chat_postMessage(
                    channel=user,
                    text=screen.text,
                    blocks=blocks,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            )
        except StylusError as error:
            log.warning("a sentence reached nobody", sentence=screen.text, reason=str(error))
