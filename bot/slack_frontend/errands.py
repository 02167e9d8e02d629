"""Errands: what people ask for and is done after Slack's acknowledgement, stored before it.

Whoever dies in between, the next process does it. Refusals are told to the person, and what an
outage breaks off is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.slack_frontend.background import Background
from bot.slack_frontend.people import PLATFORM, Place, address_of
from bot.slack_frontend.telling import Telling
from engine.desk import Desk, Errand, NotPosted
from engine.errors import StylusError, Unavailable
from engine.values import Home

log = structlog.get_logger(part="slack")

#: Seconds after which Slack has its acknowledgement, even if the database is slow.
ACK_WITHIN = 0.6

#: Does an errand in its place; its details are those that it was stored with.
Handler = Callable[[Place, Mapping[str, Any]], Awaitable[None]]


class Errands:
    """The errands of one workspace."""

    def __init__(self, desk: Desk, telling: Telling, background: Background) -> None:
        self._desk = desk
        self._telling = telling
        self._background = background
        self._handlers: dict[str, Handler] = {}

    def register(self, kind: str, handler: Handler) -> None:
        """Names what does a kind of errand."""
        self._handlers[kind] = handler

    async def want(
        self, place: Place, kind: str, details: Mapping[str, Any], *, quiet: bool = False
    ) -> None:
        """Stores what an event asks for, unless it comes again, and begins it.

        `quiet` is for what nobody is told of where it is refused.
        """
        stored = await self._desk.errands.want(
            place.asker, place.origin, kind, {**_kept(place), **details, "quiet": quiet}
        )
        if stored is not None:
            self._background.start(self._desk.errands.do(PLATFORM, stored))

    async def want_soon(
        self, place: Place, kind: str, details: Mapping[str, Any], ack: AsyncAck
    ) -> None:
        """The same for a command, a click or a form, for which Slack does not wait long."""
        storing = asyncio.ensure_future(self.want(place, kind, details))
        await asyncio.wait({storing}, timeout=ACK_WITHIN)
        await ack()

        async def explain() -> None:
            async with self._telling.explaining(place):
                await storing

        self._background.start(explain())

    async def do(self, errand: Errand) -> None:
        """Does an errand; the desk's doer. Raises what may work later."""
        place = _place_of(errand)
        try:
            await self._handlers[errand.kind](place, {**errand.details, "errand": errand.id})
        except (NotPosted, Unavailable) as error:
            if not errand.last:
                raise
            await self._tell(errand, place, str(error))
        except StylusError as error:
            await self._tell(errand, place, str(error))
        except Exception:
            log.exception("what somebody asked for failed", errand=errand.kind)
            await self._tell(errand, place, (await self._telling.texts(place)).broken)

    async def _tell(self, errand: Errand, place: Place, sentence: str) -> None:
        """A channel is no place for refusals of what a reaction asked for."""
        if errand.details.get("quiet", True):
            log.info("an errand did nothing", errand=errand.kind, reason=sentence)
        else:
            await self._telling.say(place, sentence)


def _kept(place: Place) -> dict[str, Any]:
    """Returns what is kept of a place: how its person can still be told something."""
    home = place.home()
    return {
        "thread": place.thread,
        "message": place.message,
        "address": home.token,
        "until": home.token_until and home.token_until.isoformat(),
    }


def _place_of(errand: Errand) -> Place:
    kept = errand.details
    until = kept.get("until")
    told = Home(token=kept.get("address"), token_until=until and datetime.fromisoformat(until))
    return Place(
        errand.asker,
        origin="",
        thread=kept.get("thread"),
        address=address_of(told),
        message=kept.get("message"),
    )
