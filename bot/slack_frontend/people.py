"""People and places of Slack, as the desk knows them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from slack_bolt.context.async_context import AsyncBoltContext

from engine.values import Asker, Home

PLATFORM = "slack"
#: How long the address that comes with a command is used, of the 30 minutes that it lives.
ADDRESS_LIFE = timedelta(minutes=29)
#: Within this time the process that was asked is left to post the message itself.
OPENING = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was asked or clicked, by whom, and as which of Slack's events."""

    asker: Asker
    #: The same when Slack sends the event again, or somebody replays it.
    origin: str
    #: The thread in which we answer; None in the channel itself.
    thread: str | None = None
    #: Where one person can be told something, for some minutes.
    address: str | None = field(default=None, repr=False)
    #: Slack has sent this before.
    again: bool = False
    #: The message whose button was clicked.
    message: str | None = None
    #: What was chosen in the select that was clicked.
    chosen: tuple[str, ...] = ()
    #: Opens one form, for some seconds.
    trigger: str = ""

    def home(self) -> Home:
        """Returns where the answer is shown."""
        until = datetime.now(UTC) + ADDRESS_LIFE
        return Home(reply_to=self.thread, token=self.address, token_until=until)


def workspace_of(context: AsyncBoltContext) -> str:
    """Returns enterprise and team; the enterprise is empty outside of Enterprise Grid, the team
    where a whole organisation is meant."""
    return f"{context.enterprise_id or ''}:{context.team_id or ''}"


def place_of_command(context: AsyncBoltContext, body: dict[str, Any]) -> Place:
    """Returns where a slash command was given; Slack has none in threads."""
    return Place(
        asker=_asker(context, body, str(body["channel_id"])),
        origin=_origin(body, body["command"]),
        address=body.get("response_url"),
        trigger=str(body["trigger_id"]),
    )


def place_of_click(context: AsyncBoltContext, body: dict[str, Any]) -> Place:
    """Returns where a button was clicked."""
    container = body.get("container", {})
    return Place(
        asker=_asker(context, body, str(container.get("channel_id", ""))),
        origin=_origin(body, *(action["action_id"] for action in body["actions"])),
        trigger=str(body["trigger_id"]),
        thread=container.get("thread_ts") or body.get("message", {}).get("thread_ts"),
        address=body.get("response_url"),
        message=None if container.get("is_ephemeral") else container.get("message_ts"),
        chosen=_chosen(body["actions"][0]),
    )


def _chosen(action: dict[str, Any]) -> tuple[str, ...]:
    one = action.get("selected_option")
    options = action.get("selected_options") or ([one] if one else [])
    return tuple(str(option["value"]) for option in options)


def place_of_form(
    context: AsyncBoltContext, body: dict[str, Any], channel: str, thread: str | None = None
) -> Place:
    """Returns where the answer to a form goes."""
    addresses = [one.get("response_url") for one in body.get("response_urls", [])]
    return Place(
        asker=_asker(context, body, channel),
        origin=_origin(body, body["view"]["callback_id"]),
        thread=thread,
        address=addresses[0] if addresses else None,
    )


def place_of_person(context: AsyncBoltContext, body: dict[str, Any]) -> Place:
    """Returns the place of somebody who is in no channel."""
    asker = _asker(context, body, str(context.user_id))
    return Place(asker, _origin(body), trigger=str(body.get("trigger_id", "")))


def place_of_shortcut(context: AsyncBoltContext, body: dict[str, Any]) -> Place:
    """Returns where a message shortcut was used; we answer under that message."""
    message = body["message"]
    return Place(
        asker=_asker(context, body, str(body["channel"]["id"])),
        origin=_origin(body, body["callback_id"]),
        thread=message.get("thread_ts") or message["ts"],
        address=body.get("response_url"),
    )


def place_of_message(context: AsyncBoltContext, body: dict[str, Any], *, again: bool) -> Place:
    """Returns where a mention or a direct message was written.

    A mention is answered under it, as is the habit in channels.
    """
    event = body["event"]
    direct = event.get("channel_type") == "im"
    thread = event.get("thread_ts") or (None if direct else event["ts"])
    asker = _asker(context, body, str(event["channel"]))
    return Place(asker, str(body["event_id"]), thread, None, again)


def place_of_reaction(context: AsyncBoltContext, body: dict[str, Any], *, again: bool) -> Place:
    """Returns where a reaction was put."""
    channel = str(body["event"]["item"]["channel"])
    return Place(_asker(context, body, channel), str(body["event_id"]), again=again)


def _origin(body: dict[str, Any], *parts: str) -> str:
    """Returns a name for what somebody did; what comes with it is secret, so it is hashed."""
    known = [body.get("trigger_id"), body.get("response_url"), body.get("response_urls"), parts]
    return sha256(repr(known).encode()).hexdigest()


def _asker(context: AsyncBoltContext, body: dict[str, Any], channel: str) -> Asker:
    # An event for a whole organisation names the workspace only beside what we are allowed there.
    enterprise, _, team = workspace_of(context).partition(":")
    workspace = f"{enterprise}:{team or body.get('team_id') or ''}"
    return Asker(PLATFORM, workspace, channel, str(context.user_id or ""))


def address_of(home: Home) -> str | None:
    """Returns where the person who asked can still be told something."""
    lives = home.token_until is not None and datetime.now(UTC) < home.token_until
    return home.token if lives else None


def asked_at(home: Home) -> datetime | None:
    """Returns when the request was made, where it was made lately."""
    return home.token_until - ADDRESS_LIFE if home.token_until else None


def is_opening(home: Home) -> bool:
    """Whether its message may just be on its way."""
    asked = asked_at(home)
    return home.message_id is None and asked is not None and datetime.now(UTC) < asked + OPENING
