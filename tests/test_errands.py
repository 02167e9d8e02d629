"""Errands: stored with their event, done once each, and gone on with by whoever comes next."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from engine.community import errands
from engine.desk import Desk, Errand
from engine.errors import Unavailable
from tests.samples import ADA, BOB


class Doers:
    """Notes what it is given to do, and breaks off so many times."""

    def __init__(self, breaks: int = 0) -> None:
        self.done: list[Errand] = []
        self.breaks = breaks

    async def do(self, errand: Errand) -> None:
        self.done.append(errand)
        if len(self.done) <= self.breaks:
            raise Unavailable("The platform does not answer.")


@pytest.fixture
async def doers(desk: Desk) -> AsyncIterator[Doers]:
    doers = Doers()
    desk.errands.register("discord", doers.do)
    yield doers


async def want(desk: Desk, event: str = "e1", details: dict[str, Any] | None = None) -> int | None:
    return await desk.errands.want(ADA, event, "wave", details or {})


async def waiting(desk: Desk) -> int:
    async with desk.database.transaction() as connection:
        return int(await connection.scalar(text("select count(*) from errands")) or 0)


async def make_due(desk: Desk) -> None:
    async with desk.database.transaction() as connection:
        await connection.execute(text("update errands set due_at = now()"))


async def test_an_event_is_done_once_and_its_row_goes(desk: Desk, doers: Doers) -> None:
    made = await want(desk, details={"hand": "left"})
    assert await want(desk) is None
    assert await desk.errands.do_waiting("discord") == 1
    (done,) = doers.done
    assert (done.id, done.asker, done.kind, done.details) == (made, ADA, "wave", {"hand": "left"})
    assert await waiting(desk) == 0
    assert not await desk.errands.do("discord", done.id)


async def test_what_a_dead_process_left_is_gone_on_with(desk: Desk, doers: Doers) -> None:
    """With all that it had noted; another process's people are left to it."""
    made = await want(desk)
    await desk.errands.note(int(made or 0), {"message": "m1"})
    assert await desk.errands.do_waiting("slack") == 0
    assert await desk.errands.do_waiting("discord", lambda asker: asker == BOB) == 0
    assert await desk.errands.do_waiting("discord") == 1
    assert doers.done[0].details == {"message": "m1"}


async def test_nobody_does_what_is_under_way(desk: Desk) -> None:
    inside = []

    async def do(errand: Errand) -> None:
        inside.append(await desk.errands.do_waiting("discord"))

    desk.errands.register("discord", do)
    await want(desk)
    assert await desk.errands.do_waiting("discord") == 1
    assert inside == [0]


async def test_what_breaks_off_is_tried_again_later_and_given_up_at_last(
    desk: Desk, doers: Doers
) -> None:
    doers.breaks = errands.TRIES
    made = await want(desk)
    assert not await desk.errands.do("discord", int(made or 0))
    assert await desk.errands.do_waiting("discord") == 0, "it is not due yet"
    assert len(doers.done) == 1
    for _ in range(errands.TRIES):
        await make_due(desk)
        await desk.errands.do_waiting("discord")
    assert [one.last for one in doers.done] == [False] * (errands.TRIES - 1) + [True]
    assert await waiting(desk) == 0


async def test_a_forgotten_persons_errands_are_not_done(desk: Desk, doers: Doers) -> None:
    await want(desk)
    await desk.forgetting.person("discord", ADA.user)
    assert await desk.errands.do_waiting("discord") == 0
    assert doers.done == []
