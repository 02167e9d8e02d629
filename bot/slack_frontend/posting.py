"""Posting: a screen goes into the message of a request, once.

Changing a message twice does no harm. Posting twice would, and Slack has no key against it: so our
messages carry their request in their metadata, and are looked for wherever one may be out already.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.models.metadata import Metadata

from bot.slack_frontend.people import asked_at
from bot.slack_frontend.screens import Screen
from bot.slack_frontend.turns import Turns
from bot.slack_frontend.web import SlackRefused, SlackSilent, Web, ask
from engine.desk import NotPosted
from engine.values import Home, Request

EVENT = "stylus_request"
#: Slack's words for a message that is not there to be changed.
GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
#: Messages of a page, and pages that are searched.
PAGE, PAGES = 200, 10
#: Clocks differ.
BEFORE = timedelta(minutes=2)


class Poster:
    """Posts for one workspace."""

    def __init__(self, web: Web) -> None:
        self._web = web
        #: Everything that is seen as a new message waits in them.
        self.turns = Turns()

    async def change(
        self, request: Request, home: Home, screen: Screen, *, hasty: bool = False
    ) -> str | None:
        """Changes the request's message and returns its id; None where there is none to change.

        Raises `SlackRefused`, and `NotPosted` where Slack does not answer now; `hasty` does not
        wait where Slack asks for a pause, and raises `SlackBusy`.
        """
        if home.message_id is None:
            return None
        client = self._web.hasty_client if hasty else self._web.client
        try:
            await ask(
                client.chat_update(
                    channel=request.asker.channel,
                    ts=home.message_id,
                    text=screen.text,
                    blocks=screen.as_json(),
                    metadata=_metadata(request.id),
                )
            )
        except SlackSilent as error:
            raise NotPosted(str(error)) from error
        except SlackRefused as error:
            if error.code in GONE:
                return None
            raise
        return home.message_id

    async def post(self, request: Request, home: Home, screen: Screen) -> str:
        """Posts a message for the request and returns its id. Raises as `ask` does."""
        sent = await self._send(request.asker.channel, home.reply_to, request.id, screen)
        return str(sent["ts"])

    async def post_once(self, request: Request, home: Home, screen: Screen) -> str:
        """Like `post`, but changes the message that an earlier try may have posted."""
        found = await self.search(request, home)
        if found:
            await self.change(request, Home(message_id=found), screen)
            return found
        return await self.post(request, home, screen)

    async def post_result(self, request: Request, home: Home, screen: Screen) -> str:
        """Posts a duel's result, unless an earlier try has; returns the message's id."""
        key = f"{request.id}-result"
        found = await self._search(request, home, key)
        if found:
            return found
        sent = await self._send(request.asker.channel, home.reply_to, key, screen)
        return str(sent["ts"])

    async def direct(self, user: str) -> str:
        """Returns the channel in which a person and we write each other. Raises as `ask` does."""
        opened = await ask(self._web.client.conversations_open(users=user))
        return str(opened["channel"]["id"])

    async def find_copy(self, there: Request, key: str) -> str | None:
        """Returns the id of the copy that an earlier try has posted in another place."""
        return await self._search(there, Home(), key)

    async def post_copy(
        self, channel: str, thread: str | None, key: str, screen: Screen
    ) -> tuple[str, str]:
        """Posts a copy, to a person as well; returns the channel and the message's id."""
        sent = await self._send(channel, thread, key, screen)
        return str(sent["channel"]), str(sent["ts"])

    async def say(self, channel: str, screen: Screen) -> str:
        """Posts a message about no request, to a person as well; returns its id."""
        return str((await self._send(channel, None, None, screen))["ts"])

    async def replace(self, channel: str, message_id: str | None, screen: Screen) -> None:
        """Changes a message of ours, or posts where there is none to change."""
        if message_id is None:
            await self.say(channel, screen)
            return
        blocks = screen.as_json()
        await ask(
            self._web.client.chat_update(
                channel=channel, ts=message_id, text=screen.text, blocks=blocks
            )
        )

    async def _send(
        self, channel: str, thread: str | None, request_id: str | None, screen: Screen
    ) -> dict[str, Any]:
        async def send() -> dict[str, Any]:
            return await ask(
                self._web.hasty_client.chat_postMessage(
                    channel=channel,
                    thread_ts=thread,
                    text=screen.text,
                    blocks=screen.as_json(),
                    metadata=_metadata(request_id) if request_id else None,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            )

        return await self.turns.take(channel, send)

    async def delete(self, channel: str, message_id: str) -> None:
        """Deletes a message of ours; one that is gone already is no error."""
        try:
            await ask(self._web.client.chat_delete(channel=channel, ts=message_id))
        except SlackRefused as error:
            if error.code not in GONE:
                raise

    async def files_of(self, channel: str, ts: str) -> list[str]:
        """Returns the ids of the files in a message. Raises as `ask` does."""
        found = await ask(self._web.client.conversations_replies(channel=channel, ts=ts, limit=1))
        shown = [m for m in found.get("messages", []) if m.get("ts") == ts]
        return [str(file["id"]) for m in shown for file in m.get("files") or []]

    async def search(self, request: Request, home: Home) -> str | None:
        """Returns the id of the message of ours that shows the request, if it is out."""
        return await self._search(request, home, request.id)

    async def _search(self, request: Request, home: Home, key: str) -> str | None:
        async for message in self.own_messages(request, home):
            metadata = message.get("metadata") or {}
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == EVENT and payload.get("request_id") == key:
                return str(message["ts"])
        return None

    async def own_messages(self, request: Request, home: Home) -> AsyncIterator[dict[str, Any]]:
        """Yields our messages of the place of a request since it was made, where we may read."""
        me = await self._web.me()
        since = _since(home)
        cursor = ""
        for _ in range(PAGES):
            try:
                page = await self._page(request.asker.channel, home.reply_to, since, cursor)
            except SlackRefused:
                return  # without the right to read, nothing can be found
            for message in page.get("messages", []):
                if message.get("user") == me:
                    yield message
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def _page(
        self, channel: str, thread: str | None, since: str, cursor: str
    ) -> dict[str, Any]:
        wanted: dict[str, Any] = {"channel": channel, "oldest": since, "limit": PAGE}
        wanted |= {"inclusive": True, "include_all_metadata": True, "cursor": cursor or None}
        if thread:
            return await ask(self._web.client.conversations_replies(ts=thread, **wanted))
        return await ask(self._web.client.conversations_history(**wanted))


def _since(home: Home) -> str:
    """Returns the time from which a message of the request may be out."""
    asked = asked_at(home)
    if asked:
        return f"{(asked - BEFORE).timestamp():.6f}"
    return home.message_id or f"{(datetime.now() - timedelta(days=1)).timestamp():.6f}"


def _metadata(request_id: str) -> Metadata:
    return Metadata(event_type=EVENT, event_payload={"request_id": request_id})
