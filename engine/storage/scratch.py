"""A database of its own for a measurement, on the server that the settings name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
from pydantic import SecretStr
from sqlalchemy import make_url

from engine.errors import DatabaseUnavailable
from engine.settings import Settings
from engine.storage.database import database_url, mapped_errors
from engine.storage.schema import migrate


@asynccontextmanager
async def scratch_database(settings: Settings) -> AsyncIterator[Settings]:
    """Yields settings that lead to a new, migrated database, which is dropped afterwards.

    Raises `DatabaseUnavailable`, also where the user may not create databases.
    """
    url = await asyncio.to_thread(database_url, settings)
    name = f"stylus_scratch_{uuid4().hex[:12]}"
    await asyncio.to_thread(_run, url, f'create database "{name}"')
    try:
        scratch = make_url(url).set(database=name).render_as_string(hide_password=False)
        section = settings.database.model_copy(update={"url": SecretStr(scratch)})
        changed = settings.model_copy(update={"database": section})
        await asyncio.to_thread(migrate, changed)
        yield changed
    finally:
        await asyncio.to_thread(_run, url, f'drop database if exists "{name}" with (force)')


def _run(url: str, statement: str) -> None:
    try:
        with mapped_errors(), psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            "The database user may not create databases, which a measurement needs; leave "
            "database.url empty to measure on the embedded Postgres."
        ) from error
