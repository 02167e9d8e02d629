"""The backlog: what is unfinished."""

from collections.abc import Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.storage.tables import deliveries, requests
from engine.values import OPEN_PHASES, Phase

#: Phases in which a worker has a request in its hands.
IN_HAND = (Phase.COMPOSING, Phase.RENDERING)

#: States of an answer that a frontend still has to do something for.
UNPOSTED = ("wanted", "posting")


async def any_open(connection: AsyncConnection) -> bool:
    """Returns whether any request is unfinished."""
    statement = select(exists().where(requests.c.phase.in_(sorted(OPEN_PHASES))))
    return bool(await connection.scalar(statement))


async def count_open(connection: AsyncConnection) -> int:
    """Returns how many requests are unfinished."""
    statement = select(func.count()).select_from(requests)
    return await connection.scalar(statement.where(requests.c.phase.in_(sorted(OPEN_PHASES)))) or 0


async def any_unposted(connection: AsyncConnection) -> bool:
    """Returns whether any answer waits to be posted, or may be out without our knowing."""
    statement = select(exists().where(deliveries.c.state.in_(UNPOSTED)))
    return bool(await connection.scalar(statement))


async def in_hand(
    connection: AsyncConnection, phases: Sequence[Phase] = IN_HAND
) -> frozenset[tuple[str, int]]:
    """Returns the requests that workers are at, each with its attempt: another attempt is
    another worker's, or the same one's after it gave up the first."""
    rows = await connection.execute(
        select(requests.c.id, requests.c.attempt).where(requests.c.phase.in_(phases))
    )
    return frozenset((row.id, row.attempt) for row in rows)


async def rendering(connection: AsyncConnection) -> dict[str, int]:
    """Returns the attempts by which requests are rendered just now, by request."""
    rows = await connection.execute(
        select(requests.c.id, requests.c.attempt).where(requests.c.phase == Phase.RENDERING)
    )
    return {row.id: row.attempt for row in rows}
