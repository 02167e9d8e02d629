"""Several workspaces: each adds the app by itself, is served with its own token, and can leave."""

import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import text

from bot.benchmarks.loopback_slack.people import People
from bot.benchmarks.loopback_slack.workspace import (
    ANN,
    ART,
    CLIENT_ID,
    CLIENT_SECRET,
    TOKEN,
    Json,
)
from bot.slack_frontend import create_app
from bot.slack_frontend.app import StylusApp
from bot.slack_frontend.connection import check_tokens
from bot.slack_frontend.manifest import EVENTS_PATH, INSTALL, REDIRECT
from engine.desk import Desk, open_desk
from engine.errors import BadSettings
from engine.settings import Settings
from engine.values import Request
from tests.discord.atelier import compose, finish, render
from tests.slack.conftest import words_of

KEY, OTHER_KEY = (base64.b64encode(bytes([n]) * 32).decode() for n in (3, 4))
SIGNING = "loopback-signing-secret"
SECOND, WHOLE = "xoxb-second", "xoxb-whole-organisation"


def for_many(settings: Settings, slack: People, **more: Any) -> Settings:
    """Returns the settings of an app that workspaces add by themselves."""
    section = settings.slack.model_copy(
        update={
            "api_url": slack.base_url,
            "signing_secret": SecretStr(SIGNING),
            "client_id": CLIENT_ID,
            "client_secret": SecretStr(CLIENT_SECRET),
            "token_keys": SecretStr(KEY),
            "public_url": "https://stylus.example.org",
            **more,
        }
    )
    return settings.model_copy(update={"slack": section})


@dataclass
class Visitor:
    """The browser of an admin, and Slack itself, before an app on HTTP."""

    slack: People
    http: TestClient[Any, Any] | ClientSession

    async def begin(self) -> tuple[str, dict[str, str]]:
        """An admin follows the link; returns the state and the browser's cookie."""
        page = await self.http.get(INSTALL, allow_redirects=False)
        assert page.status == 302
        to = urlsplit(page.headers["Location"])
        asked = parse_qs(to.query)
        assert to.path == "/oauth/v2/authorize"
        assert asked["client_id"] == [CLIENT_ID]
        assert "chat:write" in asked["scope"][0]
        assert asked["redirect_uri"] == [f"https://stylus.example.org{REDIRECT}"]
        return asked["state"][0], {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}

    async def end(self, workspace: People, state: str, cookie: dict[str, str]) -> int:
        """Slack sends the admin back; returns the status of the page."""
        self.slack.codes["code"] = workspace
        query = urlencode({"code": "code", "state": state})
        return (await self.http.get(f"{REDIRECT}?{query}", headers=cookie)).status

    async def install(self, workspace: People) -> None:
        """A workspace adds the app, and its people reach us by HTTP."""
        state, cookie = await self.begin()
        assert await self.end(workspace, state, cookie) == 200
        workspace.door = self.take

    async def take(self, kind: str, payload: Json) -> Json | None:
        """Posts something to us as Slack does, signed."""
        if kind == "events_api":
            body, content = json.dumps(payload), "application/json"
        else:
            fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content = urlencode(fields), "application/x-www-form-urlencoded"
        status, said = await self.post(body, content, signed(body))
        assert status == 200
        return json.loads(said) if said.startswith("{") else {"text": said} if said else None

    async def post(self, body: str, content: str, headers: dict[str, str]) -> tuple[int, str]:
        """Posts something to where Slack's events go; returns status and text of the answer."""
        answer = await self.http.post(
            EVENTS_PATH, data=body, headers={"Content-Type": content, **headers}
        )
        return answer.status, await answer.text()


def signed(body: str, age: float = 0) -> dict[str, str]:
    """Returns the headers with which Slack sends the body."""
    stamp = str(int(time.time() - age))
    signature = SignatureVerifier(SIGNING).generate_signature(timestamp=stamp, body=body)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signature)}


@dataclass
class Installer(Visitor):
    """The same, with the app in this process."""

    desk: Desk
    app: StylusApp

    async def ask(self, workspace: People, words: str = "prompt red star --images 1") -> Request:
        """Ann asks in a workspace; returns the newest request."""
        await workspace.slash(words)
        await self.app.background.finish()
        async with self.desk.database.transaction() as connection:
            newest = text("select id from requests order by created_at desc limit 1")
            found = await connection.scalar(newest)
        return (await self.desk.answer(str(found))).request

    async def removed(self, workspace: People, event: Json) -> None:
        """Slack tells that a workspace has taken something from the app."""
        await workspace.event(event)
        await self.app.background.finish()

    async def states(self) -> list[str]:
        """Returns the states of all deliveries."""
        async with self.desk.database.transaction() as connection:
            return list(await connection.scalars(text("select state from deliveries")))


@pytest.fixture
async def installer(settings: Settings, slack: People) -> AsyncIterator[Installer]:
    async with open_desk(for_many(settings, slack)) as desk:
        app = create_app(desk)
        async with TestClient(TestServer(app.web_app(path=EVENTS_PATH))) as http:
            yield Installer(slack, http, desk, app)
            await app.background.finish()


def images(workspace: People) -> int:
    return len([m for m in workspace.messages(ART) if "files" in m])


async def test_each_workspace_is_served_with_its_own_token(
    installer: Installer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first, second = installer.slack, installer.slack.neighbour("T2", SECOND)
    await installer.install(first)
    await installer.install(second)
    in_first = await installer.ask(first)
    in_second = await installer.ask(second, "prompt blue heart --images 1")
    assert (in_first.asker.workspace, in_second.asker.workspace) == (":T1", ":T2")
    for request in (in_first, in_second):
        await finish(installer.desk, request)
    assert (images(first), images(second)) == (1, 1)
    assert "blue heart" in words_of(next(m for m in second.messages(ART) if "metadata" in m))
    await installer.ask(second, f"show {in_first.id}")
    assert "There is no request" in words_of(second.whispers[-1])
    root = next(m for m in first.messages(ART) if "metadata" in m)
    await first.click("stylus:forget:me", root, ANN)
    await installer.app.background.finish()
    assert (await installer.desk.answer(in_first.id)).request.prompt == ""
    assert (await installer.desk.answer(in_second.id)).request.prompt == "blue heart"
    assert (images(first), images(second)) == (0, 1)
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    kept = await everything(installer.desk)
    assert "sealed_token" in kept
    for secret in (TOKEN, SECOND, CLIENT_SECRET, SIGNING, KEY):
        assert secret not in logged
        assert secret not in kept


async def everything(desk: Desk) -> str:
    """Returns all rows of all our tables as text."""
    async with desk.database.transaction() as connection:
        names = await connection.scalars(
            text("select table_name from information_schema.tables where table_schema = 'stylus'")
        )
        rows = [
            (await connection.execute(text(f"select * from stylus.{name}"))).mappings().all()
            for name in names
        ]
    return repr([[dict(row) for row in table] for table in rows])


async def test_a_state_is_good_once_in_the_browser_that_began(installer: Installer) -> None:
    state, cookie = await installer.begin()
    assert await installer.end(installer.slack, state, {}) == 400
    forged = {"Cookie": f"{cookie['Cookie'].partition('=')[0]}=made-up"}
    assert await installer.end(installer.slack, "made-up", forged) == 401
    assert await installer.desk.installations.find([":T1"]) is None
    assert await installer.end(installer.slack, state, cookie) == 200
    assert await installer.end(installer.slack, state, cookie) == 401
    found = await installer.desk.installations.find([":T1"])
    assert found
    assert found.token.get_secret_value() == TOKEN
    refused = await installer.http.get(f"{REDIRECT}?error=access_denied")
    assert "access_denied" in await refused.text()


async def test_who_removes_the_app_is_served_no_more_and_others_are(installer: Installer) -> None:
    first, second = installer.slack, installer.slack.neighbour("T2", SECOND)
    await installer.install(first)
    await installer.install(second)
    under_way = await installer.ask(first)
    waiting = await installer.ask(first)
    await compose(installer.desk, waiting)
    await render(installer.desk, waiting)
    kept = await installer.ask(second)
    people = {"type": "tokens_revoked", "tokens": {"oauth": [ANN], "bot": []}}
    await installer.removed(first, people)
    assert await installer.desk.installations.find([":T1"])
    await installer.removed(first, {"type": "app_uninstalled"})
    assert await installer.desk.installations.find([":T1"]) is None
    assert (await installer.desk.answer(under_way.id)).phase == "cancelled"
    assert await installer.states() == ["undeliverable", "undeliverable"]
    told = await first.slash("prompt red star")
    assert told is None
    assert first.whispers[-1]["text"].startswith("I am not installed in this workspace")
    assert (await installer.desk.answer(kept.id)).phase == "queued"
    await finish(installer.desk, kept)
    assert images(second) == 1
    await installer.install(first)
    await installer.ask(first)
    assert len(first.called("chat.postMessage")) == 3


async def test_an_organisation_adds_the_app_for_all_its_workspaces(installer: Installer) -> None:
    whole = installer.slack.neighbour("", WHOLE, "E1")
    await installer.install(whole)
    whole.team = "T7"
    request = await installer.ask(whole)
    assert request.asker.workspace == "E1:T7"
    await finish(installer.desk, request)
    assert images(whole) == 1
    await whole.mention("blue heart --images 1")
    await installer.app.background.finish()
    (mentioned,) = (await installer.desk.standings("slack")).requests
    assert mentioned.request.asker.workspace == "E1:T7"


async def test_a_start_seals_all_tokens_with_the_key_that_counts_now(
    installer: Installer, settings: Settings, slack: People
) -> None:
    await installer.install(slack)
    both = for_many(settings, slack, token_keys=SecretStr(f"{OTHER_KEY} {KEY}"))
    for keys in (both, for_many(settings, slack, token_keys=SecretStr(OTHER_KEY))):
        async with open_desk(keys) as desk:
            await check_tokens(create_app(desk))
    # The app that runs on with the old key serves this workspace no more, and says so.
    installer.app.teams._known.clear()
    await slack.slash("prompt red star")
    assert slack.whispers[-1]["text"].startswith("I am not installed")
    async with open_desk(for_many(settings, slack)) as desk:
        with pytest.raises(BadSettings, match="No key opens the slack token of :T1"):
            await check_tokens(create_app(desk))


async def make_end(desk: Desk, hours: float) -> None:
    """All tokens end after so many hours from now."""
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update installations set expires_at = now() + :hours * interval '1 hour'"),
            {"hours": hours},
        )


async def test_a_token_that_ends_is_renewed_in_time(
    installer: Installer, caplog: pytest.LogCaptureFixture
) -> None:
    """Slack takes the old token no more; what buys the next is bought once, and stays sealed."""
    caplog.set_level(logging.DEBUG)
    slack, renewing = installer.slack, installer.app.renewing
    slack.lives = 43_200
    await installer.install(slack)
    first = await installer.ask(slack)
    assert await renewing.renew_due() == 0, "there is time"
    await make_end(installer.desk, 1.9)
    spent = slack.refresh
    assert await renewing.renew_due() == 1
    assert slack.token != TOKEN
    assert slack.refresh != spent
    await finish(installer.desk, first)
    assert images(slack) == 1
    assert await renewing.renew_due() == 0, "it has twelve hours again"
    secrets = [TOKEN, slack.token, spent, slack.refresh]
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    kept = await everything(installer.desk)
    assert [one for one in secrets if one in logged or one in kept] == []


async def test_a_token_that_could_not_be_renewed_is_renewed_later(
    installer: Installer, settings: Settings, slack: People
) -> None:
    """While Slack does not answer the old one serves; a start renews what ended meanwhile."""
    other = slack.neighbour("T2", SECOND)
    for one in (slack, other):
        one.lives = 43_200
        await installer.install(one)
    await make_end(installer.desk, 1)
    slack.before["oauth.v2.access"] = [web.Response(status=500)]
    assert await installer.app.renewing.renew_due() == 1, "the other workspace's"
    await installer.ask(slack)
    assert len(slack.called("chat.postMessage")) == 1
    await make_end(installer.desk, -1)
    async with open_desk(for_many(settings, slack)) as desk:
        await check_tokens(create_app(desk))
    assert {slack.token, other.token}.isdisjoint({TOKEN, SECOND})
    assert await installer.desk.installations.ending(datetime.now(UTC) + timedelta(hours=11)) == []


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ({"token_keys": SecretStr("")}, "STYLUS_SLACK__TOKEN_KEYS"),
        ({"client_secret": SecretStr("")}, "STYLUS_SLACK__CLIENT_SECRET"),
        ({"token": SecretStr(TOKEN)}, "set one of them"),
        ({"token": SecretStr("xoxe.xoxb-1-canary"), "client_id": ""}, "ends within 12 hours"),
    ],
)
async def test_settings_that_do_not_fit_together_are_named(
    desk: Desk, slack: People, gone: dict[str, Any], sentence: str
) -> None:
    wrong = for_many(desk.settings, slack, **gone)
    object.__setattr__(desk, "settings", wrong)
    with pytest.raises(BadSettings, match=sentence):
        create_app(desk)


async def test_the_one_token_of_the_settings_needs_no_page(desk: Desk, slack: People) -> None:
    app = create_app(desk, AsyncWebClient(token=TOKEN, base_url=slack.base_url))
    async with TestClient(TestServer(app.web_app(path=EVENTS_PATH))) as http:
        assert (await http.get(INSTALL)).status == 404
