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
#: Rendered requests that make the pace, at least.
PACE_OF = 20
#: And so many times what one takes: renderers that begin together end together.
WINDOW = 4.0
#: But no more than so many requests.
KNOWN = 300


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
    seen = [func.extract("epoch", c) for c in (requests.c.rendering_at, requests.c.finished_at)]
    took = func.extract("epoch", requests.c.planned_at - requests.c.composing_at)
    newest = (
        select(*seen, took)
        .where(requests.c.phase == Phase.RENDERED)
        .order_by(requests.c.finished_at.desc(), requests.c.id)
        .limit(KNOWN)
    )
    rows = (await connection.execute(newest)).all()
    done = [(float(row[0]), float(row[1])) for row in rows]
    now = func.extract("epoch", func.clock_timestamp())
    begun = select(seen[0], now).where(requests.c.phase == Phase.RENDERING)
    under_way = [(float(row[0]), float(row[1])) for row in await connection.execute(begun)]
    composing = [float(row[2]) for row in rows[:PACE_OF] if row[2] is not None]
    since = min(end for _, end in done) if len(done) == KNOWN else None
    return pace_of(done, under_way, composing, since)


Span = tuple[float, float]


def pace_of(
    done: Sequence[Span],
    under_way: Sequence[Span] = (),
    composing: Sequence[float] = (),
    since: float | None = None,
) -> Pace | None:
    """Returns the pace of requests that were rendered from and until these seconds.

    By Little's law: where so many are rendered at once, and one takes so long, one ends in every
    so manieth part of that time. It holds for batches, for any number of renderers, however close
    together they end, and also where renderers wait for plans. What is under way counts until now;
    `since` is from when on all are known, and `composing` the seconds that plans took lately.
    """
    if not done:
        return None
    newest = sorted(done, key=lambda span: span[1])[-PACE_OF:]
    duration = _mean([end - start for start, end in newest])
    spans = sorted((*done, *under_way))
    until = max(end for _, end in spans)
    oldest = newest[0][1] if len(done) > PACE_OF else spans[0][0]
    begin = max(min(oldest, until - WINDOW * duration), spans[0][0] if since is None else since)
    work, busy = _work(spans, begin)
    return Pace(duration * busy / work if work else duration, duration, _mean(composing))


def _work(spans: Sequence[Span], begin: float) -> tuple[float, float]:
    """The seconds of all spans together after a time, and those in which there was any.

    The spans are sorted. Breaks that are the queue's count as well.
    """
    work, busy, until = 0.0, 0.0, begin
    for start, end in spans:
        if end <= begin:
            continue
        work += end - max(start, begin)
        if start - until > HANDOVER:
            until = start
        busy += max(0.0, end - until)
        until = max(until, end)
    return work, busy


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
