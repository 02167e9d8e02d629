"""A backup brings everything back, into an empty place only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine.desk import Desk, open_desk
from engine.errors import BadFile, BadOption
from engine.settings import Settings
from engine.storage.backup import back_up, restore
from engine.values import Asker
from tests.conftest import Server
from tests.discord.atelier import compose, png, render
from tests.samples import ask

OPERATOR = Asker("console")


@pytest.fixture
def elsewhere(server: Server, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings on an empty database and an empty store."""
    name = server.create("template0")
    database = settings.database.model_copy(update={"url": SecretStr(server.database(name))})
    yield settings.model_copy(update={"database": database, "home": tmp_path / "elsewhere"})
    server.drop(name)


async def test_everything_comes_back(
    desk: Desk, catalogue: tuple[str, ...], elsewhere: Settings, tmp_path: Path
) -> None:
    made = await desk.submit(ask("red star", images=2), "event")
    await compose(desk, made)
    await render(desk, made)
    before = await desk.answer(made.id)
    saved = back_up(desk.settings, tmp_path / "backup")
    assert saved.database_bytes > 10_000
    assert saved.files == 1
    assert (saved.folder.stat().st_mode & 0o077) == 0, "prompts and tokens are nobody else's"
    assert restore(elsewhere, saved.folder) == saved
    async with open_desk(elsewhere) as restored:
        assert await restored.answer(made.id) == before
        assert await restored.image(before.renderings[0]) == png()
        found = await restored.lookup.search("star", OPERATOR)
        assert found
        again = await restored.submit(ask("red star"), "event")
        assert again.id == made.id, "an event that comes again is still known"
    with pytest.raises(BadOption, match="restore into an empty one"):
        restore(elsewhere, saved.folder)
    with pytest.raises(BadOption, match="is not empty; give a new folder"):
        back_up(desk.settings, saved.folder)
    with pytest.raises(BadFile, match="holds no backup"):
        restore(elsewhere, tmp_path)
