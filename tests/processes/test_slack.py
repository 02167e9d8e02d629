"""`stylus slack` as a process, with a real engine and renderer beside it."""

import asyncio
import re
from urllib.parse import urlencode

from aiohttp import ClientSession

from bot.benchmarks.loopback_slack.people import People, serve_slack
from bot.benchmarks.loopback_slack.workspace import (
    ANN,
    APP_TOKEN,
    ART,
    CLIENT_ID,
    CLIENT_SECRET,
    TEAM,
    TOKEN,
)
from tests.processes.installation import PROMPT, Installation
from tests.slack.conftest import words_of
from tests.slack.test_installing import KEY, SIGNING, Visitor, signed


async def test_a_prompt_becomes_images_and_an_honest_breakdown(running: Installation) -> None:
    """The same message ends as the answer, although the process is killed while it is rendered."""
    async with serve_slack() as slack:
        slack.deadline = 60.0
        environment = {
            # What the dead one was just posting is not waited for.
            "STYLUS_QUEUE__STALLED": "1.5",
            "STYLUS_SLACK__TOKEN": TOKEN,
            "STYLUS_SLACK__APP_TOKEN": APP_TOKEN,
            "STYLUS_SLACK__API_URL": slack.base_url,
        }
        first = running.spawn("slack", **environment)
        await asyncio.to_thread(first.until, " ready ")
        await slack.connected.wait()
        await slack.slash(f"prompt {PROMPT} --images 2 --steps 3 --seed 7")
        await slack.until(lambda: slack.messages(ART))
        first.popen.kill()
        first.popen.wait()
        slack.connected.clear()
        second = running.spawn("slack", **environment)
        await asyncio.to_thread(second.until, " ready ")
        await slack.until(lambda: "in all images" in words_of(slack.messages(ART)[0]))
        root, images = slack.messages(ART)
        assert len(images["files"]) == 3
        assert PROMPT in words_of(root)
        await asyncio.to_thread(second.stop)


async def test_by_http_a_workspace_adds_the_app_and_is_answered(running: Installation) -> None:
    """What Slack has not signed, or not lately, is refused; an event and a command are answered."""
    async with serve_slack() as slack:
        slack.deadline = 60.0
        process = running.spawn(
            "slack",
            STYLUS_SLACK__API_URL=slack.base_url,
            STYLUS_SLACK__CLIENT_ID=CLIENT_ID,
            STYLUS_SLACK__CLIENT_SECRET=CLIENT_SECRET,
            STYLUS_SLACK__SIGNING_SECRET=SIGNING,
            STYLUS_SLACK__TOKEN_KEYS=KEY,
            STYLUS_SLACK__PUBLIC_URL="https://stylus.example.org",
            STYLUS_SLACK__LISTEN="127.0.0.1:0",
        )
        said = await asyncio.to_thread(process.until, "listening")
        found = re.search(r"127\.0\.0\.1:\d+", said)
        assert found
        async with ClientSession(f"http://{found[0]}") as http:
            await served(slack, Visitor(slack, http))
        assert await asyncio.to_thread(process.stop) == 0


async def served(slack: People, visitor: Visitor) -> None:
    """A workspace adds the app, and its people ask."""
    await visitor.install(slack)
    fields = {"command": "/stylus", "text": f"prompt {PROMPT}", "team_id": TEAM}
    body = urlencode({**fields, "channel_id": ART, "user_id": ANN, "response_url": ""})
    form = "application/x-www-form-urlencoded"
    for headers in ({}, signed(body, age=301), signed(body + "s")):
        assert (await visitor.post(body, form, headers))[0] == 401
    assert slack.messages(ART) == []
    await slack.slash(f"prompt {PROMPT} --images 1 --steps 2 --seed 7")
    mention = await slack.mention(f"{PROMPT} --images 1 --steps 2 --seed 8")
    await slack.until(lambda: len(slack.called("files.completeUploadExternal")) == 2)
    root = next(m for m in slack.messages(ART) if "metadata" in m)
    await slack.until(lambda: "in all images" in words_of(root))
    assert "files" in slack.messages(ART, mention["ts"])[-1]
