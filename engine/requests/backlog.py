"""The backlog: whether anything is unfinished."""

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.storage.tables import requests
from engine.values import OPEN_PHASES


async def any_open(connection: AsyncConnection) -> bool:
    """Returns whether any request is unfinished."""
    statement = select(exists().where(requests.c.phase.in_(sorted(OPEN_PHASES))))
    return bool(await connection.scalar(statement))
