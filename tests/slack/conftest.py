"""The real bolt app over a real desk, connected to a Slack on loopback."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import AsyncConnection
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import text

from bot.benchmarks.loopback_slack.people import People, serve_slack
from bot.benchmarks.loopback_slack.workspace import APP_TOKEN, ART, TOKEN, Json
from bot.slack_frontend import background, create_app, errands, languages, opening
from bot.slack_frontend.app import StylusApp
from engine.desk import Desk
from engine.values import Request


@dataclass
class Workspace:
    """A Slack, the app in it, and the desk behind it."""

    slack: People
    desk: Desk
    app: StylusApp
    handler: AsyncSocketModeHandler

    async def newest(self) -> Request:
        """Returns the request that was stored last."""
        async with self.desk.database.transaction() as connection:
            found = await connection.scalar(
                text("select id from requests order by created_at desc limit 1")
            )
        return (await self.desk.answer(str(found))).request

    async def count(self, table: str) -> int:
        """Returns how many rows a table has."""
        return await count(self.desk, table)

    async def settled(self) -> None:
        """Waits until the app has done everything it was asked for."""
        await self.app.background.finish()

    async def prompt(self, words: str = "red star --images 2") -> Request:
        """Ann asks with the slash command; returns the request."""
        await self.slack.slash(f"prompt {words}")
        await self.settled()
        return await self.newest()

    async def deliver(self) -> int:
        return await self.desk.deliver_waiting("slack")

    async def delivery(self) -> tuple[str, str | None]:
        """Returns state and failure of the newest delivery."""
        async with self.desk.database.transaction() as connection:
            row = await connection.execute(
                text("select state, failure from deliveries order by wanted_at desc limit 1")
            )
            state, failure = row.one()
            return str(state), failure

    async def grow_old(self) -> None:
        """Whoever was posting has been silent for a minute."""
        async with self.desk.database.transaction() as connection:
            await connection.execute(
                text("update deliveries set posting_at = now() - interval '1 minute'")
            )

    async def make_old(self, request_id: str) -> None:
        """The request was made a minute ago."""
        async with self.desk.database.transaction() as connection:
            await connection.execute(
                text(
                    "update homes set token_until = token_until - interval '1 minute' "
                    "where request_id = :id"
                ),
                {"id": request_id},
            )

    async def connect_again(self) -> AsyncSocketModeHandler:
        """The same app opens another connection, as it may."""
        self.slack.connected.clear()
        handler = AsyncSocketModeHandler(self.app, APP_TOKEN, web_client=self.app.client)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        await self.slack.connected.wait()
        return handler

    async def restart(self) -> None:
        """Another process takes over."""
        await self.handler.close_async()  # type: ignore[no-untyped-call]
        self.slack.connected.clear()
        self.app, self.handler = await start(self.slack, self.desk)

    @property
    def root(self) -> Json:
        """Returns the message of ours in the channel that was posted last."""
        return [m for m in self.slack.messages(ART) if "metadata" in m][-1]


async def count(desk: Desk, table: str) -> int:
    """Returns how many rows a table has."""
    async with desk.database.transaction() as connection:
        return int(await connection.scalar(text(f"select count(*) from {table}")) or 0)


async def start(slack: People, desk: Desk) -> tuple[StylusApp, AsyncSocketModeHandler]:
    app = create_app(desk, AsyncWebClient(token=TOKEN, base_url=slack.base_url))
    handler = AsyncSocketModeHandler(app, APP_TOKEN, web_client=app.client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.connected.wait()
    return app, handler


@asynccontextmanager
async def held(desk: Desk, statement: str) -> AsyncIterator[None]:
    """Somebody else holds a lock of the database."""
    async with await AsyncConnection.connect(desk.database.conninfo) as connection:
        await connection.execute(statement.encode())
        yield


def words_of(message: Json) -> str:
    """Returns all text of a message's blocks."""
    return "\n".join(t["text"] for t in _texts(message.get("blocks", [])))


def _texts(part: Any) -> Iterator[dict[str, str]]:
    if isinstance(part, dict):
        if part.get("type") in ("plain_text", "mrkdwn"):
            yield part
        for inner in part.values():
            yield from _texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _texts(inner)


def ids_of(message: Json) -> list[str]:
    """Returns the action ids of a message's buttons."""
    return [
        e["action_id"]
        for b in message.get("blocks", [])
        for e in b.get("elements", [])
        if "action_id" in e
    ]


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[People]:
    """Everybody is patient: what happens where something is slow is another test's."""
    for module in (opening, errands):
        monkeypatch.setattr(module, "ACK_WITHIN", 60.0)
    monkeypatch.setattr(languages, "PATIENCE", 60.0)
    monkeypatch.setattr(background, "GRACE", 120.0)
    async with serve_slack() as slack:
        slack.deadline = 60.0
        yield slack
        posted = slack.called("chat.postMessage")
        assert not [one for one in posted if one["unfurl_links"] or one["unfurl_media"]]
        assert slack.overused == []
        assert slack.most_used() <= 2, "Slack takes five; we promise two"


@pytest.fixture
async def workspace(slack: People, desk: Desk) -> AsyncIterator[Workspace]:
    app, handler = await start(slack, desk)
    workspace = Workspace(slack, desk, app, handler)
    yield workspace
    await workspace.settled()
    await workspace.handler.close_async()  # type: ignore[no-untyped-call]
