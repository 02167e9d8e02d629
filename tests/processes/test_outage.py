"""The database goes away while requests are under way, and comes back: workers outlive it."""

from engine.desk import Desk
from engine.storage.outage import closed_database, cut_connections
from engine.values import Phase
from tests.processes.installation import Installation
from tests.processes.test_crashes import until_step
from tests.processes.test_path import ask, finish


async def test_workers_outlive_a_database_that_starts_again(
    idle: Installation, idle_desk: Desk
) -> None:
    workers = [idle.spawn("engine"), idle.spawn("renderer")]
    for worker in workers:
        worker.until(" ready ")
    under_way, next_ = await idle_desk.submit(ask(steps=120)), await idle_desk.submit(ask())
    await until_step(idle_desk, under_way)
    async with closed_database(idle.settings):
        workers[0].until("no sign of life could be written")
    await cut_connections(idle.settings)
    answers = [await finish(idle_desk, request) for request in (under_way, next_)]
    assert [one.phase for one in answers] == [Phase.RENDERED] * 2
    assert [len(one.renderings) for one in answers] == [2, 2]
    assert [worker.popen.poll() for worker in workers] == [None, None]
    assert [worker.stop() for worker in workers] == [0, 0]
