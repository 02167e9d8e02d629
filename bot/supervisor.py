"""`stylus up`: every line of the Procfile on this machine, kept running.

Unlike a plain Procfile runner it starts a process again that has ended, and its processes end
with it, however it ends.
"""

import asyncio
import contextlib
import fcntl
import re
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadSettings, StylusError, Unavailable

#: Seconds before a process that ended is started again: at first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: A process that ran this many seconds is thought healthy again.
HEALTHY = 60.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the Procfile."""

    name: str
    command: tuple[str, ...]


def read_procfile(path: Path) -> list[Line]:
    """Returns the lines. Raises `BadSettings` for a file that is missing or malformed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadSettings(f"{path} cannot be read; run `stylus up` where it lies.") from error
    return [_line(path, n, line) for n, line in enumerate(lines, 1) if _meant(line)]


def _meant(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _line(path: Path, number: int, line: str) -> Line:
    found = re.fullmatch(r"([A-Za-z0-9_-]+):\s*(.+)", line.strip())
    if not found:
        raise BadSettings(f"Line {number} of {path} is not “name: command”.")
    words = shlex.split(found[2])
    if words[0] == "stylus":  # this very installation, ending with us
        words = [sys.executable, "-m", "bot", *words[1:], "--tied"]
    return Line(found[1], tuple(words))


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Holds the lock of this home. Raises `Unavailable` where another `stylus up` has it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "up.lock").open("w")
    except OSError as error:
        raise Unavailable(f"{home} cannot be written ({error.strerror}).") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StylusError(
                f"`stylus up` is running already with {home}; stop it first, or set another "
                "STYLUS_HOME."
            ) from None
        yield


async def supervise(lines: list[Line], say: Callable[[str, str], None]) -> None:
    """Runs all lines until SIGTERM or SIGINT; `say` gets a line's name and its output."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(_keep_running(line, stop, say))


async def _keep_running(line: Line, stop: asyncio.Event, say: Callable[[str, str], None]) -> None:
    pause = FIRST_PAUSE
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        code = await _run_once(line, stop, say)
        if asyncio.get_running_loop().time() - began > HEALTHY:
            pause = FIRST_PAUSE
        if not stop.is_set():
            say(line.name, f"ended with code {code}; starting it again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _run_once(line: Line, stop: asyncio.Event, say: Callable[[str, str], None]) -> int:
    process = await asyncio.create_subprocess_exec(
        *line.command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    pump = asyncio.create_task(_pump(line.name, process, say))
    stopping = asyncio.create_task(stop.wait())
    ended = asyncio.create_task(process.wait())
    await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    stopping.cancel()
    code = await ended
    await pump
    return code


async def _pump(name: str, process: Process, say: Callable[[str, str], None]) -> None:
    assert process.stdout
    while raw := await process.stdout.readline():
        say(name, raw.decode("utf-8", "replace").rstrip())
