"""Opening a request: it is stored, Slack is told so, and then its message is posted."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.actions import Click
from bot.board import Board
from bot.following import follow_up
from bot.slack_frontend.background import Background
from bot.slack_frontend.errands import ACK_WITHIN
from bot.slack_frontend.flags import DUEL_NAMES, read_flags, to_ask, within
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.people import PLATFORM, Place
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.screens import status_screen
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import SlackBusy, SlackRefused, Web
from bot.slack_frontend.web import ask as call
from bot.status import first_status
from bot.texts import texts_for
from engine.desk import Desk
from engine.errors import BadOption, StylusError
from engine.values import Asker, Home, Request, Rules

log = structlog.get_logger(part="slack")

#: How often a message waits once more until Slack has room for it.
PAUSES = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who may ask here and now, and what the place allows."""

    asker: Asker
    #: The event that asks.
    origin: str
    home: Home
    rules: Rules


#: Stores a request of somebody who may ask.
Submit = Callable[[Entry], Awaitable[Request]]


class Opener:
    """Opens requests for one workspace."""

    def __init__(
        self,
        desk: Desk,
        board: Board,
        poster: Poster,
        telling: Telling,
        languages: Languages,
        background: Background,
    ) -> None:
        self._languages = languages
        self._desk = desk
        self._board = board
        self._poster = poster
        self._telling = telling
        self._background = background

    async def open(self, place: Place, submit: Submit, ack: AsyncAck) -> None:
        """Stores a request of a command or a click, for which Slack does not wait long."""
        storing = asyncio.ensure_future(self._store(place, submit))
        await asyncio.wait({storing}, timeout=ACK_WITHIN)
        await ack()
        self._background.start(self._show(place, storing))

    async def open_event(self, place: Place, submit: Submit) -> None:
        """Stores a request of an event; where that breaks off, Slack sends the event again."""
        request = await self._store(place, submit)

        async def stored() -> Request | None:
            return request

        self._background.start(self._show(place, stored()))

    async def _store(self, place: Place, submit: Submit) -> Request | None:
        """Returns the request; None where it was refused, which the person is told."""
        try:
            return await submit(await self._enter(place))
        except StylusError as error:
            self._background.start(self._telling.say(place, str(error)))
            return None

    async def _enter(self, place: Place) -> Entry:
        asker = place.asker
        rules, locale = await asyncio.gather(
            self._desk.workspaces.admit(asker, {asker.channel}), self._languages.locale(asker)
        )
        return Entry(asker, place.origin, replace(place.home(), locale=locale), rules)

    async def _show(self, place: Place, storing: Awaitable[Request | None]) -> None:
        try:
            request = await storing
        except Exception:
            log.exception("a request was not stored")
            await self._telling.say(place, (await self._telling.texts(place)).broken)
            return
        if request is None:
            return
        try:
            await self._post_patiently(request, place)
        except SlackRefused as error:
            # What cannot be shown need not be rendered either.
            await self._desk.cancel(request.id, request.asker)
            await self._telling.say(place, str(error))
        except StylusError as error:
            # The answer looks for the message, and is posted without it.
            log.warning("a message was not opened", request=request.id, reason=str(error))

    async def _post_patiently(self, request: Request, place: Place) -> None:
        """Posts it once Slack has room; an answer that comes meanwhile needs no other message."""
        for _ in range(PAUSES):
            try:
                return await self._post(request, place)
            except SlackBusy as error:
                await asyncio.sleep(error.pause)
        return await self._post(request, place)

    async def _post(self, request: Request, place: Place) -> None:
        async with self._board.opening(request.id):
            home = await self._desk.homes.of(request.id)
            if home.message_id:
                return
            standings = await self._desk.standings(PLATFORM, request.id)
            screen = status_screen(first_status(request, standings, texts_for(home.locale)))
            post = self._poster.post_once if place.again else self._poster.post
            await self._desk.homes.settle(request.id, await post(request, home, screen))
        if request.asker.channel != place.asker.channel:
            await self._telling.say(place, texts_for(home.locale).shown_directly)


async def submit_click(desk: Desk, click: Click, entry: Entry) -> Request:
    """Stores the request that a button or reaction asks for; what follows from a private one is
    private. Raises `BadInput`."""
    private = (await desk.homes.of(click.request_id)).private
    home = replace(entry.home, private=private)
    return await follow_up(desk, click, entry.asker, entry.origin, home)


async def submit_duel(desk: Desk, text: str, entry: Entry) -> Request:
    """Stores the duel that a person asked for. Raises `BadInput`."""
    if "private" in read_flags(text, DUEL_NAMES).flags:
        raise BadOption("A duel is there for everybody to vote on; ask without --private.")
    ask = within(to_ask(text, entry.asker, DUEL_NAMES), entry.rules)
    return await desk.duel(ask, entry.origin, entry.home)


async def submit_text(desk: Desk, web: Web, text: str, entry: Entry) -> Request:
    """Stores the request that a person wrote, flags and all. Raises `BadInput`."""
    if "private" in read_flags(text).flags:
        entry = await alone(web, entry)
    ask = within(to_ask(text, entry.asker), entry.rules)
    return await desk.submit(ask, entry.origin, entry.home)


async def alone(web: Web, entry: Entry) -> Entry:
    """Returns the entry moved into the person's direct messages with us. Raises as `call` does."""
    opened = await call(web.client.conversations_open(users=entry.asker.user))
    asker = replace(entry.asker, channel=str(opened["channel"]["id"]))
    return replace(entry, asker=asker, home=replace(entry.home, private=True, reply_to=None))
