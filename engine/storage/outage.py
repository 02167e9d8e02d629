"""Outages of a database, made on purpose: for measurements and tests in databases of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import make_url

from engine.settings import Settings
from engine.storage.database import mapped_errors

#: Where one connects to say something about another database.
ADMINISTRATIVE = "postgres"


async def cut_connections(settings: Settings) -> int:
    """Ends every connection to the settings' database; returns how many there were.

    Raises `DatabaseUnavailable`.
    """
    return await asyncio.to_thread(_cut, settings)


@asynccontextmanager
async def closed_database(settings: Settings) -> AsyncIterator[None]:
    """Meanwhile nobody gets a connection to the settings' database, as while Postgres starts again.

    Raises `DatabaseUnavailable`.
    """
    await asyncio.to_thread(_allow, settings, False)
    try:
        await cut_connections(settings)
        yield
    finally:
        await asyncio.to_thread(_allow, settings, True)


def _cut(settings: Settings) -> int:
    server, name = _server(settings)
    with mapped_errors(), psycopg.connect(server, autocommit=True) as connection:
        found = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )
        return len(found.fetchall())


def _allow(settings: Settings, allowed: bool) -> None:
    server, name = _server(settings)
    change = f'alter database "{name}" allow_connections {str(allowed).lower()}'
    with mapped_errors(), psycopg.connect(server, autocommit=True) as connection:
        connection.execute(change.encode())


def _server(settings: Settings) -> tuple[str, str]:
    url = make_url(settings.database.url.get_secret_value())
    server = url.set(drivername="postgresql", database=ADMINISTRATIVE)
    return server.render_as_string(hide_password=False), str(url.database)
