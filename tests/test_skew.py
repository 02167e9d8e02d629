"""While machines are updated one after the other: who renders what, and what is said of it."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from bot.console.operations import overview_lines
from engine.desk import Desk
from engine.errors import SchemaOutdated
from engine.operations.doctor import examine
from engine.operations.overview import look_around
from engine.plan import PLANS
from engine.processes import workers
from engine.processes.process import Post, open_post
from engine.processes.queue import render_queue
from engine.processes.rescue import rescue_requests
from engine.processes.skew import leave_to_newer
from engine.requests import ledger
from engine.settings import Settings
from engine.storage.schema import check_schema
from engine.values import Phase
from tests.samples import candidate, composition
from tests.stages import COMPOSING, claim, stored
from tests.stages import PLANS as PLANNED_IMAGES
from tests.test_queue import jobs, take

NEWER = PLANS + 1


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    async with open_post(settings) as post:
        yield post


async def plan_as_newer_engine(post: Post, needs: int = NEWER) -> None:
    async with post.database.transaction() as connection:
        await stored(connection)
        assert await ledger.store_plan(
            connection,
            await claim(connection, COMPOSING),
            composition(("a", "b")),
            [candidate("a")],
            PLANNED_IMAGES,
            notes=[],
            retrieve_seconds=0,
            compose_seconds=0,
            needs=needs,
        )


async def test_an_older_renderer_leaves_newer_plans_to_others(post: Post) -> None:
    """Even where an older engine's rescuer has put the job into the older ones' queue."""
    await plan_as_newer_engine(post)
    assert await leave_to_newer(post, "r1")
    assert await jobs(post.database) == [("r1", "render", "todo")]
    assert (await take(post, render_queue("builtin", NEWER))).task_kwargs["request_id"] == "r1"
    async with post.database.transaction() as connection:
        row = (await connection.execute(text("select phase, attempt from requests"))).one()
    assert tuple(row) == (Phase.PLANNED, 1), "nobody claimed its rendering"


async def test_a_rescued_plan_waits_where_its_renderers_listen(post: Post) -> None:
    await plan_as_newer_engine(post)
    assert await rescue_requests(post) == 1
    assert (await take(post, render_queue("builtin", NEWER))).task_kwargs["request_id"] == "r1"


async def test_what_every_renderer_knows_is_rendered_by_any(post: Post) -> None:
    await plan_as_newer_engine(post, needs=PLANS)
    assert not await leave_to_newer(post, "r1")
    assert not await leave_to_newer(post, "nobody knows it")
    assert await jobs(post.database) == []


async def test_status_and_doctor_say_what_waits_for_whom(settings: Settings, post: Post) -> None:
    await plan_as_newer_engine(post)
    async with post.database.transaction() as connection:
        await workers.announce(connection, "renderer", [render_queue("builtin")], "cpu")
        await connection.execute(text("update workers set version = '0.0.9'"))
    sentence = (
        f"1 planned for “builtin” wait for a renderer of a newer version (plans of kind {NEWER}, "
        f"this one knows {PLANS}); update the renderers"
    )
    seen = await look_around(settings)
    assert sentence in "\n".join(map(str, overview_lines(seen)))
    said = {finding.part: finding.says async for finding in examine(settings)}
    assert said["renderer"] == sentence
    assert said["version"].startswith("1 of version 0.0.9 beside ")
    async with post.database.transaction() as connection:
        await workers.announce(connection, "renderer", [render_queue("builtin", NEWER)], "cpu")
    assert (await look_around(settings)).unserved == ()


async def test_an_older_program_asks_to_be_updated(desk: Desk) -> None:
    async with desk.database.transaction() as connection:
        await connection.execute(text("update alembic_version set version_num = '9999'"))
        with pytest.raises(SchemaOutdated, match=r"newer than Stylus .*; update Stylus on this"):
            await check_schema(connection)
