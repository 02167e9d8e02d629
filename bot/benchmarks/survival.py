"""What a run of chaos injected, and what survived it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.operations.figures import percentile
from engine.values import Answer, Phase


@dataclass(frozen=True, slots=True)
class Injury:
    """What was done, to whom, and when."""

    at: float
    kind: str
    role: str
    #: Seconds until nothing was left in the hands that it was in then; None: it always was.
    recovered: float | None = None
    #: Whether meanwhile no other worker of the role was ready: each was starting, frozen or dead.
    alone: bool = False


@dataclass(slots=True)
class Survival:
    """What was injected, and what became of the requests."""

    seed: int
    requests: int
    seconds: float = 0.0
    injuries: list[Injury] = field(default_factory=list)
    #: Seconds from a worker's start until it was ready, by role.
    starts: dict[str, list[float]] = field(default_factory=dict)
    #: Posts that the platform refused, and those that it took without saying so.
    refused: int = 0
    broken_off: int = 0
    #: Questions that the language model did not answer, and requests composed without it therefore.
    unanswered: int = 0
    degraded: int = 0
    rendered: int = 0
    #: Those that ended without images, by their sentence.
    failed: dict[str, int] = field(default_factory=dict)
    #: Workers that ended by themselves, or not as they should when they were told to.
    ended: int = 0
    #: Requests that never ended, whose answer came more than once, or with too few images.
    lost: int = 0
    doubled: int = 0
    incomplete: int = 0

    @property
    def whole(self) -> bool:
        """Whether every request ended in exactly one result or one clear failure."""
        return not (self.lost or self.doubled or self.incomplete)


def judge(survival: Survival, answers: list[Answer], posted: Counter[str]) -> None:
    """Counts what became of every request, and how often its answer was posted."""
    for answer in answers:
        request = answer.request
        times = posted[request.id]
        survival.degraded += bool(answer.composition and answer.composition.degraded)
        if not answer.phase.final or not times:
            survival.lost += 1
        elif times > 1:
            survival.doubled += 1
        elif answer.phase is Phase.RENDERED:
            survival.rendered += 1
            survival.incomplete += len(answer.renderings) != request.image_count
        else:
            sentence = (answer.failure or "").split(",")[0]
            survival.failed[sentence] = survival.failed.get(sentence, 0) + 1


def told(survival: Survival) -> Iterator[str]:
    """Yields what was injected and what survived, a line each."""
    hits = Counter(f"{one.role} {one.kind}" for one in survival.injuries)
    listed = ", ".join(f"{what} {n} times" for what, n in sorted(hits.items())) or "nothing hit"
    yield f"seed {survival.seed}, {survival.seconds:.0f} s: {listed}"
    yield (
        f"posts refused {survival.refused} times, taken without a word {survival.broken_off} "
        f"times; the language model did not answer {survival.unanswered} times, "
        f"{survival.degraded} requests composed without it"
    )
    yield f"{survival.ended} workers ended by themselves"
    yield (
        f"{survival.requests} requests: {survival.rendered} rendered, "
        f"{sum(survival.failed.values())} failed with a sentence, {survival.lost} lost, "
        f"{survival.doubled} doubled, {survival.incomplete} incomplete"
    )
    for sentence, count in survival.failed.items():
        yield f"  {count} times: {sentence}"
    for role, times in sorted(survival.starts.items()):
        yield f"{role}: {_spread(times)} from its start until it was ready"
    yield "until all that was under way at a hit was done, or in other hands:"
    for kind in sorted({one.kind for one in survival.injuries}):
        yield from _recoveries(kind, [one for one in survival.injuries if one.kind == kind])


def _recoveries(kind: str, injuries: Sequence[Injury]) -> Iterator[str]:
    """Lines for a kind of hit: where others were ready, and where the work had to wait for one."""
    for alone, where in ((False, ""), (True, ", no other one ready for a time")):
        here = [one for one in injuries if one.alone is alone]
        known = [one.recovered for one in here if one.recovered is not None]
        if known:
            yield f"  {kind}{where}: {_spread(known)}"
        if len(known) < len(here):
            yield f"  {kind}{where}: {len(here) - len(known)} times it never went on"


def _spread(times: Sequence[float]) -> str:
    return (
        f"{len(times)} times; median {percentile(times, 0.5):.1f}, p90 "
        f"{percentile(times, 0.9):.1f}, most {max(times):.1f} s"
    )
