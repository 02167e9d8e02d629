"""A worker whose machine has a wrong clock, for trials.

A file holds how many seconds the clock is off, as eight bytes, and whoever changes them makes it
jump while the worker runs. Clocks that only measure (`time.monotonic`) go on as on any machine.
"""

import datetime
import mmap
import runpy
import struct
import sys
import time
from pathlib import Path
from typing import Any

REAL = datetime.datetime
#: `python -c` this, with the file and a worker's role as arguments.
LAUNCH = "from bot.benchmarks.shifted_clock import launch; launch()"


def set_clock(file: Path, seconds: float) -> None:
    """Makes the clocks that look at this file so many seconds wrong, from now on."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write(struct.pack("d", seconds))


class _LikeReal(type):
    """What C code makes is of the real class."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, REAL)


class Shifted(REAL, metaclass=_LikeReal):
    """A datetime whose present is the wrong clock's."""

    __slots__ = ()

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        """The wrong present."""
        return REAL.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        """The wrong present, as naive as ever."""
        return cls.now(datetime.UTC).replace(tzinfo=None)


def shift_clock(file: Path) -> None:
    """Has this process take its time from now on from a clock that is wrong."""
    with file.open("rb") as opened:
        off = mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)
    right = time.time

    def wrong() -> float:
        return right() + float(struct.unpack("d", off[:8])[0])

    time.time = wrong
    time.time_ns = lambda: int(wrong() * 1e9)
    datetime.datetime = Shifted  # type: ignore[misc]


def launch() -> None:
    """Runs the worker of the command line under the clock of the command line."""
    shift_clock(Path(sys.argv[1]))
    sys.argv = ["stylus", *sys.argv[2:]]
    runpy.run_module("bot", run_name="__main__")
