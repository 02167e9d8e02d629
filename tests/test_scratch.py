"""A measurement's own database comes and goes."""

import psycopg
import pytest

from engine.settings import Settings
from engine.storage.scratch import scratch_database


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("select datname from pg_database")}


async def test_it_is_migrated_and_leaves_nothing(settings: Settings) -> None:
    url = settings.database.url.get_secret_value()
    before = databases(url)
    with pytest.raises(KeyError):
        async with scratch_database(settings) as scratch:
            assert databases(url) != before
            with psycopg.connect(scratch.database.url.get_secret_value()) as connection:
                row = connection.execute("select count(*) from stylus.adapters").fetchone()
            assert row == (0,)
            raise KeyError
    assert databases(url) == before
