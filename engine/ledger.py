"""The ledger: a request's rows, which are the truth about it.

A stage is claimed before it is worked on, and every claim raises the request's attempt number.
Results are stored only under the number they were claimed with, so that a worker that was
thought dead cannot overwrite what its successor did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, and_, case, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import UnknownRequest
from engine.tables import compositions, image_plans, renderings, requests
from engine.values import (
    OPEN_PHASES,
    Answer,
    Asker,
    Candidate,
    Composition,
    ImagePlan,
    Mask,
    Overrides,
    Phase,
    Rendering,
    Request,
    Sampling,
    Timings,
)

_overrides = TypeAdapter(Overrides)
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


async def store_request(connection: AsyncConnection, request: Request, origin: str | None) -> bool:
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
        "parent_id": request.parent_id,
        "parent_index": request.parent_index,
        "root_id": request.root_id,
        "platform": request.asker.platform,
        "workspace": request.asker.workspace,
        "channel": request.asker.channel,
        "user_id": request.asker.user,
        "origin": origin,
    }
    stored = await connection.execute(
        upsert(requests)
        .values(row)
        .on_conflict_do_nothing(constraint="uq_requests_origin")
        .returning(requests.c.id)
    )
    return stored.scalar() is not None


async def load_request(connection: AsyncConnection, request_id: str) -> Request:
    """Returns the request. Raises `UnknownRequest`."""
    return _request(await _row(connection, request_id))


async def load_by_origin(connection: AsyncConnection, platform: str, origin: str | None) -> Request:
    """Returns the request that an event has made."""
    row = await connection.execute(
        select(requests).where(requests.c.platform == platform, requests.c.origin == origin)
    )
    return _request(row.one())


async def load_answer(connection: AsyncConnection, request_id: str) -> Answer:
    """Returns everything known of a request. Raises `UnknownRequest`."""
    row = await _row(connection, request_id)
    composition = await connection.scalar(
        select(compositions.c.composition).where(compositions.c.request_id == request_id)
    )
    plans = await connection.scalars(
        select(image_plans.c.plan)
        .where(image_plans.c.request_id == request_id)
        .order_by(image_plans.c.index)
    )
    rendered = await connection.scalars(
        select(renderings.c.rendering)
        .where(renderings.c.request_id == request_id)
        .order_by(renderings.c.index)
    )
    return Answer(
        request=_request(row),
        phase=Phase(row.phase),
        composition=_composition.validate_python(composition) if composition else None,
        plans=tuple(map(_plan.validate_python, plans)),
        renderings=tuple(map(_rendering.validate_python, rendered)),
        timings=_timings(row),
        notes=tuple(row.notes),
        failure=row.failure,
    )


async def load_phase(connection: AsyncConnection, request_id: str) -> Phase:
    """Returns where the request is. Raises `UnknownRequest`."""
    return Phase((await _row(connection, request_id)).phase)


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
    return Claim(_request(row), row.attempt, row.tries) if row else None


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
) -> bool:
    """Stores what composing made; returns False where the claim is no longer the newest."""
    timings = {"retrieve_seconds": retrieve_seconds, "compose_seconds": compose_seconds}
    change = {"notes": list(notes), "planned_at": func.clock_timestamp(), **timings}
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
) -> bool:
    """Stores what rendering made; returns False where the claim is no longer the newest."""
    change = {
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


async def used_masks(connection: AsyncConnection, root_id: str) -> list[Mask]:
    """Returns the masks that any request of the line has used."""
    rows = await connection.scalars(
        select(image_plans.c.mask)
        .join(requests, requests.c.id == image_plans.c.request_id)
        .where(requests.c.root_id == root_id)
        .distinct()
    )
    return [Mask(frozenset(mask)) for mask in rows]


async def count_open(connection: AsyncConnection, asker: Asker) -> int:
    """Returns how many unfinished requests a person has."""
    mine = and_(
        requests.c.platform == asker.platform,
        requests.c.workspace == asker.workspace,
        requests.c.user_id == asker.user,
        requests.c.phase.in_(sorted(OPEN_PHASES)),
    )
    return await connection.scalar(select(func.count()).select_from(requests).where(mine)) or 0


async def count_ahead(connection: AsyncConnection, request_id: str) -> int:
    """Returns how many open requests were stored before this one."""
    mine = select(requests.c.created_at).where(requests.c.id == request_id).scalar_subquery()
    ahead = and_(requests.c.phase.in_(sorted(OPEN_PHASES)), requests.c.created_at < mine)
    return await connection.scalar(select(func.count()).select_from(requests).where(ahead)) or 0


async def any_open(connection: AsyncConnection) -> bool:
    """Returns whether any request is unfinished."""
    statement = select(exists().where(requests.c.phase.in_(sorted(OPEN_PHASES))))
    return bool(await connection.scalar(statement))


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


async def _row(connection: AsyncConnection, request_id: str) -> Row[Any]:
    row = (await connection.execute(select(requests).where(requests.c.id == request_id))).first()
    if row is None:
        raise UnknownRequest(
            f"There is no request “{request_id[:40]}”; the id stands under each answer."
        )
    return row


def _request(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        kind=row.kind,
        prompt=row.prompt,
        negative=row.negative,
        image_count=row.image_count,
        seed=row.seed,
        sampling=_sampling.validate_python(row.sampling),
        asker=Asker(row.platform, row.workspace, row.channel, row.user_id),
        overrides=_overrides.validate_python(row.overrides),
        parent_id=row.parent_id,
        parent_index=row.parent_index,
        root_id=row.root_id,
    )


def _timings(row: Row[Any]) -> Timings:
    waited = _between(row.created_at, row.composing_at) + _between(row.planned_at, row.rendering_at)
    return Timings(
        queued=waited,
        retrieve=row.retrieve_seconds or 0.0,
        compose=row.compose_seconds or 0.0,
        load=row.load_seconds or 0.0,
        render=row.render_seconds or 0.0,
        total=_between(row.created_at, row.finished_at),
    )


def _between(start: datetime | None, end: datetime | None) -> float:
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0
