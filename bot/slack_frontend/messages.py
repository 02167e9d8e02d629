"""Messages: a mention in a channel, a direct message, or a message that somebody points at."""

from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.slack_frontend.commands import submit_text
from bot.slack_frontend.escaping import read_text, without_mention
from bot.slack_frontend.opening import Opener
from bot.slack_frontend.people import Place
from bot.slack_frontend.web import Web
from engine.desk import Desk


class Messages:
    """Makes requests of messages."""

    def __init__(self, desk: Desk, web: Web, opener: Opener) -> None:
        self._desk = desk
        self._web = web
        self._opener = opener

    async def mentioned(self, place: Place, event: dict[str, Any]) -> None:
        """“@stylus a fox in neon rain”, in a channel or a thread."""
        if is_by_person(event):
            text = without_mention(str(event.get("text", "")), await self._web.me())
            await self._ask(place, text)

    async def written(self, place: Place, event: dict[str, Any]) -> None:
        """A direct message is a prompt; other messages are not for us."""
        if event.get("channel_type") == "im" and is_by_person(event):
            text = without_mention(str(event.get("text", "")), await self._web.me())
            await self._ask(place, text)

    async def pointed_at(self, place: Place, message: dict[str, Any], ack: AsyncAck) -> None:
        """“Stylus this” on a message: its words are the prompt."""
        text = without_mention(str(message.get("text", "")), await self._web.me())
        await self._opener.open(place, partial(submit_text, self._desk, read_text(text)), ack)

    async def _ask(self, place: Place, text: str) -> None:
        submit = partial(submit_text, self._desk, read_text(text))
        await self._opener.open_event(place, submit)


def is_by_person(event: dict[str, Any]) -> bool:
    """Whether a person has written the message now; changes and bots are not for us."""
    subtype = event.get("subtype")
    return subtype in (None, "file_share") and not event.get("bot_id") and "user" in event
