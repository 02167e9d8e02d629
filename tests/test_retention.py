"""What is older than the operator wants to keep goes, and nothing else."""

import asyncio

import pytest
from sqlalchemy import text

from engine.community.retention import Expired, expire
from engine.desk import Desk
from engine.processes.expiry import AGAIN, FIRST, keep_expiring
from engine.processes.process import Post
from engine.settings import Retention
from engine.values import Asker, Request
from tests.discord.atelier import compose, png, render
from tests.samples import ask


async def rendered(desk: Desk, days: int) -> Request:
    """Returns a request of Ada's whose images were done so many days ago."""
    made = await desk.submit(ask("red star", images=2))
    await compose(desk, made)
    await render(desk, made)
    async with desk.database.transaction() as connection:
        await connection.execute(
            text(
                "update requests set finished_at = now() - make_interval(days => :d) where id = :i"
            ),
            {"d": days, "i": made.id},
        )
    return made


async def expired(desk: Desk, **days: int) -> Expired:
    return await expire(desk.database, desk.store, Retention(**days))


async def test_nothing_goes_unless_it_is_set(desk: Desk) -> None:
    await rendered(desk, 4000)
    assert await expired(desk) == Expired(0, 0)


async def test_old_requests_become_shells_and_their_files_go(desk: Desk) -> None:
    old, young = await rendered(desk, 31), await rendered(desk, 29)
    waiting = await desk.submit(ask("blue star"))
    blob = desk.store.put("images", png(), ".png")
    assert await expired(desk, requests=30) == Expired(1, 0)
    assert (await desk.answer(old.id)).request.prompt == ""
    assert (await desk.answer(old.id)).renderings == ()
    assert (await desk.answer(young.id)).request.prompt == "red star"
    assert desk.store.read(blob), "the younger request shows the same file"
    assert (await desk.answer(waiting.id)).request.prompt == "blue star"
    assert await expired(desk, requests=30) == Expired(0, 0)


async def test_images_go_before_words_and_starred_ones_stay(desk: Desk) -> None:
    old, starred = await rendered(desk, 8), await rendered(desk, 8)
    await desk.feedback.star(starred.id, "bob")
    assert await expired(desk, images=7) == Expired(0, 2)
    answer = await desk.show(old.id, Asker("console"))
    assert (answer.request.prompt, answer.renderings) == ("red star", ())
    assert len((await desk.answer(starred.id)).renderings) == 2


async def test_an_engine_looks_again_and_again_whatever_its_clock_says(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: asyncio.Queue[float] = asyncio.Queue()
    look: asyncio.Queue[None] = asyncio.Queue()

    async def pause(seconds: float) -> None:
        pauses.put_nowait(seconds)
        await look.get()

    monkeypatch.setattr("engine.processes.expiry.sleep", pause)
    kept = desk.settings.model_copy(update={"retention": Retention(requests=30)})
    looking = asyncio.create_task(keep_expiring(Post(kept, desk.database, desk.queue)))
    first = await rendered(desk, 31)
    assert await pauses.get() == FIRST
    look.put_nowait(None)
    assert await pauses.get() == AGAIN
    assert (await desk.answer(first.id)).request.prompt == ""
    second = await rendered(desk, 31)
    look.put_nowait(None)
    assert await pauses.get() == AGAIN
    assert (await desk.answer(second.id)).request.prompt == ""
    looking.cancel()
