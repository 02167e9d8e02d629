"""`stylus bench idle`: what the processes cost while nobody asks for anything.

All four, in a database of their own; Discord and Slack are loopback servers of ours, which say
nothing either.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from bot.benchmarks.crew import Crew, open_crew
from bot.benchmarks.loopback_discord import serve_discord
from bot.benchmarks.loopback_slack.people import serve_slack
from bot.benchmarks.loopback_slack.workspace import APP_TOKEN, TOKEN
from engine.desk import Desk, open_desk
from engine.errors import Unavailable
from engine.operations.figures import Figure
from engine.settings import Settings, Storage
from engine.storage.scratch import scratch_database

ROLES = ("engine", "renderer", "discord", "slack")
#: The id of the loopback's application, as tokens begin with it.
DISCORD_TOKEN = "MTAwMA.b.c"
#: Percent of one core that an idle process may use.
GOAL = 1.0
#: Seconds for what a start leaves to do: caches, first polls.
SETTLE = 5.0
#: Seconds that the processes may take to get ready, and between two looks.
PATIENCE, LOOK = 180.0, 0.2


async def measure(settings: Settings, seconds: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns the share of a core and the memory of each process."""
    with tempfile.TemporaryDirectory(prefix="stylus-idle-") as folder:
        async with (
            scratch_database(settings) as scratch,
            serve_discord() as discord,
            serve_slack() as slack,
        ):
            own = scratch.model_copy(update={"home": Path(folder), "storage": Storage()})
            told = {
                "DISCORD__TOKEN": DISCORD_TOKEN,
                "DISCORD__API_URL": f"http://127.0.0.1:{discord.port}/api/v10",
                "DISCORD__SHARDS": "0",
                "SLACK__TOKEN": TOKEN,
                "SLACK__APP_TOKEN": APP_TOKEN,
                "SLACK__API_URL": slack.base_url,
            }
            async with open_crew(own, ROLES, told) as crew, open_desk(own) as desk:
                await _until_ready(desk, crew)
                await asyncio.sleep(SETTLE)
                tell(f"watching {', '.join(ROLES)} for {seconds} s")
                return await _watch(crew, seconds)


async def _until_ready(desk: Desk, crew: Crew) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while len(await desk.workers()) < len(ROLES):
                for member in crew.members:
                    if member.ended:
                        words = crew.last_words(member.role)
                        raise Unavailable(f"The {member.role} did not start: {words}")
                await asyncio.sleep(LOOK)
    except TimeoutError as error:
        raise Unavailable(
            f"The processes were not ready within {PATIENCE:g} s; measure on a quieter machine."
        ) from error


async def _watch(crew: Crew, seconds: int) -> list[Figure]:
    processes = {member.role: psutil.Process(member.pid) for member in crew.members}
    before = {role: _cpu_seconds(process) for role, process in processes.items()}
    await asyncio.sleep(seconds)
    figures = []
    for role, process in processes.items():
        used = _cpu_seconds(process) - before[role]
        figures.append(Figure(f"{role}, idle", 100 * used / seconds, "% of a core", GOAL))
        figures.append(Figure(f"{role}, memory", process.memory_info().rss / 2**20, "MiB"))
    return figures


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
