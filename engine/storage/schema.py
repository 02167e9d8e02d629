"""The database's schema: migrated by alembic, checked by everybody else."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

import migrations
from engine import __version__
from engine.errors import DatabaseUnavailable, SchemaOutdated
from engine.settings import Settings
from engine.storage.database import database_url, mapped_errors
from engine.storage.tables import QUEUE_SCHEMA, SCHEMA, SEARCH_PATH

#: What to install, as a sentence says it.
PGVECTOR = "0.8.4 or later"


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which revision to which; equal where nothing had to be done."""

    before: str | None
    after: str | None


def migrate(settings: Settings, target: str = "head") -> Migrated:
    """Brings the schema to the target revision ("base" removes it) and returns what changed.

    Raises `DatabaseUnavailable`, also where the server lacks pgvector.
    """
    url = make_url(database_url(settings)).set(drivername="postgresql+psycopg")
    options = {"options": f"-c search_path={SEARCH_PATH}"}
    engine = create_engine(url, connect_args=options, hide_parameters=True)
    try:
        with mapped_errors(), engine.begin() as connection:
            return _migrate(connection, target)
    finally:
        engine.dispose()


def _migrate(connection: Connection, target: str) -> Migrated:
    # Several processes may start at once on a new database.
    connection.execute(text("select pg_advisory_xact_lock(hashtext('stylus migrate'))"))
    _require_pgvector(connection)
    for schema in (SCHEMA, QUEUE_SCHEMA):
        connection.execute(text(f"create schema if not exists {schema}"))
    before = _revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    if target == "base":
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)
    return Migrated(before, _revision(connection))


def _require_pgvector(connection: Connection) -> None:
    found = connection.execute(
        text("select default_version from pg_available_extensions where name = 'vector'")
    ).scalar()
    if not found:
        raise DatabaseUnavailable(
            f"The Postgres server lacks the extension pgvector; install pgvector {PGVECTOR}."
        )
    _create_pgvector(connection)
    installed = connection.execute(
        text("select extversion from pg_extension where extname = 'vector'")
    ).scalar_one()
    if too_old(installed):
        raise DatabaseUnavailable(
            f"This database has pgvector {installed}; install {PGVECTOR}, then have an "
            "administrator run `alter extension vector update` in this database."
        )


def too_old(version: str) -> bool:
    """Returns whether that version of pgvector lacks what we use (iterative scans, halfvec)."""
    return tuple(int(part) for part in version.split(".")[:2]) < (0, 8)


def _create_pgvector(connection: Connection) -> None:
    try:
        connection.execute(text("create extension if not exists vector with schema public"))
    except Exception as error:
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise DatabaseUnavailable(
                "The database user may not create the extension pgvector; have an administrator "
                "run `create extension vector` in this database."
            ) from error
        raise


async def check_schema(connection: AsyncConnection) -> None:
    """Raises `SchemaOutdated` unless the database is at this version's revision."""
    found = await connection.run_sync(_revision)
    wanted = newest_revision()
    if found != wanted:
        if found and found > wanted:
            raise SchemaOutdated(
                f"The database is at {found}, which is newer than Stylus {__version__} here "
                f"({wanted}); update Stylus on this machine."
            )
        state = f"is at {found}" if found else "is empty"
        raise SchemaOutdated(
            f"The database {state}, but this version needs {wanted}; run `stylus migrate`."
        )


def newest_revision() -> str:
    """Returns the revision that this version of the program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head, "there is always a first migration"
    return head


def _revision(connection: Connection) -> str | None:
    options = {"version_table_schema": SCHEMA}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
