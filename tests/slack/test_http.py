"""HTTP instead of Socket Mode: only what Slack has signed lately is taken."""

import json
import time
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.benchmarks.loopback_slack.people import People
from bot.benchmarks.loopback_slack.workspace import ANN, ART, TEAM, TOKEN
from bot.slack_frontend import create_app
from bot.slack_frontend.manifest import EVENTS_PATH as PATH
from engine.desk import open_desk
from engine.settings import Settings
from tests.slack.conftest import count

SECRET = "loopback-secret"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def signed(body: str, age: float = 0) -> dict[str, str]:
    """Returns the headers with which Slack sends the body."""
    stamp = str(int(time.time() - age))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signature)}


def command(text: str) -> str:
    fields = {"command": "/stylus", "text": text, "team_id": TEAM, "channel_id": ART}
    return urlencode({**fields, "user_id": ANN, "trigger_id": "t1", "response_url": ""})


@pytest.mark.usefixtures("database_url")
async def test_only_signed_requests_are_taken_and_each_once(
    settings: Settings, slack: People
) -> None:
    section = settings.slack.model_copy(update={"signing_secret": SecretStr(SECRET)})
    async with open_desk(settings.model_copy(update={"slack": section})) as desk:
        app = create_app(desk, AsyncWebClient(token=TOKEN, base_url=slack.base_url))
        async with TestClient(TestServer(app.web_app(path=PATH))) as http:
            body = command("prompt red star")
            headers = FORM | signed(body)
            altered = await http.post(PATH, data=body + "s", headers=headers)
            old = await http.post(PATH, data=body, headers=FORM | signed(body, age=301))
            unsigned = await http.post(PATH, data=body, headers=FORM)
            assert [altered.status, old.status, unsigned.status] == [401, 401, 401]
            assert await count(desk, "requests") == 0
            fresh = FORM | signed(command("help"), age=240)
            assert (await http.post(PATH, data=command("help"), headers=fresh)).status == 200
            for _ in range(2):
                assert (await http.post(PATH, data=body, headers=headers)).status == 200
                await app.background.finish()
            assert await count(desk, "requests") == 1
            assert len(slack.messages()) == 1
            challenge = json.dumps({"type": "url_verification", "challenge": "c"})
            kind = {"Content-Type": "application/json"}
            answer = await http.post(PATH, data=challenge, headers=kind | signed(challenge))
            assert (await answer.json())["challenge"] == "c"
