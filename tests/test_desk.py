"""The desk: requests go in whole or not at all, and answers come out once."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.errors import BadOption, DatabaseUnavailable, NotAllowed, UnknownAdapter, UnknownRequest
from engine.png import Recipe, UsedAdapter
from engine.requests import delivery, ledger
from engine.requests.progress import publish
from engine.storage.database import Database
from engine.values import Overrides, Phase, Progress
from tests.samples import ADA, BOB, SAMPLING, SHA, ask
from tests.stages import COMPOSING, claim, render, store_plan


async def count(database: Database, table: str) -> int:
    async with database.transaction() as connection:
        found = await connection.scalar(text(f"select count(*) from {table}"))
    return int(found or 0)


async def rendered(desk: Desk) -> str:
    """Returns the id of a request of Ada's that has its two images."""
    made = await desk.submit(ask(images=2))
    async with desk.database.transaction() as connection:
        await render(connection, made.id)
    return made.id


async def test_a_request_and_its_job_are_stored_together(desk: Desk) -> None:
    made = await desk.submit(ask("a  red star"))
    assert made.prompt == "a red star"
    assert (await desk.answer(made.id)).request == made
    assert (await desk.answer(made.id)).phase is Phase.QUEUED
    async with desk.database.transaction() as connection:
        job = (await connection.execute(text("select * from procrastinate_jobs"))).one()
    assert (job.task_name, job.queue_name) == ("compose", "compose")
    assert job.args == {"request_id": made.id}


async def test_nothing_is_left_where_the_job_cannot_be_stored(desk: Desk) -> None:
    async with desk.database.transaction() as connection:
        await connection.execute(text("drop table procrastinate_jobs cascade"))
    with pytest.raises(DatabaseUnavailable, match="The job queue does not take anything"):
        await desk.submit(ask())
    assert await count(desk.database, "requests") == 0


async def test_an_llm_that_is_not_configured_is_refused_at_once(desk: Desk) -> None:
    with pytest.raises(BadOption, match="LLM composer is not configured"):
        await desk.submit(ask(overrides=Overrides(composer="llm")))
    assert await count(desk.database, "requests") == 0


async def test_an_event_that_comes_twice_gives_one_request_and_one_job(desk: Desk) -> None:
    first = await desk.submit(ask("one"), origin="event-1")
    assert await desk.submit(ask("other"), origin="event-1") == first
    both = await asyncio.gather(*(desk.submit(ask(), origin="event-2") for _ in range(4)))
    assert len({made.id for made in both}) == 1
    assert await count(desk.database, "requests") == 2
    assert await count(desk.database, "procrastinate_jobs") == 2


async def test_a_person_has_so_many_unfinished_requests(desk: Desk) -> None:
    limit = desk.settings.limits.waiting
    made = [await desk.submit(ask()) for _ in range(limit)]
    with pytest.raises(BadOption, match=f"You have {limit} unfinished requests"):
        await desk.submit(ask())
    assert await count(desk.database, "requests") == limit
    assert await count(desk.database, "procrastinate_jobs") == limit
    await desk.submit(ask(asker=BOB))
    await desk.cancel(made[0].id, ADA)
    await desk.submit(ask())


async def test_following_ends_without_any_notice(desk: Desk) -> None:
    made = await desk.submit(ask())
    seen: list[Progress] = []
    async for progress in desk.follow(made.id):
        seen.append(progress)
        async with desk.database.transaction() as connection:
            await ledger.fail(connection, made.id, "It failed.")
    assert [p.phase for p in seen] == [Phase.QUEUED, Phase.FAILED]
    assert [p.position for p in seen] == [0, None]


async def test_following_shows_steps_as_they_are_told(desk: Desk) -> None:
    made = await desk.submit(ask())
    told = Progress(made.id, Phase.RENDERING, 3, 15)
    seen: list[Progress] = []
    async for progress in desk.follow(made.id):
        seen.append(progress)
        async with desk.database.transaction() as connection:
            if progress.phase is Phase.QUEUED:
                await publish(connection, replace(told, request_id="another"))
                await publish(connection, told)
            elif progress == told:
                await ledger.fail(connection, made.id, "It failed.")
    assert told in seen
    assert {p.request_id for p in seen} == {made.id}
    assert seen[-1].phase is Phase.FAILED


async def test_following_what_has_ended_or_never_was(desk: Desk) -> None:
    request_id = await rendered(desk)
    assert [p.phase async for p in desk.follow(request_id)] == [Phase.RENDERED]
    with pytest.raises(UnknownRequest, match="There is no request “nobody”"):
        await anext(aiter(desk.follow("nobody")))


async def test_cancelling_is_for_open_requests(desk: Desk) -> None:
    made = await desk.submit(ask())
    assert await desk.cancel(made.id, ADA)
    assert not await desk.cancel(made.id, ADA)
    assert (await desk.answer(made.id)).phase is Phase.CANCELLED
    assert not await desk.cancel(await rendered(desk), ADA)
    with pytest.raises(UnknownRequest):
        await desk.cancel("nobody", ADA)


async def test_only_its_asker_or_a_moderator_cancels_a_request(desk: Desk) -> None:
    made = await desk.submit(ask())
    elsewhere = replace(BOB, workspace="another")
    with pytest.raises(UnknownRequest):  # another place learns not even that it is there
        await desk.cancel(made.id, elsewhere, moderator=True)
    for stranger, moderator in ((BOB, False), (replace(ADA, user="x"), False)):
        with pytest.raises(NotAllowed, match=f"Request {made.id} is somebody else's"):
            await desk.cancel(made.id, stranger, moderator=moderator)
    assert (await desk.answer(made.id)).phase is Phase.QUEUED
    assert await desk.cancel(made.id, replace(ADA, channel="another"))
    other = await desk.submit(ask())
    assert await desk.cancel(other.id, BOB, moderator=True)


async def test_a_cancelled_request_is_told_where_it_was_asked(desk: Desk) -> None:
    """The message that shows it as running must not stay so for ever."""
    made = await desk.submit(ask())
    assert await desk.cancel(made.id, ADA)
    assert not await desk.cancel(made.id, ADA)
    async with desk.database.transaction() as connection:
        assert await delivery.waiting(connection, "discord", 10) == [(made.id, ADA)]
        jobs = await connection.scalars(text("select task_name from procrastinate_jobs"))
        assert sorted(jobs) == ["compose", "deliver"]


async def test_many_requests_at_once_keep_the_limit(desk: Desk) -> None:
    limit = desk.settings.limits.waiting
    tries = (desk.submit(ask()) for _ in range(limit + 4))
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, BadOption) for one in ended) == 4
    assert await count(desk.database, "requests") == limit


async def test_a_line_keeps_its_root_and_what_was_wished(desk: Desk) -> None:
    parent = await rendered(desk)
    again = await desk.reroll(parent, BOB)
    assert (again.kind, again.parent_id, again.root_id, again.asker) == (
        "reroll",
        parent,
        parent,
        BOB,
    )
    async with desk.database.transaction() as connection:
        await render(connection, again.id)
    varied = await desk.vary(again.id, 1, ADA)
    assert (varied.kind, varied.parent_id, varied.parent_index) == ("vary", again.id, 1)
    assert varied.root_id == parent
    assert len({parent, again.id, varied.id}) == 3
    assert await count(desk.database, "procrastinate_jobs") == 3


async def test_what_has_no_tasks_or_images_has_no_descendants(desk: Desk) -> None:
    made = await desk.submit(ask())
    with pytest.raises(BadOption, match=f"Request {made.id} was not composed"):
        await desk.reroll(made.id, ADA)
    async with desk.database.transaction() as connection:
        await store_plan(connection, await claim(connection, COMPOSING, made.id))
    with pytest.raises(BadOption, match="is planned, so it has no images"):
        await desk.vary(made.id, 0, ADA)
    for index in (-1, 2):
        with pytest.raises(BadOption, match=f"images 0 to 1, not {index}"):
            await desk.vary(await rendered(desk), index, ADA)


RECIPE = Recipe("r0", "a red star", "dull", 11, SAMPLING, (UsedAdapter("x", "Star", SHA, 0.7),))


async def test_a_recipe_is_rendered_again_as_it_was(desk: Desk, catalogue: tuple[str, ...]) -> None:
    with pytest.raises(UnknownAdapter, match=f"with sha256 {SHA[:12]} is not in this catalogue"):
        await desk.repeat(RECIPE, ADA)
    async with desk.database.transaction() as connection:
        statement = text("update adapters set sha256 = :sha where id = 'test:star'")
        await connection.execute(statement, {"sha": SHA})
    made = await desk.repeat(RECIPE, ADA)
    assert (made.prompt, made.negative, made.seed) == ("a red star", "dull", 11)
    assert (made.sampling, made.image_count) == (SAMPLING, 1)
    wishes = made.overrides
    assert (wishes.adapters, wishes.pin) == ("none", ("test:star",))
    assert wishes.weights == {"test:star": 0.7}
