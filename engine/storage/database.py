"""Postgres: one pool a process, transactions, and its errors as ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import sqlalchemy.exc
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from engine.errors import BadSettings, DatabaseUnavailable, StorageUnavailable
from engine.settings import Settings
from engine.storage.embedded_postgres import start_embedded_postgres
from engine.storage.tables import SEARCH_PATH

#: Name of the database on the embedded server.
EMBEDDED_DATABASE = "stylus"


@dataclass(frozen=True, slots=True)
class Database:
    """An open pool. `conninfo` is for psycopg alone and may hold a password."""

    engine: AsyncEngine
    conninfo: str

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back on an error."""
        with mapped_errors():
            async with self.engine.begin() as connection:
                yield connection

    def __repr__(self) -> str:
        return f"Database({self.engine.url!r})"


class mapped_errors:  # noqa: N801  a context manager that reads like a function
    """Turns connection errors of psycopg and SQLAlchemy into `DatabaseUnavailable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
        if isinstance(cause, psycopg.errors.DiskFull):
            raise StorageUnavailable(
                "The database's disk is full; free some room, then try again."
            ) from error
        if isinstance(cause, psycopg.OperationalError | sqlalchemy.exc.TimeoutError):
            raise DatabaseUnavailable(
                "The database does not answer; `stylus doctor` tells more."
            ) from error


def database_url(settings: Settings) -> str:
    """Returns the plain Postgres URL, after starting the embedded server where none is set.

    Raises `BadSettings`, and `DatabaseUnavailable` where that server does not start.
    """
    configured = settings.database.url.get_secret_value()
    if configured:
        try:
            url = make_url(configured)
        except sqlalchemy.exc.ArgumentError:
            raise BadSettings("The setting database.url is not a URL.") from None
        if url.get_backend_name() not in ("postgresql", "postgres"):
            raise BadSettings(
                f"The setting database.url names {url.get_backend_name()[:20]}, but Stylus needs "
                "Postgres: postgresql://user:password@host/name."
            )
        return url.set(drivername="postgresql").render_as_string(hide_password=False)
    return _embedded_url(settings)


def _embedded_url(settings: Settings) -> str:
    server = start_embedded_postgres(settings.home)
    with psycopg.connect(server, autocommit=True) as connection:
        # Two processes may get here at once; the second one waits and finds it made.
        connection.execute("select pg_advisory_lock(hashtext('stylus database'))")
        found = connection.execute(
            "select 1 from pg_database where datname = %s", [EMBEDDED_DATABASE]
        ).fetchone()
        if not found:
            connection.execute(f'create database "{EMBEDDED_DATABASE}"')
    url = make_url(server).set(database=EMBEDDED_DATABASE)
    return url.render_as_string(hide_password=False)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Opens the pool and proves that the server answers.

    Raises `DatabaseUnavailable` and `BadSettings`.
    """
    conninfo = database_url(settings)
    engine = create_async_engine(
        make_url(conninfo).set(drivername="postgresql+psycopg"),
        pool_size=settings.database.pool,
        max_overflow=0,
        pool_pre_ping=True,
        # Else its errors, which may be logged, would show people's words and ids.
        hide_parameters=True,
        connect_args={
            "options": f"-c search_path={SEARCH_PATH}",
            "connect_timeout": 5,
            # Prepared statements outlive a pooler's connection; plans are cheap here.
            "prepare_threshold": None,
        },
    )
    try:
        async with Database(engine, conninfo).transaction():
            pass
        yield Database(engine, conninfo)
    finally:
        await engine.dispose()
