"""The Discord frontend over real sockets, with real engine and renderer processes beside it."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from bot.benchmarks.loopback_discord import LoopbackDiscord, serve_discord
from bot.discord_frontend import answers, create_bot
from bot.discord_frontend.connection import log_in, stay_connected
from engine.community.feedback import Verdicts
from engine.desk import Desk
from engine.processes.delivery_worker import Part, run_frontend
from tests.processes.installation import PROMPT


@asynccontextmanager
async def connected(desk: Desk, server: LoopbackDiscord) -> AsyncIterator[None]:
    """The Discord process's tasks, as `stylus discord` wires them."""
    async with create_bot(desk) as bot:
        await log_in(bot, "a.b.c")
        sides = [stay_connected(bot), bot.board.run()]
        running = asyncio.create_task(run_frontend(desk, Part("discord"), sides))
        await asyncio.wait_for(server.ready.wait(), 60)
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def count(desk: Desk, table: str) -> int:
    async with desk.database.transaction() as connection:
        return int(await connection.scalar(text(f"select count(*) from {table}")) or 0)


async def verdicts(desk: Desk) -> Sequence[Verdicts]:
    """Returns the first feedback that there is."""
    async with asyncio.timeout(60):
        while not (found := await desk.feedback.verdicts()):
            pass  # each look is a round trip to the database
    return found


def answer(server: LoopbackDiscord, files: int) -> dict[str, Any] | None:
    """Returns the newest message if it has so many files."""
    newest = list(server.messages.values())[-1:]
    found = [message for message in newest if len(message["attachments"]) == files]
    return found[0] if found else None


async def test_a_prompt_a_click_a_reaction_and_a_lost_connection(
    running_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 60.0)  # a slow database is another test's
    before = await count(running_desk, "requests")
    async with serve_discord() as server, connected(running_desk, server):
        await server.until(lambda: server.commands)
        stylus = next(one for one in server.commands if one["name"] == "stylus")
        assert (stylus["contexts"], stylus["integration_types"]) == ([0, 1, 2], [0, 1])
        admin = next(one for one in server.commands if one["name"] == "stylus-admin")
        assert admin["default_member_permissions"] == 32

        server.busy.append("/messages/")  # the first change is refused with 429
        slash = await server.slash("stylus prompt", text=PROMPT, images=2, seed=7)
        ack = await server.until(lambda: server.answered(slash))
        assert ack.body["type"] == 4
        assert ack.body["data"]["allowed_mentions"] == {"parse": []}

        shown = await server.until(lambda: answer(server, 3))
        assert len(server.messages) == 1, "one message from the acknowledgement to the answer"
        last = [call for call in server.calls if call.files][-1]
        assert last.method == "PATCH"
        assert last.path.startswith("webhooks/")
        picture = Image.open(io.BytesIO(next(iter(last.files.values()))))
        assert picture.size == (128, 128)
        assert all(one["description"] for one in shown["attachments"])

        request_id = await running_desk.homes.find("discord", "3000", shown["id"])
        click = await server.click(shown, f"stylus:reroll:{request_id}")
        await server.until(lambda: server.answered(click))
        await server.until(lambda: len(server.messages) == 2 and answer(server, 3))

        await server.react(shown, "👍")
        assert await verdicts(running_desk) == [
            Verdicts(("test:neon", "test:star", "test:star2"), 1, 0)
        ]
        await server.drop()
        await server.until(lambda: server.resumed)
        # Discord sends what it thinks was lost once more.
        await server.click(shown, f"stylus:why:{request_id}")
        again = {"custom_id": f"stylus:reroll:{request_id}", "component_type": 2}
        await server.interact(3, again, message=shown, id=click)
        await server.until(lambda: [c for c in server.calls if f"/{click}/" in c.path][1:])
        assert await count(running_desk, "requests") == before + 2
