"""Where a request is, who works on it, and how far they are."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.values.asking import Home, Request
from engine.values.composing import Composition


class Phase(StrEnum):
    """Where a request is. The last three are final."""

    QUEUED = "queued"
    COMPOSING = "composing"
    PLANNED = "planned"
    RENDERING = "rendering"
    RENDERED = "rendered"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the request."""
        return self in FINAL_PHASES


FINAL_PHASES = frozenset({Phase.RENDERED, Phase.FAILED, Phase.CANCELLED})


OPEN_PHASES = frozenset(Phase) - FINAL_PHASES


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that a request spent in each stage."""

    queued: float = 0.0
    retrieve: float = 0.0
    compose: float = 0.0
    load: float = 0.0
    render: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life from a request that is under way."""

    request_id: str
    phase: Phase
    step: int = 0
    steps: int = 0
    #: How many requests wait before this one, where it is queued.
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an open request is, as its frontend shows it."""

    request: Request
    phase: Phase
    #: How many open requests go before it.
    ahead: int
    home: Home
    #: None until it is composed.
    composition: Composition | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast requests were rendered lately, by all renderers together."""

    #: Seconds from one that is done to the next, while anything is rendered.
    interval: float
    #: Seconds that one takes to be rendered.
    duration: float
    #: Seconds that one takes to be planned.
    composing: float = 0.0

    def eta(self, ahead: int, *, planned: bool = True) -> float:
        """Returns the seconds until a request is done that waits, and that so many go before."""
        least = self.duration if planned else self.composing + self.duration
        return max(least, (ahead + 1) * self.interval)


@dataclass(frozen=True, slots=True)
class Standings:
    """All open requests of a platform, and who works on them."""

    requests: tuple[Standing, ...]
    #: Worker processes alive, by role.
    workers: dict[str, int]
    #: None where none was rendered yet.
    pace: Pace | None


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a renderer has, as it announces with its signs of life; other workers have nothing."""

    #: The GPU's name; empty without one.
    gpu: str = ""
    #: Bytes of the device's memory that are used, by whomever, and all of them.
    memory_used: int = 0
    memory: int = 0
    #: Names of the checkpoints in memory, the one used last at the end.
    checkpoints: tuple[str, ...] = ()
    #: Sha256 of the adapter files in memory, the one used last at the end.
    adapters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process that gave a sign of life lately."""

    id: str
    role: str
    host: str
    pid: int
    version: str
    device: str
    queues: tuple[str, ...]
    started_at: datetime
    equipment: Equipment = Equipment()
