"""`/stylus ...`: the slash command; its first word says what to do."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.slack_frontend.additions import STATUSES
from bot.slack_frontend.admin import Admin
from bot.slack_frontend.background import Background
from bot.slack_frontend.errands import Errands
from bot.slack_frontend.escaping import read_text
from bot.slack_frontend.forms import Forms
from bot.slack_frontend.opening import Opener, submit_duel, submit_text
from bot.slack_frontend.own_commands import Handler, OwnCommands
from bot.slack_frontend.people import Place
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web
from engine.desk import Desk

#: What `lora` ... changes the library with.
CHANGING = {"add", "propose", *STATUSES}


class Commands:
    """Does what a command asks for."""

    def __init__(
        self,
        desk: Desk,
        web: Web,
        opener: Opener,
        own: OwnCommands,
        forms: Forms,
        admin: Admin,
        telling: Telling,
        errands: Errands,
        background: Background,
    ) -> None:
        self._errands = errands
        errands.register("command", self._do)
        errands.register("admin", self._do_admin)
        self._desk = desk
        self._web = web
        self._opener = opener
        self._own = own
        self._forms = forms
        self._admin = admin
        self._telling = telling
        self._background = background

    async def handle(self, place: Place, text: str, ack: AsyncAck) -> None:
        """Answers the command; what is no command of ours is a prompt, nothing opens the form."""
        word, _, rest = read_text(text).strip().partition(" ")
        handler = self._own.handlers.get(word)
        if handler and changes_something(f"{word} {rest}"):
            await self._errands.want_soon(place, "command", {"word": word, "rest": rest}, ack)
        elif handler:
            await ack()
            self._background.start(self.answer(handler, place, rest))
        elif word == "" or (word == "prompt" and not rest.strip()):
            await ack()
            self._background.start(self._forms.open_prompt(place))
        elif word == "duel":
            await self._opener.open(place, partial(submit_duel, self._desk, rest), ack)
        else:
            prompt = rest if word == "prompt" else f"{word} {rest}"
            await self._opener.open(place, partial(submit_text, self._desk, self._web, prompt), ack)

    async def answer(self, handler: Handler, place: Place, rest: str) -> None:
        """Shows the person what the handler gives, or why it does not."""
        async with self._telling.explaining(place):
            await self._telling.show(place, await handler(place, rest))

    async def handle_admin(self, place: Place, text: str, ack: AsyncAck) -> None:
        """Answers `/stylus-admin ...`."""
        if changes_something(read_text(text)):
            await self._errands.want_soon(place, "admin", {"text": read_text(text)}, ack)
            return
        await ack()

        async def work() -> None:
            async with self._telling.explaining(place):
                await self._admin.command(place, read_text(text))

        self._background.start(work())

    async def _do(self, place: Place, details: Mapping[str, Any]) -> None:
        handler = self._own.handlers[details["word"]]
        await self._telling.show(place, await handler(place, details["rest"]))

    async def _do_admin(self, place: Place, details: Mapping[str, Any]) -> None:
        await self._admin.command(place, details["text"])


def changes_something(text: str) -> bool:
    """Whether a command is to be stored before it is acknowledged."""
    words = text.split()[:2]
    return words[:1] == ["cancel"] or (words[:1] == ["lora"] and words[-1] in CHANGING)
