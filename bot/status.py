"""The status: what people get to see of a request that is under way, with no platform in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.actions import Button, cancel_button
from bot.texts import Texts
from engine.values import Composition, Home, Phase, Progress, Request, Standing, Standings


@dataclass(frozen=True, slots=True)
class Status:
    """Everything to show of an open request. Equal ones look the same."""

    request_id: str
    prompt: str
    #: The phase, and how far it is.
    headline: str
    #: The ideas with the titles of their adapters, as soon as they are known.
    tasks: tuple[tuple[str, tuple[str, ...]], ...]
    #: Sentences on what keeps it waiting.
    hints: tuple[str, ...]
    buttons: tuple[Button, ...]
    #: Part of the denoising that is done; None before it.
    done: float | None = None


#: How long before a message can be changed no more its reader is told.
FAREWELL = timedelta(minutes=2)


def make_status(
    standing: Standing,
    standings: Standings,
    step: Progress | None,
    texts: Texts,
    now: datetime | None = None,
) -> Status:
    """Returns the status of an open request; `step` is the last sign of its denoising."""
    request = standing.request
    rendering = standing.phase is Phase.RENDERING and step is not None and step.steps > 0
    return Status(
        request_id=request.id,
        prompt=request.prompt,
        headline=" · ".join(_headline(standing, standings, step if rendering else None, texts)),
        tasks=_tasks(standing.composition),
        hints=tuple(_hints(standing, standings, texts, now)),
        buttons=(cancel_button(request.id, texts),),
        done=step.step / step.steps if rendering and step else None,
    )


def first_status(request: Request, standings: Standings, texts: Texts) -> Status:
    """Returns the status of a request that was stored just now, or has moved on since."""
    standing = next((s for s in standings.requests if s.request.id == request.id), None)
    if standing:
        return make_status(standing, standings, None, texts)
    cancel = cancel_button(request.id, texts)
    return Status(request.id, request.prompt, texts.queued, (), (), (cancel,))


def _headline(
    standing: Standing, standings: Standings, step: Progress | None, texts: Texts
) -> Iterator[str]:
    yield {
        Phase.QUEUED: texts.queued,
        Phase.COMPOSING: texts.composing,
        Phase.PLANNED: texts.planned,
    }.get(standing.phase, texts.rendering)
    if step:
        yield texts.step.format(step=step.step, steps=step.steps)
    elif standing.phase in (Phase.QUEUED, Phase.PLANNED):
        yield from _waiting(standing, standings, texts)


def _waiting(standing: Standing, standings: Standings, texts: Texts) -> Iterator[str]:
    if standing.ahead:
        yield texts.ahead.format(count=standing.ahead)
    if standings.workers.get("renderer") and standings.pace:
        planned = standing.phase is Phase.PLANNED
        left = standings.pace.eta(standing.ahead, planned=planned)
        yield texts.eta.format(seconds=max(1, round(left)))


def _hints(
    standing: Standing, standings: Standings, texts: Texts, now: datetime | None
) -> Iterator[str]:
    if now and _ends_soon(standing.home, now):
        yield texts.private_ends.format(id=standing.request.id)
    if standing.phase is Phase.QUEUED and not standings.workers.get("engine"):
        yield texts.no_engine
    if not standings.workers.get("renderer"):
        yield texts.no_renderer


def _ends_soon(home: Home, now: datetime) -> bool:
    """Whether the answer will find no way to this message, unless it comes right now."""
    only_by_token = home.private or not home.direct
    return only_by_token and home.token_until is not None and now > home.token_until - FAREWELL


def _tasks(composition: Composition | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    tasks = composition.tasks if composition else ()
    return tuple((task.keyword, tuple(p.title for p in task.picks)) for task in tasks)
