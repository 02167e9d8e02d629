"""The ledger: only the newest claim counts, phases go forward, events that come twice ask once."""

from dataclasses import replace

import pytest

from engine.errors import UnknownRequest
from engine.requests import answers, backlog, ledger
from engine.storage.database import Database
from engine.values import OPEN_PHASES, Mask, Phase
from tests.samples import ADA, composition, plan, planned, request
from tests.stages import (
    COMPOSING,
    IMAGES,
    PLANS,
    RENDERING,
    claim,
    store_plan,
    store_renderings,
    stored,
)


async def test_what_is_stored_comes_back(database: Database) -> None:
    async with database.transaction() as connection:
        made = await stored(connection)
        assert await answers.load_request(connection, "r1") == made
        assert await store_plan(connection, await claim(connection, COMPOSING))
        assert await store_renderings(connection, await claim(connection, RENDERING))
        answer = await answers.load_answer(connection, "r1")
    assert (answer.request, answer.phase) == (made, Phase.RENDERED)
    assert (answer.plans, answer.renderings) == (PLANS, IMAGES)
    assert answer.composition == composition(("a", "b"))
    assert (answer.notes, answer.failure) == (("A note.",), None)
    timings = answer.timings
    assert (timings.retrieve, timings.compose, timings.load, timings.render) == (0.1, 0.2, 0.3, 0.4)
    assert timings.total >= timings.queued >= 0


async def test_a_late_plan_of_an_older_claim_is_refused(database: Database) -> None:
    async with database.transaction() as connection:
        await stored(connection)
        older = await claim(connection, COMPOSING)
        newer = await claim(connection, COMPOSING)
        assert not await store_plan(connection, older, (plan(0, planned("late")),))
        assert not await ledger.is_newest(connection, older)
        assert await ledger.is_newest(connection, newer)
        assert (await answers.load_answer(connection, "r1")).plans == ()
        assert await store_plan(connection, newer)
        assert not await store_plan(connection, newer), "the stage is over"
        assert (await answers.load_answer(connection, "r1")).plans == PLANS


async def test_late_renderings_of_an_older_claim_are_refused(database: Database) -> None:
    async with database.transaction() as connection:
        await stored(connection)
        composed = await claim(connection, COMPOSING)
        await store_plan(connection, composed)
        assert not await store_renderings(connection, composed)
        older = await claim(connection, RENDERING)
        newer = await claim(connection, RENDERING)
        assert not await store_renderings(connection, older)
        assert (await answers.load_answer(connection, "r1")).renderings == ()
        assert await store_renderings(connection, newer)
        assert not await store_renderings(connection, newer)


async def test_a_late_failure_of_an_older_claim_is_refused(database: Database) -> None:
    async with database.transaction() as connection:
        await stored(connection)
        older = await claim(connection, COMPOSING)
        newer = await claim(connection, COMPOSING)
        assert not await ledger.fail(connection, "r1", "Too late.", older.attempt)
        assert await answers.load_phase(connection, "r1") is Phase.COMPOSING
        assert await ledger.fail(connection, "r1", "It failed.", newer.attempt)
        assert not await ledger.fail(connection, "r1", "Again.", newer.attempt)
        answer = await answers.load_answer(connection, "r1")
    assert (answer.phase, answer.failure) == (Phase.FAILED, "It failed.")


async def test_tries_count_within_a_stage_and_attempts_over_all(database: Database) -> None:
    async with database.transaction() as connection:
        await stored(connection)
        composing = [await claim(connection, COMPOSING) for _ in range(2)]
        await store_plan(connection, composing[-1])
        rendering = [await claim(connection, RENDERING) for _ in range(3)]
    claims = composing + rendering
    assert [c.tries for c in claims] == [1, 2, 1, 2, 3]
    assert [c.attempt for c in claims] == [1, 2, 3, 4, 5]


async def test_phases_go_forward_only(database: Database) -> None:
    async with database.transaction() as connection:
        await stored(connection)
        assert await ledger.claim(connection, "r1", *RENDERING) is None, "it has no plan yet"
        await store_plan(connection, await claim(connection, COMPOSING))
        assert await ledger.claim(connection, "r1", *COMPOSING) is None
        await store_renderings(connection, await claim(connection, RENDERING))
        assert await ledger.claim(connection, "r1", *RENDERING) is None
        assert not await ledger.cancel(connection, "r1")
        assert not await ledger.fail(connection, "r1", "Too late.")
        assert await answers.load_phase(connection, "r1") is Phase.RENDERED


@pytest.mark.parametrize("phases", [COMPOSING, RENDERING])
async def test_a_cancelled_request_takes_no_result(
    database: Database, phases: tuple[Phase, Phase]
) -> None:
    async with database.transaction() as connection:
        await stored(connection)
        claimed = await claim(connection, COMPOSING)
        if phases == RENDERING:
            await store_plan(connection, claimed)
            claimed = await claim(connection, RENDERING)
        assert await ledger.cancel(connection, "r1")
        assert not await ledger.is_newest(connection, claimed)
        assert not await store_plan(connection, claimed)
        assert not await store_renderings(connection, claimed)
        assert await ledger.claim(connection, "r1", *phases) is None
        answer = await answers.load_answer(connection, "r1")
    assert (answer.phase, answer.failure) == (Phase.CANCELLED, "It was cancelled.")


async def test_masks_count_as_used_over_a_whole_line(database: Database) -> None:
    line = [request(), request(id="r2", parent_id="r1"), request(id="r3", parent_id="r2")]
    strangers = request(id="r4", root_id="r4")
    async with database.transaction() as connection:
        for number, made in enumerate([*line, strangers]):
            await stored(connection, made)
            plans = (plan(0, planned(f"a{number}"), planned("b")), plan(1, planned("b")))
            await store_plan(connection, await claim(connection, COMPOSING, made.id), plans)
        used = await answers.used_masks(connection, "r1")
    masks = [{"a0", "b"}, {"a1", "b"}, {"a2", "b"}, {"b"}]
    assert set(used) == {Mask(frozenset(mask)) for mask in masks}
    assert len(used) == 4


async def test_an_event_that_comes_twice_gives_one_request(database: Database) -> None:
    async with database.transaction() as connection:
        assert await ledger.store_request(connection, request(), "event-1")
        assert not await ledger.store_request(connection, request(id="r2"), "event-1")
        found = await answers.load_by_origin(connection, "discord", "event-1")
        assert found.id == "r1"
        with pytest.raises(UnknownRequest):
            await answers.load_request(connection, "r2")
        elsewhere = request(id="r3", asker=replace(ADA, platform="slack"))
        assert await ledger.store_request(connection, elsewhere, "event-1")
        assert await ledger.store_request(connection, request(id="r4"), None)
        assert await ledger.store_request(connection, request(id="r5"), None)


async def test_what_is_open_is_known(database: Database) -> None:
    async with database.transaction() as connection:
        assert not await backlog.any_open(connection)
        await stored(connection)
        assert await backlog.any_open(connection)
        await ledger.cancel(connection, "r1")
        assert not await backlog.any_open(connection)


async def test_an_unknown_request_is_said_in_a_short_sentence(database: Database) -> None:
    async with database.transaction() as connection:
        with pytest.raises(UnknownRequest, match=r"There is no request “x{40}”;"):
            await answers.load_answer(connection, "x" * 500)


def test_every_phase_is_open_or_final() -> None:
    assert {phase for phase in Phase if not phase.final} == OPEN_PHASES
