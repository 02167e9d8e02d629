"""Slack's Web API: one door, through which its refusals come as sentences.

What surely did nothing is told apart from what may have been done: the first may be tried again,
the second must be looked for.
"""

from collections.abc import Awaitable
from copy import copy
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient
from yarl import URL

from engine.desk import NotPosted
from engine.errors import BadFile, StylusError, Unavailable

#: How often a call is made again after the pause that Slack asks for.
PATIENCE = 2

REFUSALS = {
    "not_in_channel": "I am not in that channel; invite me with `/invite @Stylus` and ask again.",
    "channel_not_found": "I do not see that channel; invite me there, or write me directly.",
    "is_archived": "That channel is archived; ask in another one.",
    "restricted_action": "This workspace does not let me post there; ask in another channel.",
    "missing_scope": "I was not given all rights; an admin can install me again.",
    "not_installed": "I am not installed in this workspace; an admin can install me.",
    "token_revoked": "I was removed from this workspace; an admin can install me again.",
    "account_inactive": "I was removed from this workspace; an admin can install me again.",
    "invalid_auth": "Slack does not know me any more; an admin can install me again.",
    "token_expired": "Slack does not know me any more; an admin can install me again.",
    "storage_limit_reached": "This workspace has no room for more files; an admin can make some.",
}
REFUSALS["not_authed"] = REFUSALS["invalid_auth"]
#: Answers of Slack after which a call may have been carried out all the same.
UNCLEAR = {"", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
#: Slack's words for blocks that it does not take, such as a picture that was deleted.
BAD_BLOCKS = {"invalid_arguments", "invalid_blocks"}


class SlackRefused(StylusError):
    """Slack has refused a call; nothing was done. `code` is Slack's word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(REFUSALS.get(code, f"Slack refused that ({code})."))
        self.code = code


class SlackBusy(NotPosted):
    """Slack asks for a pause of so many seconds; nothing was done."""

    def __init__(self, pause: float) -> None:
        super().__init__("Slack asks for a pause; it is tried again.")
        self.pause = pause


class SlackSilent(Unavailable):
    """Slack gave no answer that says whether a call was carried out."""


class Web:
    """The client of one workspace, for calls that must not be repeated blindly."""

    def __init__(self, client: AsyncWebClient, me: dict[str, Any] | None = None) -> None:
        """`me` is what `auth.test` would say, where it is known."""
        # The client as it comes repeats a call when the connection breaks: that posts twice.
        self.client = copy(client)
        self.client.retry_handlers = [AsyncRateLimitErrorRetryHandler(max_retry_count=PATIENCE)]
        # For what is better left out than late, and for what waits in a way of its own.
        self.hasty_client = copy(client)
        self.hasty_client.retry_handlers = []
        self._me = me

    async def identity(self) -> dict[str, Any]:
        """Returns who we are there: `user_id` and `bot_id`."""
        if self._me is None:
            self._me = await ask(self.client.auth_test())
        return self._me

    async def me(self) -> str:
        """Returns our own user id."""
        return str((await self.identity())["user_id"])

    async def is_admin(self, user: str) -> bool:
        """Returns whether the person administers the workspace."""
        found = (await ask(self.client.users_info(user=user)))["user"]
        return bool(found.get("is_admin") or found.get("is_owner"))

    async def download(self, file: dict[str, Any], most: int) -> bytes:
        """Returns what somebody has uploaded. Raises `BadFile` for what cannot be had."""
        name = str(file.get("name", ""))[:60]
        if int(file.get("size", 0)) > most:
            raise BadFile(f"“{name}” has more than {most // 2**20} MB; send a smaller one.")
        address = str(file.get("url_private_download") or file.get("url_private") or "")
        rights = {"Authorization": f"Bearer {self.client.token}"} if self._is_slack(address) else {}
        try:
            async with (
                aiohttp.ClientSession(headers=rights) as session,
                session.get(address, allow_redirects=False) as got,
            ):
                got.raise_for_status()
                content = await _read(got.content, most)
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise BadFile(f"“{name}” cannot be read from Slack; send it again.") from error
        if len(content) > most:
            raise BadFile(f"“{name}” has more than {most // 2**20} MB; send a smaller one.")
        return content

    def _is_slack(self, address: str) -> bool:
        """Whether the bot's token may go there."""
        url = URL(address)
        ours = URL(self.client.base_url)
        return url.origin() == ours.origin() or (
            url.scheme == "https" and str(url.host).endswith(".slack.com")
        )


async def _read(content: aiohttp.StreamReader, most: int) -> bytes:
    """Returns what comes, at most one byte more than may come."""
    read = bytearray()
    while len(read) <= most and (part := await content.read(most + 1 - len(read))):
        read += part
    return bytes(read)


async def ask(call: Awaitable[AsyncSlackResponse]) -> dict[str, Any]:
    """Returns what a call gives.

    Raises `SlackRefused`; `NotPosted` where nothing was done and a later try may work; and
    `SlackSilent` where nobody knows.
    """
    try:
        response = await call
    except SlackApiError as error:
        raise _refusal(error.response) from error
    except aiohttp.ClientConnectorError as error:
        raise NotPosted("Slack cannot be reached now; it is tried again.") from error
    except (TimeoutError, aiohttp.ClientError) as error:
        raise SlackSilent("Slack gave no answer; what became of the call is looked up.") from error
    return dict(response.data) if isinstance(response.data, dict) else {}


def _refusal(response: Any) -> StylusError:
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    status = getattr(response, "status_code", 200)
    if status == 429 or code == "ratelimited":
        return SlackBusy(_pause(response))
    if code in UNCLEAR:
        return SlackSilent("Slack gave no clear answer; what became of the call is looked up.")
    return SlackRefused(code)


def _pause(response: Any) -> float:
    asked = str((getattr(response, "headers", None) or {}).get("Retry-After", ""))
    return float(asked) if asked.isdecimal() else 1.0


async def send_bytes(url: str, content: bytes) -> None:
    """Sends a file's content to the address that Slack gave for it. Raises `NotPosted`."""
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=content) as response:
            response.raise_for_status()
    except (TimeoutError, aiohttp.ClientError) as error:
        raise NotPosted("Slack did not take a file; it is tried again.") from error


async def respond(
    url: str,
    text: str,
    blocks: list[dict[str, Any]],
    thread: str | None,
    *,
    replace: bool = False,
) -> bool:
    """Tells one person by the address that came with their command; returns whether it worked.

    Slack takes five of these within 30 minutes; we send at most two for one command or click.
    """
    webhook = AsyncWebhookClient(url)
    body = {"response_type": "ephemeral", "replace_original": replace, "text": text}
    extra: dict[str, Any] = {"blocks": blocks} if blocks else {}
    if thread:
        extra["thread_ts"] = thread
    try:
        return (await webhook.send_dict({**body, **extra})).status_code == 200
    except (TimeoutError, aiohttp.ClientError):
        return False
