"""The backlog: how many requests are unfinished, of one person, before another, or at all."""

from sqlalchemy import and_, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.storage.tables import requests
from engine.values import OPEN_PHASES, Asker


async def line_up(connection: AsyncConnection, asker: Asker) -> None:
    """Lets a person's requests be counted and stored one after the other, until the transaction
    ends: of two that come at once, the second must see the first."""
    who = f"{asker.platform}/{asker.workspace}/{asker.user}"
    await connection.execute(
        text("select pg_advisory_xact_lock(hashtext('stylus asker'), hashtext(:who))"), {"who": who}
    )


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
