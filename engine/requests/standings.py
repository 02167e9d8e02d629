"""Standings: how far all open requests of a platform are, read in one go."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import homes
from engine.processes import workers
from engine.requests.answers import to_composition, to_request
from engine.requests.homes import PUBLIC, to_home
from engine.requests.line import line, place_of
from engine.storage.tables import compositions, requests
from engine.values import Home, Pace, Phase, Request, Standing, Standings

#: Seconds from one request to the next that count as work: shorter breaks are the queue's.
HANDOVER = 1.0
#: Rendered requests that make the pace.
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
        pace=await load_pace(connection) if found else None,
    )


async def look_ahead(
    connection: AsyncConnection, request: Request, home: Home, stalled_seconds: float
) -> Standings:
    """Returns the standings of one request that was stored just now: as little as there is to
    say, since somebody waits for it at this very moment."""
    alive = await workers.alive(connection, stalled_seconds)
    ahead = (await place_of(connection, request.id)).ahead
    standing = Standing(request, Phase.QUEUED, ahead, home, None)
    return Standings((standing,), dict(Counter(worker.role for worker in alive)), None)


async def _open(
    connection: AsyncConnection, platform: str, request_id: str | None
) -> tuple[Standing, ...]:
    ranked = line().subquery()
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


async def load_pace(connection: AsyncConnection) -> Pace | None:
    """Returns how fast requests were rendered lately; None where none was."""
    ends = [func.extract("epoch", c) for c in (requests.c.rendering_at, requests.c.finished_at)]
    rows = await connection.execute(
        select(*ends)
        .where(requests.c.phase == Phase.RENDERED)
        .order_by(requests.c.finished_at.desc())
        .limit(PACE_OF)
    )
    return pace_of([(float(row[0]), float(row[1])) for row in rows])


def pace_of(spans: Sequence[tuple[float, float]]) -> Pace | None:
    """Returns the pace of requests that were rendered from and until these seconds.

    Those of a batch overlap, as do those of several renderers: what counts is how long anything
    was rendered at all, and how many ended in that time. Where others were under way when the
    first one ended, it counts from then on: before, some may have ended that are not among these.
    """
    if not spans:
        return None
    first = min(end for _, end in spans)
    counted = [span for span in spans if span[1] > first]
    busy, until = 0.0, first
    if not any(start < first for start, _ in counted):
        counted, until = list(spans), min(start for start, _ in spans)
    for start, end in sorted(counted):
        if start - until > HANDOVER:
            until = start
        busy += max(0.0, end - until)
        until = max(until, end)
    return Pace(busy / len(counted), sum(end - start for start, end in spans) / len(spans))
