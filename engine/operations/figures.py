"""Figures: what benchmarks and evaluations measure, beside their goals."""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    name: str
    value: float
    unit: str
    #: The bound that it should keep; None where it is only reported.
    goal: float | None = None
    #: Whether a higher value is better; decides on which side of the goal it must lie.
    higher_is_better: bool = False
    #: Bounds of the 95% interval; None where nobody asked how sure the value is.
    interval: tuple[float, float] | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is kept; None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.higher_is_better else self.value <= self.goal

    def document(self) -> dict[str, Any]:
        """The figure as the command line prints it."""
        return {
            "name": self.name,
            "value": round(self.value, 5),
            "unit": self.unit,
            "goal": self.goal,
            "holds": self.holds,
            **({"interval": [round(v, 5) for v in self.interval]} if self.interval else {}),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that at least this share (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median_and_p95(name: str, seconds: Sequence[float], goal: float | None = None) -> list[Figure]:
    """Returns two figures of a series of seconds; the goal is the median's."""
    return [
        Figure(f"{name}, median", percentile(seconds, 0.5), "s", goal),
        Figure(f"{name}, p95", percentile(seconds, 0.95), "s"),
    ]


def machine() -> str:
    """Returns processor, cores and memory of this machine in a few words."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {pages:.0f} GiB"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
