"""The line and the allowance: who is served when, and how much one may ask for."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.desk import Desk
from engine.errors import BadOption, NotAllowed
from engine.requests import ledger
from engine.requests.allowance import drop_counts
from engine.requests.line import line
from engine.requests.standings import pace_of
from engine.settings import Limits
from engine.storage.database import Database
from engine.values import Asker, Pace, Phase, Rules
from tests.samples import ADA, BOB, ask, rendering, request
from tests.stages import COMPOSING, RENDERING, claim, store_plan, stored

CLEO = Asker("slack", workspace="w1", channel="c1", user="cleo")


async def served(connection: AsyncConnection) -> list[str]:
    """Returns the open requests in the order of the line; the queue's priorities say the same."""
    whole = line().subquery()
    rows = (await connection.execute(whole.select().order_by(whole.c.ahead))).all()
    assert [row.ahead for row in rows] == list(range(len(rows)))
    waiting = [row.priority for row in rows]
    assert waiting == sorted(waiting, reverse=True)
    return [row.id for row in rows]


async def wait_in_line(database: Database, **askers: Asker) -> None:
    """Stores a request for each name, one after the other."""
    for name, asker in askers.items():
        async with database.transaction() as connection:
            await stored(connection, request(id=name, asker=asker))


async def test_the_line_goes_by_rounds_and_workspaces_take_turns(database: Database) -> None:
    await wait_in_line(database, a1=ADA, a2=ADA, a3=ADA, b1=BOB, b2=BOB, c1=CLEO, c2=CLEO)
    async with database.transaction() as connection:
        assert await served(connection) == ["a1", "c1", "b1", "a2", "c2", "b2", "a3"]
        await ledger.cancel(connection, "a1")
        assert await served(connection) == ["a2", "c1", "b1", "a3", "c2", "b2"]


async def test_a_lane_goes_rounds_before_others(database: Database) -> None:
    await wait_in_line(database, a1=ADA, a2=ADA, a3=ADA)
    async with database.transaction() as connection:
        for number in range(3):
            made = request(id=f"b{number + 1}", asker=BOB)
            assert await ledger.store_request(connection, made, None, lane=1)
        assert await served(connection) == ["b1", "a1", "b2", "a2", "b3", "a3"]


async def test_what_is_rendered_already_goes_before_all(database: Database) -> None:
    await wait_in_line(database, a1=ADA, a2=ADA, b1=BOB)
    async with database.transaction() as connection:
        assert await store_plan(connection, await claim(connection, COMPOSING, "a2"))
        await claim(connection, RENDERING, "a2")
        whole = line().subquery()
        order = await connection.scalars(whole.select().order_by(whole.c.ahead))
        assert order.all() == ["a2", "a1", "b1"]


def test_the_pace_counts_the_time_in_which_anything_was_rendered() -> None:
    assert pace_of([]) is None
    assert pace_of([(0, 2), (10, 14)]) == Pace(interval=3, duration=3)
    batch = pace_of([(0, 4)] * 4)
    assert batch == Pace(interval=1, duration=4)
    assert [batch.eta(ahead) for ahead in (0, 3, 7)] == [4, 4, 8]


@pytest.mark.parametrize("now", [24.0, 24.5, 27.9])
def test_renderers_that_keep_in_step_have_no_sudden_pace(now: float) -> None:
    """64 renderers that need 4 s each end 16 requests a second, though they all end at once and no
    more than the newest ends are known."""
    done = [(end - 4, end + n / 1000) for end in (12.0, 16.0, 20.0, 24.0) for n in range(64)]
    pace = pace_of(done, [(24.0, now)] * 64, since=12.0)
    assert pace
    assert pace.interval == pytest.approx(1 / 16, rel=0.05)


def test_renderers_that_wait_for_plans_have_the_pace_of_these() -> None:
    """A plan a second for eight renderers that need 4 s; what is under way belongs to it."""
    done = [(float(n), n + 4.0) for n in range(30)]
    under_way = [(float(n), 33.0) for n in range(30, 33)]
    pace = pace_of(done, under_way, composing=[2.0, 4.0])
    assert pace
    assert pace.interval == pytest.approx(1, rel=0.05)
    assert [pace.eta(ahead) for ahead in (0, 9)] == [4, pytest.approx(10, rel=0.05)]
    assert pace.eta(0, planned=False) == 3 + 4


def test_what_was_long_ago_makes_no_pace() -> None:
    """One renderer until lately, two since then, and a night between."""
    alone = [(n * 2.0, n * 2.0 + 2) for n in range(40)]
    both = [(50_000.0 + n, 50_002.0 + n) for n in range(30)]
    pace = pace_of(alone + both)
    assert pace
    assert pace.interval == pytest.approx(1, rel=0.05)


def test_the_most_generous_role_counts() -> None:
    rules = Rules(quotas={"r1": 5, "r2": 50}, daily=1, lanes={"r1": 2, "r3": 1})
    assert [rules.quota(roles) for roles in ((), ("r1",), ("r1", "r2"))] == [1, 5, 50]
    assert [rules.lane(roles) for roles in ((), ("r2",), ("r1", "r3"))] == [0, 0, 2]


async def test_of_many_at_once_only_as_many_pass_as_are_left(desk: Desk) -> None:
    await desk.workspaces.change(ADA, daily=5)
    asked = [desk.submit(ask(images=2)) for _ in range(6)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    refused = [str(one) for one in ended if isinstance(one, NotAllowed)]
    assert len(refused) == 4
    assert refused[0] == (
        "You may ask for 5 images within 24 hours and have 1 left, but this would be 2; images "
        "that failed or were cancelled do not count."
    )
    assert await desk.history.today(ADA) == 4
    await desk.submit(ask(images=1))
    await desk.submit(ask(asker=BOB))


async def test_a_role_has_more_and_a_lane(desk: Desk) -> None:
    await desk.workspaces.change(ADA, daily=0, quotas={"artist": 2}, lanes={"artist": 3})
    with pytest.raises(NotAllowed, match="and have 0 left"):
        await desk.submit(ask(images=2))
    made = await desk.submit(ask(images=2, asker=replace(ADA, roles=frozenset({"artist"}))))
    async with desk.database.transaction() as connection:
        lane = await connection.scalar(text("select lane from requests"))
        priority = await connection.scalar(text("select priority from procrastinate_jobs"))
    assert (lane, made.asker.roles) == (3, frozenset({"artist"}))
    assert priority > 0


async def test_what_did_not_come_out_is_given_back(desk: Desk) -> None:
    """A failed request costs nothing, and of a finished one only the images that are there."""
    first, failed = await desk.submit(ask(images=2)), await desk.submit(ask(images=4))
    assert await desk.history.today(ADA) == 6
    async with desk.database.transaction() as connection:
        await ledger.fail(connection, failed.id, "It failed.")
        assert await store_plan(connection, await claim(connection, COMPOSING, first.id))
        claimed = await claim(connection, RENDERING, first.id)
        assert await ledger.store_renderings(
            connection, claimed, [rendering(1)], load_seconds=0, render_seconds=0
        )
    assert (await desk.answer(first.id)).phase is Phase.RENDERED
    assert await desk.history.today(ADA) == 1


async def test_what_was_forgotten_counts_for_its_day_without_a_name(desk: Desk) -> None:
    await desk.workspaces.change(ADA, daily=5)
    first = await desk.submit(ask(images=2))
    late = await desk.submit(ask(images=1))
    async with desk.database.transaction() as connection:
        for made in (first, late):
            assert await store_plan(connection, await claim(connection, COMPOSING, made.id))
            claimed = await claim(connection, RENDERING, made.id)
            images = [rendering(n) for n in range(made.image_count)]
            await ledger.store_renderings(
                connection, claimed, images, load_seconds=0, render_seconds=0
            )
        await connection.execute(
            text("update requests set created_at = now() - interval '23 hours' where id = :id"),
            {"id": late.id},
        )
    assert (await desk.forgetting.person(ADA.platform, ADA.user)).requests == 2
    assert await desk.history.today(ADA) == 3
    assert await desk.history.today(BOB) == 0
    with pytest.raises(NotAllowed, match="have 2 left"):
        await desk.submit(ask(images=3))
    async with desk.database.transaction() as connection:
        kept = (await connection.execute(text("select t::text from spent_images t"))).scalars()
        assert not [row for row in kept if ADA.user in row or ADA.workspace in row]
        await connection.execute(text("update spent_images set until = until - interval '2 hours'"))
        await drop_counts(connection)
    assert await desk.history.today(ADA) == 2
    async with desk.database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from spent_images")) == 1


@pytest.mark.parametrize(
    ("limits", "error", "sentence"),
    [
        (Limits(waiting=1), BadOption, "You have 1 unfinished requests"),
        (Limits(workspace_waiting=1), NotAllowed, "1 requests of this place are unfinished"),
        (Limits(queue=1), NotAllowed, "So much is waiting just now"),
    ],
)
async def test_every_limit_refuses_kindly(
    desk: Desk, limits: Limits, error: type[Exception], sentence: str
) -> None:
    strict = replace(desk, settings=desk.settings.model_copy(update={"limits": limits}))
    await strict.submit(ask())
    with pytest.raises(error, match=sentence):
        await strict.submit(ask())
    assert len(await desk.history.open(ADA)) == 1
