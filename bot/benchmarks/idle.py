"""`stylus bench idle`: what the worker processes cost while nobody asks for anything."""

import asyncio
from collections.abc import Callable

import psutil

from bot.workforce import temporary_workers
from engine.desk import Desk, open_desk
from engine.operations.figures import Figure
from engine.settings import Settings

#: Percent of one core that an idle process may use.
GOAL = 1.0
#: Seconds for what a start leaves to do: caches, first polls.
SETTLE = 5.0


async def measure(settings: Settings, seconds: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns the share of a core and the memory of each worker of ours on this machine."""
    async with open_desk(settings) as desk, temporary_workers(desk, tell):
        await asyncio.sleep(SETTLE)
        processes = await _processes(desk)
        before = {role: _cpu_seconds(process) for role, process in processes.items()}
        tell(f"watching {', '.join(processes)} for {seconds} s")
        await asyncio.sleep(seconds)
        figures = []
        for role, process in processes.items():
            used = _cpu_seconds(process) - before[role]
            figures.append(Figure(f"{role}, idle", 100 * used / seconds, "% of a core", GOAL))
            memory = process.memory_info().rss / 2**20
            figures.append(Figure(f"{role}, memory", memory, "MiB"))
        return figures


async def _processes(desk: Desk) -> dict[str, psutil.Process]:
    return {worker.role: psutil.Process(worker.pid) for worker in await desk.workers()}


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
