"""`stylus bench command`: the command as people wait for it, from return key to prompt.

Once beside running workers, as after `stylus up`, and once as `make demo` runs it the second
time: with nothing running, so that it starts and stops Postgres and the workers itself.
"""

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from time import perf_counter
from typing import Any

from bot.benchmarks.path import OVERHEAD_GOAL, PROMPTS, TOTAL_GOAL
from bot.workforce import temporary_workers
from engine.desk import open_desk
from engine.errors import RequestFailed
from engine.operations.figures import Figure, median_and_p95
from engine.settings import Settings

#: Seconds of a whole second demo on two cores.
DEMO_GOAL = 20.0


async def measure(settings: Settings, requests: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns seconds by the clock; at first nothing of this installation may be running."""
    demos = []
    for n in range(requests):
        demos.append(await _demo())
        tell(f"whole demo {n + 1} of {requests}: {demos[-1]:.1f} s")
    clock, overhead = [], []
    async with open_desk(settings) as desk, temporary_workers(desk, tell):
        await _prompt(0)  # the first request warms the processes up
        for n in range(requests):
            began = perf_counter()
            timings = (await _prompt(n))["timings"]
            clock.append(perf_counter() - began)
            overhead.append(timings["total"] - timings["render"])
            tell(f"beside running workers {n + 1} of {requests}: {clock[-1]:.2f} s")
    return [
        *median_and_p95("second demo", demos, DEMO_GOAL),
        *median_and_p95("prompt beside running workers", clock, TOTAL_GOAL),
        *median_and_p95("of that, our overhead", overhead, OVERHEAD_GOAL),
    ]


async def _demo() -> float:
    """The two commands of `make demo`; returns their seconds together."""
    began = perf_counter()
    await _run("migrate")
    await _prompt(0)
    return perf_counter() - began


async def _prompt(n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return await _run("prompt", PROMPTS[n % len(PROMPTS)], "--out", folder)


async def _run(*arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments, "--json", stdout=PIPE, stderr=DEVNULL
    )
    output, _ = await process.communicate()
    document: dict[str, Any] = json.loads(output)
    if process.returncode:
        raise RequestFailed(f"`stylus {arguments[0]}` failed: {document['error']}")
    return document
