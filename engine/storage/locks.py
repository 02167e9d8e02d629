"""Locks between processes, in Postgres: whoever dies lets go of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from engine.storage.database import Database, mapped_errors


@asynccontextmanager
async def held(database: Database, name: str) -> AsyncIterator[None]:
    """Waits until nobody else holds the lock of this name, and holds it.

    On a connection of its own, since whoever holds it may work for long and needs the pool
    meanwhile. Raises `DatabaseUnavailable`.
    """
    with mapped_errors():
        connection = await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True)
    async with connection:
        with mapped_errors():
            await connection.execute("select pg_advisory_lock(hashtext(%s))", [name])
        yield
