"""An installation whose engine and renderer run for all tests that do not kill them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.desk import Desk, open_desk
from engine.settings import Settings
from tests.conftest import Server, settings_for
from tests.processes.installation import Installation, environment_for, stock

FURNISHED = "template_furnished"


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that all installations share: files are kept by content."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def furnished(server: Server, migrated: str, blobs: Path) -> str:
    """Name of a template database with adapters that have files."""
    server.run(f"create database {FURNISHED} template {migrated}")
    asyncio.run(stock(settings_for(server.database(FURNISHED), blobs), blobs))
    return FURNISHED


@pytest.fixture(scope="session")
def running(server: Server, furnished: str, blobs: Path) -> Iterator[Installation]:
    """An installation with an engine and a renderer at work."""
    yield from installed(server, furnished, blobs, ("engine", "renderer"))


@pytest.fixture
def idle(server: Server, furnished: str, blobs: Path) -> Iterator[Installation]:
    """An installation of the test's own, in which nothing runs yet."""
    yield from installed(server, furnished, blobs, ())


def installed(
    server: Server, template: str, home: Path, roles: tuple[str, ...]
) -> Iterator[Installation]:
    """Yields a new installation in which these processes run."""
    name = server.create(template)
    url = server.database(name)
    environment = environment_for(home, url)
    installation = Installation(_settings(environment), environment)
    try:
        for process in [installation.spawn(role) for role in roles]:
            process.until(" ready ")
        yield installation
    finally:
        installation.end()
        server.drop(name)


def _settings(environment: dict[str, str]) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        return Settings()


@pytest.fixture
async def running_desk(running: Installation) -> AsyncIterator[Desk]:
    async with open_desk(running.settings) as desk:
        yield desk


@pytest.fixture
async def idle_desk(idle: Installation) -> AsyncIterator[Desk]:
    async with open_desk(idle.settings) as desk:
        yield desk
