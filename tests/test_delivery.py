"""Deliveries: wanted, posting, posted; one claimer at a time; doubt is told, never hidden."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.requests import delivery, ledger
from engine.requests.delivery import Delivery
from engine.storage.database import Database
from tests.samples import request

STALLED = 10.0


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction in which the answer to r1 is wanted."""
    async with database.transaction() as connection:
        await ledger.store_request(connection, request(), None)
        await delivery.want(connection, "r1", "discord")
        yield connection


async def claim(connection: AsyncConnection, stalled: float = STALLED) -> Delivery:
    claimed = await delivery.claim(connection, "r1", stalled)
    assert claimed
    return claimed


async def waiting(connection: AsyncConnection, platform: str = "discord") -> list[str]:
    return [one for one, _ in await delivery.waiting(connection, platform, STALLED)]


async def state(connection: AsyncConnection) -> tuple[str, str | None, str | None]:
    row = (
        await connection.execute(text("select state, message_id, failure from deliveries"))
    ).one()
    return row.state, row.message_id, row.failure


async def grow_old(connection: AsyncConnection) -> None:
    """The claimer has been silent for a minute."""
    await connection.execute(text("update deliveries set posting_at = now() - interval '1 minute'"))


async def test_an_answer_is_posted_once(connection: AsyncConnection) -> None:
    assert await waiting(connection) == ["r1"]
    assert await waiting(connection, "slack") == []
    claimed = await claim(connection)
    assert (claimed.request_id, claimed.attempt, claimed.ambiguous) == ("r1", 1, False)
    assert claimed.nonce
    assert await waiting(connection) == []
    assert await state(connection) == ("posting", None, None)
    assert await delivery.claim(connection, "r1", STALLED) is None
    assert await delivery.record_posted(connection, claimed, "m1")
    assert await state(connection) == ("posted", "m1", None)
    await grow_old(connection)
    assert await waiting(connection) == []
    assert await delivery.claim(connection, "r1", STALLED) is None


async def test_a_post_left_in_the_middle_is_ambiguous(connection: AsyncConnection) -> None:
    first = await claim(connection)
    await grow_old(connection)
    assert await waiting(connection) == ["r1"]
    second = await claim(connection)
    assert (second.attempt, second.ambiguous) == (2, True)
    assert second.nonce == first.nonce, "the message is looked for by it"


async def test_a_late_record_is_refused(connection: AsyncConnection) -> None:
    late = await claim(connection)
    await grow_old(connection)
    newest = await claim(connection)
    assert not await delivery.record_posted(connection, late, "m-late")
    assert not await delivery.record_undeliverable(connection, late, "The channel is gone.")
    assert await state(connection) == ("posting", None, None)
    assert await delivery.record_posted(connection, newest, "m1")
    assert not await delivery.record_posted(connection, newest, "m2")
    assert await state(connection) == ("posted", "m1", None)


async def test_what_cannot_be_posted_is_given_up_with_the_reason(
    connection: AsyncConnection,
) -> None:
    claimed = await claim(connection)
    assert await delivery.record_undeliverable(connection, claimed, "The channel is gone.")
    assert await state(connection) == ("undeliverable", None, "The channel is gone.")
    await grow_old(connection)
    assert await waiting(connection) == []
    assert await delivery.claim(connection, "r1", STALLED) is None


async def test_two_claimers_at_once_get_it_once(database: Database) -> None:
    async with database.transaction() as connection:
        await ledger.store_request(connection, request(), None)
        await delivery.want(connection, "r1", "discord")
    async with database.transaction() as one, database.transaction() as other:
        first = await delivery.claim(one, "r1", STALLED)
        second = await delivery.claim(other, "r1", STALLED)
    assert first is not None
    assert second is None


async def test_older_answers_are_posted_first(database: Database) -> None:
    for number in (2, 1, 3):
        async with database.transaction() as connection:
            await ledger.store_request(connection, request(id=f"r{number}"), None)
            await delivery.want(connection, f"r{number}", "discord")
    async with database.transaction() as connection:
        assert await waiting(connection) == ["r2", "r1", "r3"]
