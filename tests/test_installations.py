"""Tokens of workspaces: sealed in the database, opened by the right key for the right workspace."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from engine.community.installations import Installation, Installations
from engine.errors import BadSettings
from engine.settings import Slack
from engine.storage.database import Database
from engine.storage.sealing import Sealing, Unsealable

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (251, 7))
ONE = Installation("E1:T1", "One", "UBOT1", "BBOT1", SecretStr("xoxb-canary-one"))
TWO = replace(ONE, workspace=":T2", name="Two", token=SecretStr("xoxb-canary-two"))


def sealing(*keys: str) -> Sealing:
    return Sealing(SecretStr(" ".join(keys)))


def installed(database: Database, *keys: str) -> Installations:
    return Installations(database, "slack", sealing(*keys))


async def stored(database: Database) -> dict[str, bytes]:
    async with database.transaction() as connection:
        rows = await connection.execute(text("select workspace, sealed_token from installations"))
        return {row[0]: bytes(row[1]) for row in rows}


async def test_each_workspace_has_its_own_token_and_none_lies_in_plain(database: Database) -> None:
    ours = installed(database, OLD)
    for one in (ONE, TWO):
        await ours.keep(one)
    assert await ours.find(["E1:T1"]) == ONE
    assert await ours.find([":T2"]) == TWO
    assert await ours.find(["E1:T2", "T1"]) is None
    assert not [kept for kept in (await stored(database)).values() if b"canary" in kept]
    assert "canary" not in repr(ONE)


async def test_a_whole_organisation_is_second_to_its_workspace(database: Database) -> None:
    ours = installed(database, OLD)
    whole = replace(ONE, workspace="E1:", token=SecretStr("xoxb-whole"))
    await ours.keep(whole)
    assert await ours.find(["E1:T1", "E1:"]) == whole
    await ours.keep(ONE)
    assert await ours.find(["E1:T1", "E1:"]) == ONE


async def test_a_token_moved_to_another_workspace_is_refused(database: Database) -> None:
    ours = installed(database, OLD)
    await ours.keep(ONE)
    async with database.transaction() as connection:
        await connection.execute(text("update installations set workspace = concat(chr(58), 'T2')"))
    with pytest.raises(Unsealable, match="slack token of :T2 is the slack token of E1:T1"):
        await ours.find([":T2"])


async def test_keys_are_exchanged_one_after_the_other(database: Database) -> None:
    await installed(database, OLD).keep(ONE)
    with pytest.raises(Unsealable, match="No key opens the slack token of E1:T1; put the key"):
        await installed(database, NEW).reseal()
    assert await installed(database, NEW, OLD).reseal() == 1
    assert await installed(database, NEW).find(["E1:T1"]) == ONE
    with pytest.raises(Unsealable):
        await installed(database, OLD).find(["E1:T1"])


async def test_the_next_token_is_sealed_too_and_found_in_time(database: Database) -> None:
    ours, end = installed(database, OLD), datetime.now(UTC).replace(microsecond=0)
    ending = replace(ONE, refresh=SecretStr("xoxe-canary-next"), expires_at=end)
    for one in (ending, TWO):
        await ours.keep(one)
    assert await ours.ending(end) == []
    assert await ours.ending(end + timedelta(seconds=1)) == [ending]
    assert await installed(database, NEW, OLD).reseal() == 2
    ours = installed(database, NEW)
    assert await ours.find(["E1:T1"]) == ending
    async with database.transaction() as connection:
        kept = bytes(await connection.scalar(text("select max(sealed_refresh) from installations")))
    assert b"canary" not in kept
    assert "canary" not in repr(ending)
    later = replace(
        ending, token=SecretStr("t"), refresh=SecretStr("r"), expires_at=end + timedelta(hours=12)
    )
    assert await ours.renew(ending, later)
    assert not await ours.renew(ending, ending), "what was renewed meanwhile stays"
    assert await ours.find(["E1:T1"]) == later


async def test_late_news_of_a_removal_does_not_remove_what_came_after(database: Database) -> None:
    ours = installed(database, OLD)
    await ours.keep(ONE)
    await ours.keep(TWO)
    now = datetime.now(UTC)
    assert not await ours.drop("E1:T1", now - timedelta(minutes=1))
    assert await ours.drop("E1:T1", now + timedelta(minutes=1))
    assert await ours.find(["E1:T1"]) is None
    assert await ours.find([":T2"]) == TWO


def test_what_is_sealed_grows_old() -> None:
    ours = sealing(OLD)
    assert ours.open(ours.seal("x", "a"), "a", lives=60) == "x"
    with pytest.raises(Unsealable):
        ours.open(ours.seal("x", "a"), "a", lives=-1)
    with pytest.raises(BadSettings, match="openssl rand -base64 32"):
        sealing().seal("x", "a")


@pytest.mark.parametrize("keys", ["canary", f"{OLD} c2hvcnQ="])
def test_a_key_that_is_none_is_refused_without_being_shown(keys: str) -> None:
    with pytest.raises(ValidationError, match="32 bytes in base64"):
        Slack(token_keys=SecretStr(keys))
