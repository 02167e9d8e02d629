"""A process that starts before its database waits for it, for a while, and says so once."""

import asyncio
from io import StringIO

import pytest
from pydantic import SecretStr

from engine.errors import BadSettings, DatabaseUnavailable
from engine.operations.log import configure_log
from engine.processes.process import open_post
from engine.settings import Log, Settings
from engine.storage import waiting
from engine.storage.outage import closed_database


async def test_a_worker_starts_as_soon_as_the_database_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.05)
    said = StringIO()
    configure_log(Log(), said)
    async with closed_database(settings):
        starting = asyncio.create_task(_start(settings))
        while "Trying again for 60 s." not in said.getvalue():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not starting.done()
    await starting
    assert said.getvalue().count("The database does not answer") == 1


async def _start(settings: Settings) -> None:
    async with open_post(settings):
        pass


async def test_one_that_never_answers_ends_the_start_in_a_known_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.2)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.05)
    async with closed_database(settings):
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            await _start(settings)
    nowhere = settings.database.model_copy(update={"url": SecretStr("no url")})
    with pytest.raises(BadSettings, match="is not a URL"):
        await _start(settings.model_copy(update={"database": nowhere}))


async def test_an_error_while_it_runs_is_no_reason_to_start_again(settings: Settings) -> None:
    starts = 0
    with pytest.raises(DatabaseUnavailable):
        async with open_post(settings):
            starts += 1
            raise DatabaseUnavailable("gone")
    assert starts == 1
