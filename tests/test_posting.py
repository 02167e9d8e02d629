"""Posting answers: once each, by whoever is registered, and one that fails stops no other."""

import asyncio

import pytest
from sqlalchemy import text

from engine.desk import Desk, NotPosted, Undeliverable, open_desk
from engine.errors import Unavailable
from engine.requests import delivery
from engine.requests.delivery import Delivery
from engine.settings import Settings
from engine.values import Answer, Phase
from tests.samples import request
from tests.stages import render, stored


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
    desk.register("slack", send)
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
    assert await desk.deliver_waiting("discord") == 0
    assert await desk.deliver_waiting("discord") == 0, "it may still be under way"
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update deliveries set posting_at = now() - interval '1 minute'")
        )
    assert await desk.deliver_waiting("discord") == 1
    assert doubts == [False, True]
    assert await delivered(desk) == [("posted", "m1", None)]


async def test_one_that_fails_keeps_no_other_waiting(desk: Desk) -> None:
    async def send(answer: Answer, claimed: Delivery) -> str:
        if answer.request.id == "r1":
            raise RuntimeError("a sender's own mistake")
        return "m2"

    await wanted(desk)
    await wanted(desk, "r2")
    desk.register("discord", send)
    assert await desk.deliver_waiting("discord") == 1
    assert await delivered(desk) == [("posted", "m2", None), ("posting", None, None)]


async def test_what_surely_was_not_posted_waits_without_doubt(desk: Desk) -> None:
    """An outage of the platform: the next round posts it, and nobody looks for it first."""
    doubts: list[bool] = []

    async def send(answer: Answer, claimed: Delivery) -> str:
        doubts.append(claimed.ambiguous)
        if len(doubts) == 1:
            raise NotPosted("The platform is away.")
        return "m1"

    await wanted(desk)
    desk.register("discord", send)
    assert await desk.deliver_waiting("discord") == 0
    assert await delivered(desk) == [("wanted", None, None)]
    assert await desk.deliver_waiting("discord") == 1
    assert doubts == [False, False]


async def test_without_a_sender_nothing_is_claimed(desk: Desk) -> None:
    await wanted(desk)
    with pytest.raises(Unavailable, match="No frontend in this process posts on discord"):
        await desk.deliver("discord", "r1")
    assert await delivered(desk) == [("wanted", None, None)]


async def test_who_still_posts_is_not_taken_for_gone(settings: Settings) -> None:
    """A platform's pause may be longer than the time after which a claim counts as left."""
    queue = settings.queue.model_copy(update={"stalled": 3.0})
    others: list[bool] = []

    async def send(answer: Answer, claimed: Delivery) -> str:
        async with desk.database.transaction() as connection:
            await connection.execute(
                text("update deliveries set posting_at = now() - interval '1 minute'")
            )
        async with asyncio.timeout(60):
            while await looks_left(desk):
                pass
        others.append(await desk.deliver("discord", "r1"))
        return "m1"

    async with open_desk(settings.model_copy(update={"queue": queue})) as desk:
        await wanted(desk)
        desk.register("discord", send)
        assert await desk.deliver("discord", "r1")
        assert others == [False]
        assert await delivered(desk) == [("posted", "m1", None)]


async def looks_left(desk: Desk) -> bool:
    async with desk.database.transaction() as connection:
        return bool(await delivery.waiting(connection, "discord", desk.settings.queue.stalled))
