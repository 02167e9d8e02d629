"""The ledger: a request's rows, which are the truth about it.

A stage is claimed before it is worked on, and every claim raises the request's attempt number.
Results are stored only under the number they were claimed with, so that a worker that was
thought dead cannot overwrite what its successor did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import and_, case, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.plan import PLANS
from engine.requests.answers import to_request
from engine.storage.tables import compositions, image_plans, renderings, requests
from engine.values import (
    OPEN_PHASES,
    Candidate,
    Composition,
    ImagePlan,
    Overrides,
    Phase,
    Rendering,
    Request,
    Sampling,
    Source,
)

_overrides = TypeAdapter(Overrides)
_source = TypeAdapter(Source | None)
_sampling = TypeAdapter(Sampling)
_composition = TypeAdapter(Composition)
_plan = TypeAdapter(ImagePlan)
_rendering = TypeAdapter(Rendering)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a request's stage, until somebody claims it again."""

    request: Request
    attempt: int
    tries: int


async def store_request(
    connection: AsyncConnection, request: Request, origin: str | None, lane: int = 0
) -> bool:
    """Stores a new request; returns False where the same origin has one already."""
    row = {
        "id": request.id,
        "kind": request.kind,
        "prompt": request.prompt,
        "negative": request.negative,
        "image_count": request.image_count,
        "seed": request.seed,
        "sampling": _sampling.dump_python(request.sampling, mode="json"),
        "overrides": _overrides.dump_python(request.overrides, mode="json"),
        "source": _source.dump_python(request.source, mode="json"),
        "parent_id": request.parent_id,
        "parent_index": request.parent_index,
        "root_id": request.root_id,
        "platform": request.asker.platform,
        "workspace": request.asker.workspace,
        "channel": request.asker.channel,
        "user_id": request.asker.user,
        "origin": origin,
        "lane": lane,
    }
    stored = await connection.execute(
        upsert(requests)
        .values(row)
        .on_conflict_do_nothing(constraint="uq_requests_origin")
        .returning(requests.c.id)
    )
    return stored.scalar() is not None


async def claim(
    connection: AsyncConnection, request_id: str, waiting: Phase, working: Phase
) -> Claim | None:
    """Claims a stage; None where the request is elsewhere by now.

    A request that is already being worked on is claimed as well: its worker is thought dead.
    """
    started = {Phase.COMPOSING: "composing_at", Phase.RENDERING: "rendering_at"}[working]
    statement = (
        update(requests)
        .where(requests.c.id == request_id, requests.c.phase.in_([waiting, working]))
        .values(
            {
                "phase": working.value,
                "attempt": requests.c.attempt + 1,
                "tries": case((requests.c.phase == waiting.value, 1), else_=requests.c.tries + 1),
                started: func.coalesce(requests.c[started], func.clock_timestamp()),
            }
        )
        .returning(requests)
    )
    row = (await connection.execute(statement)).one_or_none()
    return Claim(to_request(row), row.attempt, row.tries) if row else None


async def is_newest(connection: AsyncConnection, claimed: Claim) -> bool:
    """Returns whether the claim still holds: the request is open and nobody claimed it since."""
    mine = and_(
        requests.c.id == claimed.request.id,
        requests.c.attempt == claimed.attempt,
        requests.c.phase.in_(sorted(OPEN_PHASES)),
    )
    return bool(await connection.scalar(select(exists().where(mine))))


async def store_plan(
    connection: AsyncConnection,
    claimed: Claim,
    composition: Composition,
    candidates: Sequence[Candidate],
    plans: Sequence[ImagePlan],
    *,
    notes: Sequence[str],
    retrieve_seconds: float,
    compose_seconds: float,
    needs: int = PLANS,
) -> bool:
    """Stores what composing made; returns False where the claim is no longer the newest.

    `needs` is the kind of the plans.
    """
    timings = {"retrieve_seconds": retrieve_seconds, "compose_seconds": compose_seconds}
    done = {"notes": list(notes), "needs": needs, "planned_at": func.clock_timestamp()}
    change = {**done, **timings}
    if not await _finish(connection, claimed, Phase.COMPOSING, Phase.PLANNED, change):
        return False
    request_id = claimed.request.id
    await connection.execute(
        insert(compositions).values(
            request_id=request_id,
            composition=_composition.dump_python(composition, mode="json"),
            candidates=[[c.adapter.id, round(c.score, 5)] for c in candidates],
        )
    )
    await connection.execute(
        insert(image_plans),
        [
            {
                "request_id": request_id,
                "index": plan.index,
                "mask": sorted(a.adapter_id for a in plan.adapters),
                "plan": _plan.dump_python(plan, mode="json"),
            }
            for plan in plans
        ],
    )
    return True


async def store_renderings(
    connection: AsyncConnection,
    claimed: Claim,
    rendered: Sequence[Rendering],
    *,
    load_seconds: float,
    render_seconds: float,
    notes: Sequence[str] = (),
) -> bool:
    """Stores what rendering made; returns False where the claim is no longer the newest."""
    change = {
        "notes": requests.c.notes.concat(literal(list(notes), JSONB)),
        "load_seconds": load_seconds,
        "render_seconds": render_seconds,
        "finished_at": func.clock_timestamp(),
    }
    if not await _finish(connection, claimed, Phase.RENDERING, Phase.RENDERED, change):
        return False
    rows = [
        {
            "request_id": claimed.request.id,
            "index": one.index,
            "rendering": _rendering.dump_python(one, mode="json"),
        }
        for one in rendered
    ]
    await connection.execute(insert(renderings), rows)
    return True


async def fail(
    connection: AsyncConnection, request_id: str, sentence: str, attempt: int | None = None
) -> bool:
    """Ends an open request without images; returns False where it was final already.

    With an attempt, only while that is still the newest.
    """
    newest = requests.c.attempt == attempt if attempt is not None else literal(True)
    return await _end(connection, request_id, Phase.FAILED, sentence, newest)


async def cancel(connection: AsyncConnection, request_id: str) -> bool:
    """Cancels an open request; returns False where it was final already."""
    return await _end(connection, request_id, Phase.CANCELLED, "It was cancelled.", literal(True))


async def _finish(
    connection: AsyncConnection,
    claimed: Claim,
    working: Phase,
    reached: Phase,
    change: dict[str, Any],
) -> bool:
    """Moves a claimed request on, only while the claim is the newest."""
    moved = await connection.execute(
        update(requests)
        .where(
            requests.c.id == claimed.request.id,
            requests.c.phase == working,
            requests.c.attempt == claimed.attempt,
        )
        .values(phase=reached.value, tries=0, **change)
    )
    return moved.rowcount == 1


async def _end(
    connection: AsyncConnection, request_id: str, phase: Phase, sentence: str, condition: Any
) -> bool:
    ended = await connection.execute(
        update(requests)
        .where(requests.c.id == request_id, requests.c.phase.in_(sorted(OPEN_PHASES)), condition)
        .values(phase=phase.value, failure=sentence, finished_at=func.clock_timestamp())
    )
    return ended.rowcount == 1
