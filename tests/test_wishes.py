"""Wishes: a pin is a choice among the adapters that one may use, never a way around a rule."""

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.errors import BadOption, UnknownAdapter
from engine.requests.wishes import refuse_pin
from engine.values import Asker, Overrides
from tests.samples import ADA, adapter, ask


async def change(desk: Desk, adapter_id: str, column: str, value: str) -> None:
    async with desk.database.transaction() as connection:
        statement = text(f"update adapters set {column} = :value where id = :id")
        await connection.execute(statement, {"id": adapter_id, "value": value})


async def requests(desk: Desk) -> int:
    async with desk.database.transaction() as connection:
        return int(await connection.scalar(text("select count(*) from requests")) or 0)


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(pin=("test:nobody",)),
        Overrides(drop=("test:nobody",)),
        Overrides(weights={"test:nobody": 1.0}),
    ],
)
async def test_an_unknown_adapter_is_named(desk: Desk, overrides: Overrides) -> None:
    with pytest.raises(UnknownAdapter, match="There is no adapter “test:nobody”"):
        await desk.submit(ask(overrides=overrides))
    assert await requests(desk) == 0


@pytest.mark.parametrize(
    ("adapter_id", "sentence"),
    [
        ("test:rope", "“Rope bondage” cannot be pinned: its card is rated unsafe"),
        ("test:xl", "cannot be pinned: it is made for sdxl, and this checkpoint is stylus-small"),
        ("test:nofile", "“Paper lantern” cannot be pinned: its file is not here"),
    ],
)
async def test_a_pin_bypasses_no_filter(
    desk: Desk, catalogue: tuple[str, ...], adapter_id: str, sentence: str
) -> None:
    with pytest.raises(BadOption, match=sentence):
        await desk.submit(ask(overrides=Overrides(pin=(adapter_id,))))
    assert await requests(desk) == 0
    await desk.submit(ask(overrides=Overrides(drop=(adapter_id,))))


async def test_a_disabled_adapter_cannot_be_pinned(desk: Desk, catalogue: tuple[str, ...]) -> None:
    pinned = ask(overrides=Overrides(pin=("test:star",)))
    await desk.submit(pinned)
    await change(desk, "test:star", "status", "disabled")
    with pytest.raises(BadOption, match="“Big star” cannot be pinned: it is disabled"):
        await desk.submit(pinned)


async def test_another_workspaces_adapter_is_unknown_here(
    desk: Desk, catalogue: tuple[str, ...]
) -> None:
    await change(desk, "test:star", "workspace", "theirs")
    for wishes in (Overrides(pin=("test:star",)), Overrides(drop=("test:star",))):
        with pytest.raises(UnknownAdapter, match="There is no adapter “test:star”"):
            await desk.submit(ask(asker=ADA, overrides=wishes))
        theirs = Asker("discord", workspace="theirs", user="cleo")
        assert await desk.submit(ask(asker=theirs, overrides=wishes))


def test_what_may_be_used_is_not_refused() -> None:
    assert refuse_pin(adapter("a"), "stylus-small") is None
