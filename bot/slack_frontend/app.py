"""The app: what it listens to, and which part does what."""

import re
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.actions import read_click
from bot.board import Board
from bot.slack_frontend.background import Background
from bot.slack_frontend.clicks import Clicks
from bot.slack_frontend.commands import Commands
from bot.slack_frontend.delivery import Mailman
from bot.slack_frontend.messages import Messages
from bot.slack_frontend.opening import Opener
from bot.slack_frontend.people import (
    PLATFORM,
    place_of_click,
    place_of_command,
    place_of_message,
    place_of_reaction,
    place_of_shortcut,
)
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.reactions import Reactions
from bot.slack_frontend.removal import Removal
from bot.slack_frontend.screens import status_screen
from bot.slack_frontend.sharing import Sharing, request_of_file, shares_of
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web
from bot.status import Status
from engine.desk import Desk
from engine.errors import StylusError
from engine.values import Standing

log = structlog.get_logger(part="slack")

COMMAND = "/stylus"
SHORTCUT = "stylus_this"
#: What tells that Slack sends an event once more.
RETRY = "x-slack-retry-num"


class StylusApp(AsyncApp):
    """Made by `create_app`. Whatever lives long, the desk included, is opened outside."""

    def __init__(self, desk: Desk, client: AsyncWebClient) -> None:
        super().__init__(
            name="stylus",
            client=client,
            signing_secret=desk.settings.slack.signing_secret.get_secret_value(),
            # Slack has its acknowledgement once a request is stored, not before.
            process_before_response=True,
            # We hear of the messages in which our own files are shared.
            ignoring_self_events_enabled=False,
        )
        self.desk = desk
        self.web = Web(client)
        self.background = Background()
        self.board = Board(desk, PLATFORM, self._show_status)
        self._poster = Poster(self.web)
        self._sharing = Sharing(self.web, self._poster)
        telling = Telling(self.web)
        opener = Opener(desk, self.board, self._poster, telling, self.background)
        removal = Removal(desk, self.web, self._poster, self._sharing)
        mailman = Mailman(desk, self.board, self._poster, self._sharing, telling)
        self._commands = Commands(desk, opener)
        self._clicks = Clicks(desk, opener, removal, telling)
        self._messages = Messages(desk, self.web, opener)
        self._reactions = Reactions(desk, opener, removal, mailman, self._poster, self._sharing)
        desk.register(PLATFORM, mailman.deliver)
        self._listen()

    def _listen(self) -> None:
        self.command(COMMAND)(self._command)
        self.action(re.compile("^stylus:"))(self._click)
        self.shortcut(SHORTCUT)(self._shortcut)
        self.event("app_mention")(self._mention)
        self.event("message")(self._message)
        self.event("reaction_added")(self._reaction)
        self.event("reaction_removed")(self._reaction)
        self.event("file_shared")(self._shared)

    async def _command(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        place = place_of_command(context, body)
        await self._commands.handle(place, str(body.get("text", "")), ack)

    async def _click(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        click = read_click(str(body["actions"][0]["action_id"]))
        if click:
            await self._clicks.handle(place_of_click(context, body), click, ack)
        else:
            await ack()

    async def _shortcut(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await self._messages.pointed_at(place_of_shortcut(context, body), body["message"], ack)

    async def _mention(
        self, body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> None:
        place = place_of_message(context, body, again=RETRY in request.headers)
        await self._messages.mentioned(place, body["event"])

    async def _message(
        self, body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> None:
        place = place_of_message(context, body, again=RETRY in request.headers)
        await self._messages.written(place, body["event"])

    async def _reaction(
        self, body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> None:
        event = body["event"]
        if event["user"] == await self.web.me():
            return
        place = place_of_reaction(context, body, again=RETRY in request.headers)
        if event["type"] == "reaction_added":
            await self._reactions.added(place, event)
        else:
            await self._reactions.removed(place, event)

    async def _shared(self, event: dict[str, Any]) -> None:
        """A file of ours is in a message now: reactions on that message are understood, too."""
        if event.get("user_id") != await self.web.me():
            return
        file = await self._sharing.look(str(event["file_id"]))
        request_id = request_of_file(file)
        for channel, ts in shares_of(file) if request_id else []:
            await self.desk.homes.copy(PLATFORM, channel, ts, str(request_id))

    async def _show_status(self, standing: Standing, status: Status) -> None:
        """Changes the message; one that is not there yet, or out of reach, is left alone."""
        try:
            await self._poster.change(standing.request, standing.home, status_screen(status))
        except StylusError as error:
            log.info("a status was not shown", request=status.request_id, reason=str(error))
