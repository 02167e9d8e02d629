"""The app: what it listens to, and which part of which team does what."""

import json
import re
from collections.abc import Awaitable, Callable
from copy import copy
from datetime import UTC, datetime
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.actions import read_click
from bot.board import Board
from bot.slack_frontend.admin_form import RULES_FORM
from bot.slack_frontend.background import Background
from bot.slack_frontend.delivery import Claimed
from bot.slack_frontend.forms import PROMPT_FORM, channel_of
from bot.slack_frontend.installing import Authorize, install_flow, quiet_client
from bot.slack_frontend.manifest import ADMIN_COMMAND, COMMAND, FORM_SHORTCUT, SHORTCUT
from bot.slack_frontend.people import (
    PLATFORM,
    Place,
    place_of_click,
    place_of_command,
    place_of_form,
    place_of_message,
    place_of_person,
    place_of_reaction,
    place_of_shortcut,
    workspace_of,
)
from bot.slack_frontend.renewing import Renewing
from bot.slack_frontend.sharing import request_of_file, shares_of
from bot.slack_frontend.tasks import TASKS_FORM
from bot.slack_frontend.team import Team
from bot.slack_frontend.teams import Teams
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.upkeep import EDIT_FORM
from bot.slack_frontend.web import REFUSALS, SlackRefused, Web
from bot.status import Status
from engine.desk import Addition, Desk, Errand, Undeliverable
from engine.errors import StylusError
from engine.values import Adapter, Answer, Standing

log = structlog.get_logger(part="slack")

#: What tells that Slack sends an event once more.
RETRY = "x-slack-retry-num"


#: Does what a form asks for: the place, what the form is about, its values and the acknowledgement.
Submitted = Callable[[Place, str, dict[str, Any], AsyncAck], Awaitable[None]]


class StylusApp(AsyncApp):
    """Made by `create_app`. Whatever lives long, the desk included, is opened outside."""

    def __init__(self, desk: Desk, client: AsyncWebClient) -> None:
        self.desk = desk
        self.background = Background()
        self.board = Board(desk, PLATFORM, self._show_status)
        self.teams = Teams(desk, client, self._make_team)
        nobody = copy(client)
        nobody.token = None
        self.renewing = Renewing(desk, quiet_client(nobody), self.teams)
        super().__init__(
            name="stylus",
            client=nobody,
            authorize=Authorize(self.teams),  # type: ignore[arg-type]  # the library takes it
            oauth_flow=None if client.token else install_flow(desk, nobody, self.teams.join),
            user_facing_authorize_error_message=REFUSALS["not_installed"],
            signing_secret=desk.settings.slack.signing_secret.get_secret_value(),
            # Slack has its acknowledgement once a request is stored, not before.
            process_before_response=True,
            # We hear of the messages in which our own files are shared.
            ignoring_self_events_enabled=False,
        )
        desk.register(PLATFORM, self._deliver)
        desk.announcing.register(PLATFORM, self._tell)
        desk.errands.register(PLATFORM, self._do)
        self._listen()

    def _make_team(self, web: Web) -> Team:
        return Team(self.desk, self.board, self.background, web)

    async def _team(self, context: AsyncBoltContext) -> Team:
        return await self.teams.of(workspace_of(context))

    def _listen(self) -> None:
        self.command(COMMAND)(self._command)
        self.command(ADMIN_COMMAND)(self._admin_command)
        self.view(RULES_FORM)(self._rules_form)
        self.action(re.compile("^stylus:"))(self._click)
        self.shortcut(SHORTCUT)(self._shortcut)
        self.shortcut(FORM_SHORTCUT)(self._form_shortcut)
        self.view(PROMPT_FORM)(self._prompt_form)
        self.view(TASKS_FORM)(self._tasks_form)
        self.view(EDIT_FORM)(self._edit_form)
        self.event("app_home_opened")(self._home)
        self.event("app_mention")(self._mention)
        self.event("message")(self._message)
        self.event("reaction_added")(self._reaction)
        self.event("reaction_removed")(self._reaction)
        self.event("file_shared")(self._shared)
        self.event("app_uninstalled")(self._removed)
        self.event("tokens_revoked")(self._removed)

    async def _command(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        place = place_of_command(context, body)
        await (await self._team(context)).commands.handle(place, str(body.get("text", "")), ack)

    async def _admin_command(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        place = place_of_command(context, body)
        await (await self._team(context)).commands.handle_admin(
            place, str(body.get("text", "")), ack
        )

    async def _rules_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        view, team = body["view"], await self._team(context)
        place = place_of_form(context, body, view["private_metadata"])
        await team.errands.want_soon(place, "rules", {"values": view["state"]["values"]}, ack)

    async def _click(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        click = read_click(str(body["actions"][0]["action_id"]))
        if click:
            team = await self._team(context)
            await team.clicks.handle(place_of_click(context, body), click, ack)
        else:
            await ack()

    async def _shortcut(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        place = place_of_shortcut(context, body)
        await (await self._team(context)).messages.pointed_at(place, body["message"], ack)

    async def _form_shortcut(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        place = place_of_person(context, body)
        team = await self._team(context)
        self.background.start(team.forms.open_prompt(place))

    async def _prompt_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        values = body["view"]["state"]["values"]
        place = place_of_form(context, body, channel_of(values))
        await (await self._team(context)).forms.submitted(place, values, ack)

    async def _tasks_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        team = await self._team(context)
        await _take(ack, body, context, team.telling, team.tasks.submitted)

    async def _edit_form(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        team = await self._team(context)
        await _take(ack, body, context, team.telling, team.upkeep.save)

    async def _home(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if body["event"].get("tab") == "home":
            asker = place_of_person(context, body).asker
            team = await self._team(context)
            self.background.start(team.home.publish(asker))

    async def _mention(
        self, body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> None:
        place = place_of_message(context, body, again=RETRY in request.headers)
        await (await self._team(context)).messages.mentioned(place, body["event"])

    async def _message(
        self, body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> None:
        place = place_of_message(context, body, again=RETRY in request.headers)
        await (await self._team(context)).messages.written(place, body["event"])

    async def _reaction(
        self, body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> None:
        event, team = body["event"], await self._team(context)
        if event["user"] == await team.web.me():
            return
        place = place_of_reaction(context, body, again=RETRY in request.headers)
        if event["type"] == "reaction_added":
            await team.reactions.added(place, event)
        else:
            await team.reactions.removed(place, event)

    async def _shared(self, event: dict[str, Any], context: AsyncBoltContext) -> None:
        """A file of ours is in a message now: reactions on that message are understood, too."""
        team = await self._team(context)
        if event.get("user_id") != await team.web.me():
            return
        try:
            file = await team.sharing.look(str(event["file_id"]))
        except StylusError as error:
            log.info("a shared file was not looked at", reason=str(error))
            return
        request_id = request_of_file(file)
        for channel, ts in shares_of(file) if request_id else []:
            await self.desk.homes.copy(PLATFORM, channel, ts, str(request_id))

    async def _removed(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        """A workspace has taken the app away, or the app's token; people's own tokens, which we
        have none of, do not matter. What is under way there ends."""
        event = body["event"]
        if event["type"] == "tokens_revoked" and not event.get("tokens", {}).get("bot"):
            return
        # Slack names the second in which it happened; nobody adds the app again within it.
        happened = datetime.fromtimestamp(int(body["event_time"]) + 1, UTC)
        if await self.teams.leave(workspace_of(context), happened):
            self.background.start(self._end_unserved())

    async def _end_unserved(self) -> None:
        for standing in (await self.desk.standings(PLATFORM)).requests:
            asker = standing.request.asker
            try:
                await self.teams.of(asker.workspace)
            except SlackRefused:
                await self.desk.cancel(standing.request.id, asker)
        await self.desk.deliver_waiting(PLATFORM)

    async def _deliver(self, answer: Answer, claimed: Claimed) -> str:
        """Posts an answer in its workspace; the desk's sender."""
        try:
            team = await self.teams.of(answer.request.asker.workspace)
        except SlackRefused as error:
            raise Undeliverable(str(error)) from error
        return await team.mailman.deliver(answer, claimed)

    async def _tell(self, addition: Addition, adapter: Adapter | None, sample: bytes | None) -> str:
        """Tells of a proposed LoRA in its workspace; the desk's teller."""
        try:
            team = await self.teams.of(addition.asker.workspace)
        except SlackRefused:
            return ""  # nobody can be told there
        return await team.additions.tell(addition, adapter, sample)

    async def _do(self, errand: Errand) -> None:
        """Does what was asked for in its workspace; the desk's doer."""
        try:
            team = await self.teams.of(errand.asker.workspace)
        except SlackRefused:
            return  # the app is not there any more
        await team.errands.do(errand)

    async def _show_status(self, standing: Standing, status: Status) -> None:
        """Shows a status in its workspace; the board's."""
        try:
            team = await self.teams.of(standing.request.asker.workspace)
        except SlackRefused:
            return
        await team.statuses.show(standing, status)


async def _take(
    ack: AsyncAck,
    body: dict[str, Any],
    context: AsyncBoltContext,
    telling: Telling,
    submitted: Submitted,
) -> None:
    """Hands on a form that was opened from a message; the person is told why it did not work."""
    view = body["view"]
    subject, channel, thread = json.loads(view["private_metadata"])
    place = place_of_form(context, body, channel, thread)
    try:
        await submitted(place, subject, view["state"]["values"], ack)
    except StylusError as error:
        await ack()
        await telling.say(place, str(error))
