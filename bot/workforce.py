"""Worker processes started from here: for a while, where none is alive, or for good."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.desk import Desk
from engine.errors import Unavailable

ROLES = ("engine", "renderer")
#: Seconds that a worker may take to get ready; loading a large checkpoint takes a while.
START_SECONDS = 180.0
#: Seconds between two looks at the workers' rows.
LOOK = 0.1


@asynccontextmanager
async def temporary_workers(desk: Desk, tell: Callable[[str], None]) -> AsyncIterator[list[str]]:
    """Starts the workers that no process on any machine provides, and stops them at the end.

    They end with their standard input, so that they also stop when this process is killed, but
    not before every request is done. Yields the roles that were started. Raises `Unavailable`.
    """
    missing = await _missing(desk)
    started = {role: await _start(desk.settings.home, role) for role in missing}
    try:
        if started:
            tell(f"starting {' and '.join(started)}")
        await _until_ready(desk, started)
        yield missing
    except Unavailable:
        # The others must not wait for work that nobody can finish.
        for process in started.values():
            if process.returncode is None:
                process.terminate()
        raise
    finally:
        await _stop(list(started.values()))


async def _missing(desk: Desk) -> list[str]:
    alive = {worker.role for worker in await desk.workers()}
    return [role for role in ROLES if role not in alive]


async def _start(home: Path, role: str) -> Process:
    log = log_file(home, role)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # A session of its own: Ctrl-C at the terminal must not reach a half-made answer.
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", role, "--tied",
            stdin=PIPE, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


def log_file(home: Path, role: str) -> Path:
    """Where a temporary worker writes its log."""
    return home / "logs" / f"{role}.log"


async def _until_ready(desk: Desk, started: dict[str, Process]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while await _missing(desk):
                _check_running(desk.settings.home, started)
                await asyncio.sleep(LOOK)
            return
    raise Unavailable(f"The workers were not ready within {START_SECONDS:g} s.")


def _check_running(home: Path, started: dict[str, Process]) -> None:
    for role, process in started.items():
        if process.returncode is not None:
            log = log_file(home, role)
            raise Unavailable(f"The {role} did not start: {_last_line(log)} (all of it: {log})")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing."


async def _stop(processes: list[Process]) -> None:
    for process in processes:
        if process.stdin:
            process.stdin.close()
    for process in processes:
        await process.wait()
