"""`make pictures`: real answers of this program as Discord shows them, into docs/.

The bot is the real one under simcord, engine and renderer are real processes on the built-in
checkpoint, and simcord's preview is drawn by a headless Chromium.
"""

import asyncio
import importlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle
from sqlalchemy import text

from bot.discord_frontend import create_bot
from bot.discord_frontend.people import PLATFORM
from bot.workforce import temporary_workers
from engine.configuration import load_settings
from engine.desk import Desk, open_desk
from engine.library.librarian import open_library
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.schema import migrate
from engine.values import Asker, Phase, Progress

DOCS = Path(__file__).parents[2] / "docs"
PROMPT = "a yellow star on a starry night sky"
#: Debian's; playwright's own download is a browser for one program.
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 720, 1700


@dataclass(frozen=True, slots=True)
class Stage:
    """A server with one channel and one person, before a camera."""

    desk: Desk
    env: Any
    channel: ChannelHandle
    guild: GuildHandle
    ann: MemberActor

    async def shoot(self, name: str, target: Any, viewer: MemberActor | None = None) -> None:
        """Writes docs/discord-NAME.png."""
        viewers = [viewer or self.ann]
        path = DOCS / f"discord-{name}.png"
        async with self.env.preview(self.channel, viewers=viewers, layout="message") as preview:
            options = {"target": target, "viewer": viewers[0], "viewport": (WIDTH, HEIGHT)}
            await preview.screenshot(path, **options)
        print(path)  # noqa: T201  that is what the command is for

    async def request_id(self) -> str:
        """Returns the id of the newest request."""
        standings = await self.desk.standings("discord")
        return standings.requests[-1].request.id


def use_chromium() -> None:
    """Makes playwright start Debian's browser. Only `make pictures` installs playwright."""
    browser: Any = importlib.import_module("playwright.async_api").BrowserType
    launch = browser.launch

    async def launch_here(self: Any, **options: Any) -> Any:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
        return await launch(self, executable_path=CHROMIUM, args=arguments, **options)

    browser.launch = launch_here


async def take_all(settings: Settings) -> None:
    """Takes every picture."""
    async with open_library(settings, Asker("console")) as library:
        await library.fill_builtin(load_embedder())
    async with (
        open_desk(settings) as desk,
        temporary_workers(desk, print),
        open_stage(desk) as stage,
    ):
        await take_answer(stage)
        await take_tasks(stage)
        await take_duel(stage)
        await take_failure(stage)
        await take_settings(stage)


async def take_settings(stage: Stage) -> None:
    """What an admin chooses among."""
    role = stage.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
    eve = stage.guild.add_member(stage.env.create_user("eve"), roles=[role])
    asker = Asker(PLATFORM, str(stage.guild.id), str(stage.channel.id), str(eve.id))
    gallery = stage.guild.create_text_channel("gallery")
    await stage.desk.workspaces.change(
        asker,
        images=4,
        channels=(str(stage.channel.id),),
        gallery=str(gallery.id),
        moderators=str(role.id),
        daily=20,
    )
    opened = await eve.slash(stage.channel, "stylus-admin settings")
    await stage.shoot("settings", opened.response, eve)


@asynccontextmanager
async def open_stage(desk: Desk) -> AsyncIterator[Stage]:
    async with simcord.run(create_bot(desk), settle_timeout=20) as env:
        guild = env.create_guild("Stylus")
        channel = guild.create_text_channel("art")
        ann = guild.add_member(env.create_user("ann"))
        with env.time_context():
            yield Stage(desk, env, channel, guild, ann)


async def take_answer(stage: Stage) -> None:
    """The request under way, then its answer."""
    await stage.ann.slash(stage.channel, "stylus prompt", text=PROMPT, images=4, seed=7)
    request_id = await stage.request_id()
    board = stage.env.bot.board
    async for progress in stage.desk.follow(request_id):
        if progress.phase is Phase.RENDERING and progress.step > 4:
            await show_step(board, progress)
            break
    await stage.shoot("running", stage.channel.last_message)
    await finish(stage, request_id)
    await stage.shoot("answer", stage.channel.last_message)


async def show_step(board: Any, progress: Progress) -> None:
    """What the board does every three seconds."""
    board.hear(progress)
    await board.refresh()


async def finish(stage: Stage, request_id: str) -> None:
    async for _ in stage.desk.follow(request_id):
        pass
    await stage.desk.deliver_waiting("discord")


async def take_tasks(stage: Stage) -> None:
    """The selects of the last answer, and why its adapters were chosen."""
    answer = stage.channel.last_message
    assert answer
    opened = await stage.ann.click(answer, label="Tasks")
    await stage.shoot("tasks", opened.response)
    why = await stage.ann.click(answer, label="Why these adapters")
    await stage.shoot("why", why.response)


async def take_duel(stage: Stage) -> None:
    """Two images to vote on."""
    await stage.ann.slash(stage.channel, "stylus duel", text="a red heart in the snow")
    await finish(stage, await stage.request_id())
    await stage.shoot("duel", stage.channel.last_message)


async def take_failure(stage: Stage) -> None:
    """A request that ends without images, with its sentence and Retry."""
    await stage.ann.slash(stage.channel, "stylus prompt", text="a blue heart", size="64x64")
    request_id = await stage.request_id()
    async with stage.desk.database.transaction() as connection:
        await connection.execute(
            text("update requests set sampling = jsonb_set(sampling, '{scheduler}', '\"Nope\"')")
        )
    await finish(stage, request_id)
    await stage.shoot("failure", stage.channel.last_message)


def main() -> None:
    """Runs in a home of its own, which is removed afterwards."""
    for name in [name for name in os.environ if name.startswith("STYLUS_")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="stylus-pictures-"))
    home.chmod(0o755)
    os.environ["STYLUS_HOME"] = str(home)
    try:
        settings = load_settings()
        migrate(settings)
        use_chromium()
        asyncio.run(take_all(settings))
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
