"""Answers: everything known of a request, read from its rows."""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.requests.access import unknown_request
from engine.storage.tables import compositions, image_plans, renderings, requests
from engine.values import (
    Answer,
    Asker,
    Composition,
    ImagePlan,
    Mask,
    Overrides,
    Phase,
    Rendering,
    Request,
    Sampling,
    Source,
    Timings,
)

_overrides = TypeAdapter(Overrides)
_source = TypeAdapter(Source | None)
_sampling = TypeAdapter(Sampling)
_composition = TypeAdapter(Composition)
_plan = TypeAdapter(ImagePlan)
_rendering = TypeAdapter(Rendering)


async def load_request(connection: AsyncConnection, request_id: str) -> Request:
    """Returns the request. Raises `UnknownRequest`."""
    return to_request(await _row(connection, request_id))


async def load_by_origin(connection: AsyncConnection, platform: str, origin: str | None) -> Request:
    """Returns the request that an event has made."""
    row = await connection.execute(
        select(requests).where(requests.c.platform == platform, requests.c.origin == origin)
    )
    return to_request(row.one())


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
        request=to_request(row),
        phase=Phase(row.phase),
        composition=to_composition(composition),
        plans=tuple(map(_plan.validate_python, plans)),
        renderings=tuple(map(_rendering.validate_python, rendered)),
        timings=_timings(row),
        notes=tuple(row.notes),
        failure=row.failure,
    )


async def load_phase(connection: AsyncConnection, request_id: str) -> Phase:
    """Returns where the request is. Raises `UnknownRequest`."""
    return Phase((await _row(connection, request_id)).phase)


async def used_masks(connection: AsyncConnection, root_id: str) -> list[Mask]:
    """Returns the masks that any request of the line has used.

    Nobody else reads them until the transaction ends: what is drawn then is used, too.
    """
    await connection.execute(
        text("select pg_advisory_xact_lock(hashtext('stylus masks'), hashtext(:root))"),
        {"root": root_id},
    )
    rows = await connection.scalars(
        select(image_plans.c.mask)
        .join(requests, requests.c.id == image_plans.c.request_id)
        .where(requests.c.root_id == root_id)
        .distinct()
    )
    return [Mask(frozenset(mask)) for mask in rows]


async def _row(connection: AsyncConnection, request_id: str) -> Row[Any]:
    row = (await connection.execute(select(requests).where(requests.c.id == request_id))).first()
    if row is None:
        raise unknown_request(request_id)
    return row


def to_composition(kept: Any) -> Composition | None:
    """Returns the composition that was kept as JSON; None where there is none."""
    return _composition.validate_python(kept) if kept else None


def to_request(row: Row[Any]) -> Request:
    """Returns the request of a row of `requests`."""
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
        source=_source.validate_python(row.source),
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
