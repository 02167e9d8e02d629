"""The desk: requests go in whole or not at all, and answers come out once."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from engine import delivery, ledger
from engine.database import Database
from engine.delivery import Delivery
from engine.desk import Desk, Undeliverable
from engine.errors import BadOption, DatabaseUnavailable, UnknownAdapter, UnknownRequest
from engine.png import Recipe, UsedAdapter
from engine.progress import publish
from engine.values import Answer, Overrides, Phase, Progress
from tests.samples import ADA, BOB, SAMPLING, SHA, ask, request
from tests.stages import COMPOSING, claim, render, store_plan, stored


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
    await desk.cancel(made[0].id)
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
    assert await desk.cancel(made.id)
    assert not await desk.cancel(made.id)
    assert (await desk.answer(made.id)).phase is Phase.CANCELLED
    assert not await desk.cancel(await rendered(desk))
    with pytest.raises(UnknownRequest):
        await desk.cancel("nobody")


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


async def wanted(desk: Desk, request_id: str = "r1") -> None:
    """A request whose answer is to be posted on Discord."""
    async with desk.database.transaction() as connection:
        await stored(connection, request(id=request_id))
        await render(connection, request_id)
        await delivery.want(connection, request_id, "discord")


async def delivered(desk: Desk) -> list[tuple[str, str | None, str | None]]:
    columns = "state, message_id, failure"
    async with desk.database.transaction() as connection:
        rows = await connection.execute(text(f"select {columns} from deliveries order by 1"))
        return [(row.state, row.message_id, row.failure) for row in rows]


async def test_what_waits_is_posted_once_by_the_registered_sender(desk: Desk) -> None:
    posts: list[tuple[Answer, Delivery]] = []

    async def send(answer: Answer, claimed: Delivery) -> str:
        posts.append((answer, claimed))
        return f"m{len(posts)}"

    await wanted(desk)
    await wanted(desk, "r2")
    desk.register("discord", send)
    assert await desk.deliver_waiting("slack") == 0
    assert await desk.deliver_waiting("discord") == 2
    assert await desk.deliver_waiting("discord") == 0
    assert [answer.request.id for answer, _ in posts] == ["r1", "r2"]
    assert all(answer.phase is Phase.RENDERED for answer, _ in posts)
    assert not any(claimed.ambiguous for _, claimed in posts)
    assert await delivered(desk) == [("posted", "m1", None), ("posted", "m2", None)]


async def test_what_can_never_be_posted_is_given_up(desk: Desk) -> None:
    async def send(answer: Answer, claimed: Delivery) -> str:
        raise Undeliverable("The channel is gone.")

    await wanted(desk)
    desk.register("discord", send)
    assert await desk.deliver_waiting("discord") == 0
    assert await delivered(desk) == [("undeliverable", None, "The channel is gone.")]


async def test_a_sender_that_breaks_leaves_a_doubt_for_the_next(desk: Desk) -> None:
    doubts: list[bool] = []

    async def send(answer: Answer, claimed: Delivery) -> str:
        doubts.append(claimed.ambiguous)
        if len(doubts) == 1:
            raise ConnectionError("lost in the middle of the post")
        return "m1"

    await wanted(desk)
    desk.register("discord", send)
    with pytest.raises(ConnectionError):
        await desk.deliver_waiting("discord")
    assert await desk.deliver_waiting("discord") == 0, "it may still be under way"
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update deliveries set posting_at = now() - interval '1 minute'")
        )
    assert await desk.deliver_waiting("discord") == 1
    assert doubts == [False, True]
    assert await delivered(desk) == [("posted", "m1", None)]
