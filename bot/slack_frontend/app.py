"""The app: what it listens to, and which part does what."""

import asyncio
import json
import re
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.actions import read_click
from bot.board import Board
from bot.slack_frontend.additions import Additions
from bot.slack_frontend.admin import Admin
from bot.slack_frontend.admin_form import RULES_FORM
from bot.slack_frontend.app_home import publish_home
from bot.slack_frontend.background import Background
from bot.slack_frontend.clicks import Clicks
from bot.slack_frontend.commands import Commands
from bot.slack_frontend.delivery import Mailman
from bot.slack_frontend.forms import PROMPT_FORM, Forms, channel_of
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.messages import Messages
from bot.slack_frontend.opening import Opener
from bot.slack_frontend.own_commands import OwnCommands
from bot.slack_frontend.people import (
    PLATFORM,
    place_of_click,
    place_of_command,
    place_of_form,
    place_of_message,
    place_of_person,
    place_of_reaction,
    place_of_shortcut,
)
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.reactions import Reactions
from bot.slack_frontend.removal import Removal
from bot.slack_frontend.screens import status_screen
from bot.slack_frontend.sharing import Sharing, request_of_file, shares_of
from bot.slack_frontend.tasks import TASKS_FORM, Tasks
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import SlackBusy, Web
from bot.status import Status
from engine.desk import Desk
from engine.errors import StylusError
from engine.values import Asker, Standing

log = structlog.get_logger(part="slack")

COMMAND, ADMIN_COMMAND = "/stylus", "/stylus-admin"
SHORTCUT = "stylus_this"
FORM_SHORTCUT = "stylus_form"
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
        self._pause_until = 0.0
        self.board = Board(desk, PLATFORM, self._show_status)
        self._poster = Poster(self.web)
        self._sharing = Sharing(self.web, self._poster)
        self._languages = languages = Languages(self.web)
        self._telling = telling = Telling(self.web, languages)
        opener = Opener(desk, self.board, self._poster, telling, languages, self.background)
        removal = Removal(desk, self.web, self._poster, self._sharing)
        mailman = Mailman(desk, self.board, self._poster, self._sharing, telling, languages)
        self._forms = Forms(desk, self.web, opener, telling)
        self._tasks = Tasks(desk, self.web, opener, telling)
        additions = Additions(desk, self.web, self._sharing, languages)
        self._admin = Admin(desk, self.web, additions, telling)
        own = OwnCommands(desk, mailman, removal, additions, languages)
        self._commands = Commands(
            desk, self.web, opener, own, self._forms, self._admin, telling, self.background
        )
        self._clicks = Clicks(desk, opener, removal, self._tasks, additions, self._admin, telling)
        self._messages = Messages(desk, self.web, opener, additions, telling)
        self._reactions = Reactions(desk, opener, removal, mailman)
        desk.register(PLATFORM, mailman.deliver)
        desk.announcing.register(PLATFORM, additions.tell)
        self._listen()

    def _listen(self) -> None:
        self.command(COMMAND)(self._command)
        self.command(ADMIN_COMMAND)(self._admin_command)
        self.view(RULES_FORM)(self._rules_form)
        self.action(re.compile("^stylus:"))(self._click)
        self.shortcut(SHORTCUT)(self._shortcut)
        self.shortcut(FORM_SHORTCUT)(self._form_shortcut)
        self.view(PROMPT_FORM)(self._prompt_form)
        self.view(TASKS_FORM)(self._tasks_form)
        self.event("app_home_opened")(self._home)
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

    async def _admin_command(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        place = place_of_command(context, body)
        await self._commands.handle_admin(place, str(body.get("text", "")), ack)

    async def _rules_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        view = body["view"]
        place = place_of_form(context, body, view["private_metadata"])
        try:
            await self._admin.save(place, view["state"]["values"])
        except StylusError as error:
            await self._telling.say(place, str(error))

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

    async def _form_shortcut(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        place = place_of_person(context, body)
        self.background.start(self._forms.open_prompt(place))

    async def _prompt_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        values = body["view"]["state"]["values"]
        place = place_of_form(context, body, channel_of(values))
        await self._forms.submitted(place, values, ack)

    async def _tasks_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        view = body["view"]
        request_id, channel, thread = json.loads(view["private_metadata"])
        place = place_of_form(context, body, channel, thread)
        try:
            await self._tasks.submitted(place, request_id, view["state"]["values"], ack)
        except StylusError as error:
            await ack()
            await self._telling.say(place, str(error))

    async def _home(self, event: dict[str, Any], context: AsyncBoltContext) -> None:
        if event.get("tab") == "home":
            asker = place_of_person(context, {}).asker
            self.background.start(self._publish_home(asker))

    async def _publish_home(self, asker: Asker) -> None:
        await publish_home(self.desk, self.web, asker, await self._languages.of(asker))

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
        try:
            file = await self._sharing.look(str(event["file_id"]))
        except StylusError as error:
            log.info("a shared file was not looked at", reason=str(error))
            return
        request_id = request_of_file(file)
        for channel, ts in shares_of(file) if request_id else []:
            await self.desk.homes.copy(PLATFORM, channel, ts, str(request_id))

    async def _show_status(self, standing: Standing, status: Status) -> None:
        """Changes the message; one that is not there yet, or out of reach, is left alone.

        While Slack asks for a pause none is changed: answers need the room.
        """
        now = asyncio.get_running_loop().time()
        if now < self._pause_until:
            return
        screen = status_screen(status)
        try:
            await self._poster.change(standing.request, standing.home, screen, hasty=True)
        except SlackBusy as error:
            self._pause_until = now + error.pause
        except StylusError as error:
            log.info("a status was not shown", request=status.request_id, reason=str(error))
