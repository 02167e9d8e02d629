"""Workers that a measurement starts, hits and starts again."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic

from bot.benchmarks.shifted_clock import LAUNCH, set_clock
from engine.settings import Settings


@dataclass(slots=True)
class Member:
    """A worker process; `doomed` once it was told to end, or was ended."""

    role: str
    process: Process
    #: The file that says how wrong its clock is.
    clock: Path
    began: float
    doomed: bool = False
    frozen: bool = False
    #: Whether it has announced itself.
    ready: bool = False

    @property
    def well(self) -> bool:
        """Whether it can take up work."""
        return self.ready and not (self.doomed or self.frozen or self.ended)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.process.returncode is not None

    def kill(self) -> None:
        """As a machine that loses its power does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As whoever updates it does: what is under way is finished first."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        self.doomed = True
        self._signal(number)

    def freeze(self) -> None:
        """As a machine does that swaps, or one that its host has put aside."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Lets a frozen one go on."""
        self.frozen = False
        self._signal(signal.SIGCONT)

    def move_clock(self, seconds: float) -> None:
        """As a machine's time does that is set anew: from now on it is so wrong."""
        set_clock(self.clock, seconds)

    def fill_disk(self, room: int) -> None:
        """As a disk is that is full, or not any more: no file may become larger than so."""
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers on the settings' database and home; `members` changes as they are replaced."""

    settings: Settings
    members: list[Member]
    #: Further settings of all workers, by the names of their variables.
    told: Mapping[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    async def add(self, role: str) -> Member:
        """Starts another worker."""
        clock = self.settings.home / f"clock-{next(self._numbers)}"
        set_clock(clock, 0)
        member = Member(role, await self._start(role, clock), clock, monotonic())
        self.members.append(member)
        return member

    async def replace_ended(self) -> list[Member]:
        """Starts a worker for each that runs no more, and returns those that ended."""
        ended = [member for member in self.members if member.ended]
        for member in ended:
            self.members.remove(member)
            await self.add(member.role)
        return ended

    def last_words(self, role: str) -> str:
        """The last lines of the log of all workers of a role."""
        log = self.settings.home / f"{role}.log"
        return " / ".join(log.read_text(errors="replace").splitlines()[-3:])

    async def _start(self, role: str, clock: Path) -> Process:
        ours = self.settings
        places = {
            "DATABASE__URL": ours.database.url.get_secret_value(),
            "HOME": str(ours.home),
            "STORAGE__URL": "",
            # The built-in check takes hasty drawings for what must not be shown.
            "RENDERER__SAFETY": "none",
            "METRICS__LISTEN": "",
            "LLM__BASE_URL": ours.llm.base_url,
            "LLM__MODEL": ours.llm.model,
            "LLM__TIMEOUT": str(ours.llm.timeout),
            **self.told,
        }
        environment = os.environ | {f"STYLUS_{name}": value for name, value in places.items()}
        with (ours.home / f"{role}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-c", LAUNCH, str(clock), role,
                env=environment, stdout=DEVNULL, stderr=log,
            )  # fmt: skip


@asynccontextmanager
async def open_crew(
    settings: Settings, roles: Sequence[str], told: Mapping[str, str] | None = None
) -> AsyncIterator[Crew]:
    """Starts workers of these roles; all that run at the end are killed."""
    crew = Crew(settings, [], told or {})
    try:
        for role in roles:
            await crew.add(role)
        yield crew
    finally:
        for member in crew.members:
            member.kill()
            await member.process.wait()
