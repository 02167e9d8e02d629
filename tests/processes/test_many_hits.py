"""Four workers and two hundred requests, while one after the other is killed or frozen."""

import asyncio
import random
import signal

from sqlalchemy import text

from engine.desk import Desk
from engine.requests import backlog
from engine.values import Asker
from tests.processes.installation import Installation, Process
from tests.samples import ask

REQUESTS, WORKERS, HITS = 200, 4, 9
#: Seconds between two looks at what has ended.
LOOK = 0.05
MODULE = ("-m", "tests.processes.light_worker")


async def until_ended(desk: Desk, count: int) -> None:
    """Waits until so many requests have ended, whoever has them in hand."""
    while True:
        async with desk.database.transaction() as connection:
            if REQUESTS - await backlog.count_open(connection) >= count:
                return
        await asyncio.sleep(LOOK)


async def hit(
    chooser: random.Random, workers: list[Process], idle: Installation, desk: Desk
) -> list[Process]:
    """Kills a worker, which another one replaces, or freezes it; returns who is frozen."""
    ready = {worker.pid for worker in await desk.workers()}
    victim = chooser.choice([one for one in workers if one.popen.pid in ready] or workers)
    if chooser.random() < 0.5:
        victim.popen.send_signal(signal.SIGSTOP)
        return [victim]
    victim.kill()
    workers[workers.index(victim)] = idle.spawn_python(*MODULE)
    return []


async def test_two_hundred_requests_survive_workers_killed_and_frozen(
    idle: Installation, idle_desk: Desk
) -> None:
    """Every one ends once, with the images of the claim that was the newest."""
    # Time passes as it does, and who only has little time is thought dead as well.
    idle.environment |= {"STYLUS_QUEUE__STALLED": "1.5", "STYLUS_QUEUE__TRIES": "10"}
    idle.environment["STYLUS_LOG__LEVEL"] = "warning"  # nobody reads it
    people = [Asker("console", f"w{n % 4}", user=f"u{n}") for n in range(REQUESTS // 4)]
    made = [await idle_desk.submit(ask(asker=people[n // 4], images=2)) for n in range(REQUESTS)]
    workers = [idle.spawn_python(*MODULE) for _ in range(WORKERS)]
    chooser, frozen = random.Random(5), list[Process]()  # noqa: S311
    for number in range(HITS):
        await until_ended(idle_desk, (number + 1) * REQUESTS // (HITS + 1))
        for worker in frozen:  # long thought dead, it goes on with what it had in hand
            worker.popen.send_signal(signal.SIGCONT)
        frozen = await hit(chooser, workers, idle, idle_desk)
    await until_ended(idle_desk, REQUESTS - 20)
    for worker in frozen:
        worker.popen.send_signal(signal.SIGCONT)
    await until_ended(idle_desk, REQUESTS)
    # One that was only just starting ends as whatever does not know what it is told.
    assert {worker.stop() for worker in workers} <= {0, -signal.SIGTERM}
    async with idle_desk.database.transaction() as connection:
        rows = (await connection.execute(text(ENDS))).all()
        left = await connection.scalar(text("select count(*) from procrastinate_jobs"))
    assert {row.id for row in rows} == {request.id for request in made}
    assert {(row.phase, row.images) for row in rows} == {("rendered", 2)}
    assert {row.stale for row in rows} == {0}
    assert sum(row.attempt > 2 for row in rows) >= HITS // 2, "hits took requests out of hands"
    assert left == 0


#: How each request ended, and how many of its images are another claim's than the newest one's.
ENDS = """
    select r.id, r.phase, r.attempt, count(i.*) as images,
           count(*) filter (where i.rendering ->> 'blob' <> 'attempt ' || r.attempt) as stale
    from requests r left join renderings i on i.request_id = r.id group by r.id
"""
