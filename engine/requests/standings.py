"""Standings: how far all open requests of a platform are, read in one go."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import homes
from engine.processes import workers
from engine.requests import backlog
from engine.requests.answers import to_composition, to_request
from engine.requests.homes import PUBLIC, to_home
from engine.storage.tables import compositions, requests
from engine.values import OPEN_PHASES, Home, Phase, Request, Standing, Standings

#: Rendered requests whose mean is the pace.
PACE_OF = 20


async def load_standings(
    connection: AsyncConnection,
    platform: str,
    stalled_seconds: float,
    request_id: str | None = None,
) -> Standings:
    """Returns the standings of a platform, or of one of its requests, oldest first."""
    alive = await workers.alive(connection, stalled_seconds)
    found = await _open(connection, platform, request_id)
    return Standings(
        requests=found,
        workers=dict(Counter(worker.role for worker in alive)),
        pace=await _pace(connection) if found else None,
    )


async def look_ahead(
    connection: AsyncConnection, request: Request, home: Home, stalled_seconds: float
) -> Standings:
    """Returns the standings of one request that was stored just now: as little as there is to
    say, since somebody waits for it at this very moment."""
    alive = await workers.alive(connection, stalled_seconds)
    ahead = await backlog.count_ahead(connection, request.id)
    standing = Standing(request, Phase.QUEUED, ahead, home, None)
    return Standings((standing,), dict(Counter(worker.role for worker in alive)), None)


async def _open(
    connection: AsyncConnection, platform: str, request_id: str | None
) -> tuple[Standing, ...]:
    ahead = (func.row_number().over(order_by=requests.c.created_at) - 1).label("ahead")
    is_open = requests.c.phase.in_(sorted(OPEN_PHASES))
    ranked = select(requests.c.id, ahead).where(is_open).subquery()
    wanted = requests.c.platform == platform
    if request_id is not None:
        wanted &= requests.c.id == request_id
    rows = await connection.execute(
        select(requests, ranked.c.ahead, compositions.c.composition)
        .join(ranked, ranked.c.id == requests.c.id)
        .outerjoin(compositions, compositions.c.request_id == requests.c.id)
        .where(wanted)
        .order_by(ranked.c.ahead)
    )
    found = rows.all()
    places = await connection.execute(
        select(homes).where(homes.c.request_id.in_([row.id for row in found]))
    )
    home_of = {row.request_id: to_home(row) for row in places}
    return tuple(
        Standing(
            request=to_request(row),
            phase=Phase(row.phase),
            ahead=row.ahead,
            home=home_of.get(row.id, PUBLIC),
            composition=to_composition(row.composition),
        )
        for row in found
    )


async def _pace(connection: AsyncConnection) -> float | None:
    took = func.extract("epoch", requests.c.finished_at - requests.c.rendering_at)
    lately = (
        select(took.label("seconds"))
        .where(requests.c.phase == Phase.RENDERED)
        .order_by(requests.c.finished_at.desc())
        .limit(PACE_OF)
        .subquery()
    )
    mean = await connection.scalar(select(func.avg(lately.c.seconds)))
    return None if mean is None else float(mean)
