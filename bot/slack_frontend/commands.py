"""`/stylus ...`: the slash command; its first word says what to do."""

from functools import partial

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.slack_frontend.escaping import read_text
from bot.slack_frontend.flags import to_ask
from bot.slack_frontend.opening import Opener
from bot.slack_frontend.people import Place
from engine.desk import Desk
from engine.values import Asker, Home, Request


async def submit_text(desk: Desk, text: str, asker: Asker, origin: str, home: Home) -> Request:
    """Stores the request that a person wrote, flags and all. Raises `BadInput`."""
    return await desk.submit(to_ask(text, asker), origin, home)


class Commands:
    """Does what a command asks for."""

    def __init__(self, desk: Desk, opener: Opener) -> None:
        self._desk = desk
        self._opener = opener

    async def handle(self, place: Place, text: str, ack: AsyncAck) -> None:
        """Answers the command; what is no command of ours is a prompt."""
        word, _, rest = read_text(text).strip().partition(" ")
        prompt = rest if word == "prompt" else f"{word} {rest}"
        await self._opener.open(place, partial(submit_text, self._desk, prompt), ack)
