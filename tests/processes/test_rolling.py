"""Machines are updated one after the other while people ask: nothing is lost, nothing is twice."""

from sqlalchemy import text

from engine.desk import Desk
from engine.plan import PLANS
from engine.values import Phase, Request
from tests.processes.installation import Installation, Process
from tests.processes.test_crashes import attempts, until_step
from tests.processes.test_path import ask, finish

#: A version that plans what today's renderers do not know.
NEWER = (
    "import engine, engine.plan; engine.__version__ = '9.9'; engine.plan.PLANS += 1; "
    "import runpy; runpy.run_module('bot', run_name='__main__')"
)


def newer(installation: Installation, role: str) -> Process:
    return installation.spawn_python("-c", NEWER, role)


async def rendered_once(desk: Desk, request: Request) -> bool:
    answer = await finish(desk, request)
    assert answer.phase is Phase.RENDERED
    assert len(answer.renderings) == 2
    return await attempts(desk, request) == 2  # composed once, rendered once


async def test_renderers_first_then_engines(idle: Installation, idle_desk: Desk) -> None:
    old_engine, old_renderer = [idle.spawn(role) for role in ("engine", "renderer")]
    for worker in (old_engine, old_renderer):
        worker.until(" ready ")
    under_way = await idle_desk.submit(ask(steps=30))
    await until_step(idle_desk, under_way)
    new_renderer = newer(idle, "renderer")
    assert old_renderer.stop() == 0, "it drains"
    assert await rendered_once(idle_desk, under_way)
    new_renderer.until(" ready ")
    assert await rendered_once(idle_desk, await idle_desk.submit(ask())), "an older one's plans"
    new_engine = newer(idle, "engine")
    new_engine.until(" ready ")
    assert old_engine.stop() == 0
    assert await rendered_once(idle_desk, await idle_desk.submit(ask())), "its own"
    async with idle_desk.database.transaction() as connection:
        rows = await connection.execute(text("select role, version, queues from workers"))
        workers = {(row.role, row.version): row.queues for row in rows}
    assert set(workers) == {("engine", "9.9"), ("renderer", "9.9")}, "the others have left"
    assert f"render:builtin:{PLANS + 1}" in workers["renderer", "9.9"]
    assert [new_engine.stop(), new_renderer.stop()] == [0, 0]
