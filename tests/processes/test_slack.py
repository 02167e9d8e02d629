"""`stylus slack` as a process, with a real engine and renderer beside it."""

import asyncio

from bot.benchmarks.loopback_slack.people import serve_slack
from bot.benchmarks.loopback_slack.workspace import APP_TOKEN, ART, TOKEN
from tests.processes.installation import PROMPT, Installation
from tests.slack.conftest import words_of


async def test_a_prompt_becomes_images_and_an_honest_breakdown(running: Installation) -> None:
    """The same message ends as the answer, although the process is killed while it is rendered."""
    async with serve_slack() as slack:
        environment = {
            "STYLUS_SLACK__TOKEN": TOKEN,
            "STYLUS_SLACK__APP_TOKEN": APP_TOKEN,
            "STYLUS_SLACK__API_URL": slack.base_url,
        }
        first = running.spawn("slack", **environment)
        await asyncio.to_thread(first.until, " ready ")
        await slack.connected.wait()
        await slack.slash(f"prompt {PROMPT} --images 2 --steps 3 --seed 7")
        await slack.until(lambda: slack.messages(ART))
        assert slack.slowest_ack < 1
        first.popen.kill()
        first.popen.wait()
        slack.connected.clear()
        second = running.spawn("slack", **environment)
        await asyncio.to_thread(second.until, " ready ")
        await slack.until(lambda: "in all images" in words_of(slack.messages(ART)[0]), 60)
        root, images = slack.messages(ART)
        assert len(images["files"]) == 3
        assert PROMPT in words_of(root)
        await asyncio.to_thread(second.stop)
