"""The schema: from nothing, down and up again; models and database agree; refusals say how."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url

from engine.errors import BadSettings, DatabaseUnavailable, SchemaOutdated
from engine.processes.process import open_post
from engine.settings import Settings
from engine.storage.database import open_database
from engine.storage.schema import Migrated, check_schema, migrate, newest_revision, too_old
from engine.storage.tables import SCHEMA, metadata
from tests.conftest import Server, settings_for

HEAD = newest_revision()
RELATIONS = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('stylus', 'procrastinate') and c.relname <> 'alembic_version'
      and c.relkind in ('r', 'S', 'v')
"""


@pytest.fixture
def empty(server: Server, tmp_path: Path) -> Iterator[Settings]:
    """Settings on a database without anything."""
    name = server.create("template0")
    yield settings_for(server.database(name), tmp_path)
    server.drop(name)


def run(settings: Settings, statement: str) -> list[tuple[object, ...]]:
    url = settings.database.url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def disagreements(settings: Settings) -> list[object]:
    """What alembic would change to make the database agree with the models."""
    url = make_url(settings.database.url.get_secret_value()).set(drivername="postgresql+psycopg")
    engine = create_engine(url)  # without our search path, on which our schema has no name
    options = {
        "version_table_schema": SCHEMA,
        "include_schemas": True,
        "include_name": lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
        "compare_server_default": True,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        found = list(compare_metadata(context, metadata))
    engine.dispose()
    return found


async def refusal(settings: Settings) -> str:
    async with open_database(settings) as database, database.transaction() as connection:
        with pytest.raises(SchemaOutdated) as caught:
            await check_schema(connection)
    return str(caught.value)


def test_an_empty_database_is_brought_to_the_newest_revision(empty: Settings) -> None:
    assert migrate(empty) == Migrated(None, HEAD)
    assert {row[0] for row in run(empty, RELATIONS)} == {"stylus", "procrastinate"}
    assert run(empty, "select extname from pg_extension where extname = 'vector'")


def test_migrating_again_changes_nothing(empty: Settings) -> None:
    migrate(empty)
    before = run(empty, RELATIONS)
    assert migrate(empty) == Migrated(HEAD, HEAD)
    assert run(empty, RELATIONS) == before


def test_models_and_database_agree(empty: Settings) -> None:
    migrate(empty)
    assert disagreements(empty) == []
    run(empty, "alter table stylus.requests drop column notes")
    assert disagreements(empty), "a difference is seen"


def test_it_goes_down_and_up_again(empty: Settings) -> None:
    migrate(empty)
    before = sorted(map(str, run(empty, RELATIONS)))
    assert migrate(empty, "base") == Migrated(HEAD, None)
    assert run(empty, RELATIONS) == []
    assert migrate(empty) == Migrated(None, HEAD)
    assert sorted(map(str, run(empty, RELATIONS))) == before
    assert disagreements(empty) == []


async def test_an_old_schema_is_refused_naming_the_command(empty: Settings) -> None:
    assert await refusal(empty) == (
        f"The database is empty, but this version needs {HEAD}; run `stylus migrate`."
    )
    migrate(empty)
    async with open_post(empty):
        pass
    run(empty, "update stylus.alembic_version set version_num = '0000'")
    assert await refusal(empty) == (
        f"The database is at 0000, but this version needs {HEAD}; run `stylus migrate`."
    )
    with pytest.raises(SchemaOutdated):
        async with open_post(empty):
            pass


def database_name(settings: Settings) -> str:
    return str(make_url(settings.database.url.get_secret_value()).database)


def test_a_server_without_pgvector_is_said(empty: Settings, server: Server) -> None:
    """Postgres 18 looks for extensions where it is told to; there it finds none."""
    name = database_name(empty)
    server.run(f"alter database {name} set extension_control_path = '/nowhere'")
    with pytest.raises(DatabaseUnavailable, match=r"lacks the extension pgvector; install"):
        migrate(empty)
    assert run(empty, RELATIONS) == []


def test_a_user_who_may_not_create_pgvector_is_told_who_may(
    empty: Settings, server: Server, tmp_path: Path
) -> None:
    url = make_url(server.database(database_name(empty))).set(username="plain", password="plain")
    server.run("create role plain login password 'plain'")
    try:
        plain = settings_for(url.render_as_string(hide_password=False), tmp_path)
        with pytest.raises(DatabaseUnavailable, match="may not create the extension pgvector"):
            migrate(plain)
    finally:
        server.run("drop role plain")
    assert run(empty, RELATIONS) == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:canary-5ecret@127.0.0.1:9/none", "The database does not answer"),
        ("no url: canary-5ecret", "The setting database.url is not a URL"),
        ("mysql://u:canary-5ecret@host/x", "names mysql, but Stylus needs Postgres"),
    ],
)
async def test_an_unreachable_database_is_said_without_its_password(
    tmp_path: Path, url: str, sentence: str
) -> None:
    settings = settings_for(url, tmp_path)
    with pytest.raises((DatabaseUnavailable, BadSettings)) as caught:
        migrate(settings)
    assert sentence in str(caught.value)
    assert "canary" not in str(caught.value)
    with pytest.raises((DatabaseUnavailable, BadSettings)) as caught:
        async with open_database(settings):
            pass
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("version", "old"), [("0.7.4", True), ("0.8.0", False), ("0.10.1", False), ("1.0", False)]
)
def test_an_old_pgvector_is_known_by_its_version(version: str, old: bool) -> None:
    assert too_old(version) is old
