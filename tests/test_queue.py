"""Who runs next, and how the work of dead processes comes back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.jobs import Job
from sqlalchemy import text

from engine.desk import Desk
from engine.library.addition_rows import Described
from engine.processes.compose_worker import register_embedding
from engine.processes.library_rescue import rescue_additions
from engine.processes.process import Post, open_post
from engine.processes.queue import LIBRARY_QUEUE
from engine.processes.rescue import (
    keep_rescuing,
    move_up,
    rescue,
    rescue_jobs,
    rescue_requests,
)
from engine.processes.shift import Shift
from engine.requests import ledger
from engine.retrieving.embedder import MINILM
from engine.retrieving.search_index import count_pending
from engine.settings import Settings
from engine.storage.database import Database
from engine.storage.outage import closed_database
from engine.values import Asker
from tests.samples import ADA, BOB, ask, request
from tests.stages import COMPOSING, claim, render, store_plan, stored

Jobs = list[tuple[str, str, str]]


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    async with open_post(settings) as post:
        yield post


async def jobs(database: Database) -> Jobs:
    """Returns the request, task and status of every job in its order of making."""
    columns = "args ->> 'request_id', task_name, status::text"
    async with database.transaction() as connection:
        rows = await connection.execute(
            text(f"select {columns} from procrastinate_jobs order by id")
        )
        return [(row[0], row[1], row[2]) for row in rows]


async def take(post: Post, queue: str = "compose") -> Job:
    """Takes the next job as a worker process does that then says nothing more."""
    manager = post.queue.app.job_manager
    job = await manager.fetch_job([queue], await manager.register_worker())
    assert job
    return job


async def fall_silent(post: Post) -> None:
    """All workers so far gave their last sign of life a minute ago."""
    async with post.database.transaction() as connection:
        await connection.execute(
            text("update procrastinate_workers set last_heartbeat = now() - interval '1 minute'")
        )


async def forget_jobs(post: Post) -> None:
    async with post.database.transaction() as connection:
        await connection.execute(text("delete from procrastinate_jobs"))


async def test_a_persons_second_request_waits_for_everybodys_first(desk: Desk, post: Post) -> None:
    asked = [(ADA, "ada 1"), (ADA, "ada 2"), (ADA, "ada 3"), (BOB, "bob 1"), (BOB, "bob 2")]
    prompts = {(await desk.submit(ask(prompt, asker))).id: prompt for asker, prompt in asked}
    order = [prompts[str((await take(post)).task_kwargs["request_id"])] for _ in asked]
    assert order == ["ada 1", "bob 1", "ada 2", "bob 2", "ada 3"]


async def test_the_same_name_in_another_workspace_is_another_person(desk: Desk, post: Post) -> None:
    await desk.submit(ask("first"))
    await desk.submit(ask("second"))
    other = await desk.submit(ask("other", Asker("discord", workspace="w2", user=ADA.user)))
    await take(post)
    assert (await take(post)).task_kwargs["request_id"] == other.id


async def test_one_workspaces_flood_does_not_hold_up_another(desk: Desk, post: Post) -> None:
    """500 requests of fifty people; the other workspace's one has the next slot that is free."""
    first = await desk.submit(ask("flood", Asker("discord", workspace="w1", user="u0")))
    async with desk.database.transaction() as connection:
        await connection.execute(text(FLOOD), {"id": first.id})
    assert await rescue_requests(post) == 499
    assert (await take(post)).task_kwargs["request_id"] == first.id
    single = await desk.submit(ask("single", Asker("discord", workspace="w2", user="ann")))
    assert (await take(post)).task_kwargs["request_id"] == single.id


#: 499 more requests like one, of fifty people; jobs they have none yet.
FLOOD = """
    insert into requests
    select (jsonb_populate_record(r, jsonb_build_object(
        'id', r.id || n, 'root_id', r.id || n, 'user_id', 'u' || n % 50))).*
    from requests r cross join generate_series(1, 499) n where r.id = :id
"""


async def test_whoever_waits_moves_up_when_others_are_done(desk: Desk, post: Post) -> None:
    """Without it a person's second request would wait for every newcomer's first, for ever."""
    first, second = [await desk.submit(ask(prompt, ADA)) for prompt in ("ada 1", "ada 2")]
    assert (await take(post)).task_kwargs["request_id"] == first.id
    async with desk.database.transaction() as connection:
        await render(connection, first.id)
    await desk.submit(ask("bob 1", BOB))
    assert await move_up(post) == 1
    assert await move_up(post) == 0
    assert (await take(post)).task_kwargs["request_id"] == second.id


async def test_a_dead_workers_job_comes_back_a_live_ones_stays(desk: Desk, post: Post) -> None:
    dead, alive = [(await desk.submit(ask(prompt))).id for prompt in ("dead", "alive")]
    await take(post)
    await fall_silent(post)
    await take(post)
    assert await jobs(post.database) == [(dead, "compose", "doing"), (alive, "compose", "doing")]
    assert await rescue_jobs(post) == 1
    assert await jobs(post.database) == [(dead, "compose", "todo"), (alive, "compose", "doing")]
    assert await rescue_jobs(post) == 0
    assert (await take(post)).task_kwargs["request_id"] == dead


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_machine_whose_clock_is_wrong_rescues_all_the_same(
    desk: Desk, post: Post, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """What is put back may be taken up at once, and what lives is not thought dead."""
    dead, alive = [(await desk.submit(ask(prompt))).id for prompt in ("dead", "alive")]
    await take(post)
    await fall_silent(post)
    await take(post)
    off = datetime.now(UTC) + timedelta(hours=hours)
    monkeypatch.setattr("procrastinate.utils.utcnow", lambda: off)
    monkeypatch.setattr("time.time", off.timestamp)
    await rescue(post)
    assert await jobs(post.database) == [(dead, "compose", "todo"), (alive, "compose", "doing")]
    assert (await take(post)).task_kwargs["request_id"] == dead


async def test_after_an_outage_the_living_have_time_for_a_sign_of_life(
    desk: Desk, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile what lost its job by the outage gets a new one: nobody need be dead for that."""
    left_over = await desk.submit(ask())
    await forget_jobs(post)
    made = await desk.submit(ask())
    await take(post)
    await fall_silent(post)
    timing = post.settings.queue.model_copy(update={"stalled": 5.5, "rescue": 1})
    hasty = replace(post, settings=post.settings.model_copy(update={"queue": timing}))
    looked: asyncio.Queue[float] = asyncio.Queue()
    look: asyncio.Queue[None] = asyncio.Queue()
    now = 100.0

    async def pause(seconds: float) -> None:
        looked.put_nowait(seconds)
        await look.get()

    monkeypatch.setattr("engine.processes.rescue.sleep", pause)
    monkeypatch.setattr("engine.processes.rescue.monotonic", lambda: now)
    async with closed_database(post.settings):
        rescuing = asyncio.create_task(keep_rescuing(hasty))
        assert await looked.get() == 1
    new = (left_over.id, "compose", "todo")
    while new not in await jobs(desk.database):  # connections that were cut fail once more
        look.put_nowait(None)
        assert await looked.get() == 1
    assert await jobs(desk.database) == [(made.id, "compose", "doing"), new]
    now += 5.5
    look.put_nowait(None)
    await looked.get()
    rescuing.cancel()
    assert await jobs(desk.database) == [(made.id, "compose", "todo"), new]


async def test_one_engine_at_a_time_rescues(desk: Desk, post: Post) -> None:
    """A second one would put back what a living worker has just taken up."""
    made = await desk.submit(ask())
    await take(post)
    await fall_silent(post)
    async with desk.database.transaction() as other:
        await other.execute(text("select pg_advisory_xact_lock(hashtext('stylus rescuer'))"))
        await rescue(post)
        assert await jobs(post.database) == [(made.id, "compose", "doing")]
    await rescue(post)
    assert await jobs(post.database) == [(made.id, "compose", "todo")]


async def test_what_a_dead_worker_had_under_way_goes_on_first(desk: Desk, post: Post) -> None:
    first, second = [(await desk.submit(ask("ada", ADA))).id for _ in range(2)]
    for _ in range(2):
        await take(post)
    async with desk.database.transaction() as connection:
        await ledger.claim(connection, second, *COMPOSING)
    await fall_silent(post)
    await rescue(post)
    await desk.submit(ask("bob", BOB))
    order = [str((await take(post)).task_kwargs["request_id"]) for _ in range(2)]
    assert order == [second, first], "the one that was claimed, before those that only wait"


async def test_a_job_that_was_fetched_in_vain_is_put_back(desk: Desk, post: Post) -> None:
    """The queue gave it to a worker, which never heard of it: its connection was cut."""
    made = await desk.submit(ask())
    shift = Shift(post.queue, post.settings.queue, "engine", ["elsewhere"], 1)
    working = asyncio.create_task(shift.run())
    try:
        while (fetched := await fetch_as(post, shift)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert fetched.task_kwargs["request_id"] == made.id
        assert await shift.put_back() == 0, "it may only just have been fetched"
        assert await jobs(post.database) == [(made.id, "compose", "doing")]
        assert await shift.put_back() == 1
        assert await jobs(post.database) == [(made.id, "compose", "todo")]
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def fetch_as(post: Post, shift: Shift) -> Job | None:
    """Takes the next job in the name of a shift's worker, once it is registered."""
    worker = shift._worker
    if worker is None or worker.worker_id is None:
        return None
    return await post.queue.app.job_manager.fetch_job(["compose"], worker.worker_id)


async def test_a_request_without_a_job_gets_exactly_one(desk: Desk, post: Post) -> None:
    made = await desk.submit(ask())
    assert await rescue_requests(post) == 0, "it has a job"
    await forget_jobs(post)
    assert await rescue_requests(post) == 1
    assert await rescue_requests(post) == 0
    assert await jobs(post.database) == [(made.id, "compose", "todo")]


async def test_a_request_being_worked_on_gets_no_second_job(desk: Desk, post: Post) -> None:
    made = await desk.submit(ask())
    await take(post)
    assert await rescue_requests(post) == 0
    assert await jobs(post.database) == [(made.id, "compose", "doing")]


async def test_a_planned_request_without_a_job_is_rendered(post: Post) -> None:
    async with post.database.transaction() as connection:
        await stored(connection)
        await store_plan(connection, await claim(connection, COMPOSING))
    assert await rescue_requests(post) == 1
    assert await jobs(post.database) == [("r1", "render", "todo")]
    assert (await take(post, "render:builtin")).task_kwargs["request_id"] == "r1"


async def test_a_request_that_has_ended_gets_no_job(post: Post) -> None:
    async with post.database.transaction() as connection:
        for request_id in ("r1", "r2", "r3"):
            await stored(connection, request(id=request_id))
        await render(connection, "r1")
        await ledger.fail(connection, "r2", "It failed.")
        await ledger.cancel(connection, "r3")
    assert await rescue_requests(post) == 0
    assert await jobs(post.database) == []


async def test_a_request_that_somebody_is_moving_on_is_left_alone(desk: Desk, post: Post) -> None:
    made = await desk.submit(ask())
    await forget_jobs(post)
    async with desk.database.transaction() as moving:
        await ledger.claim(moving, made.id, *COMPOSING)
        assert await rescue_requests(post) == 0
    assert await rescue_requests(post) == 1


async def end_jobs(post: Post, status: str) -> None:
    """What becomes of jobs whose process is stopped ("aborted"), or loses the database."""
    async with post.database.transaction() as connection:
        await connection.execute(
            text("update procrastinate_jobs set status = cast(:it as procrastinate_job_status)"),
            {"it": status},
        )


@pytest.mark.parametrize("status", ["aborted", "failed"])
@pytest.mark.parametrize(
    ("state", "task"),
    [("waiting", "fetch"), ("fetching", "fetch"), ("fetched", "check"), ("checking", "check")],
)
async def test_an_addition_without_a_job_gets_one(
    desk: Desk, post: Post, status: str, state: str, task: str
) -> None:
    """And what is decided, or waits for a decision, gets none."""
    url = "https://civitai.com/x/star.safetensors"
    for _ in range(2):
        made = await desk.additions.propose_url(url, Described(), ADA)
    async with post.database.transaction() as connection:
        settle = text("update additions set state = 'proposed' where id <> :id")
        await connection.execute(settle, {"id": made.id})
        change = text("update additions set state = :state where id = :id")
        await connection.execute(change, {"state": state, "id": made.id})
    assert await rescue_additions(post) == 0, "it has a job"
    await end_jobs(post, status)
    await rescue(post)
    await rescue(post)
    todo = [name for _, name, now in await jobs(post.database) if now == "todo"]
    assert todo == [task]


async def test_an_embedding_that_breaks_off_goes_on(catalogue: tuple[str, ...], post: Post) -> None:
    register_embedding(post)
    async with post.database.transaction() as connection:
        await connection.execute(text("update adapter_vectors set digest = 'old'"))
        await connection.execute(text("alter table adapter_vectors rename to elsewhere"))
        await post.queue.defer_embedding(connection)
    await work_off(post)
    assert [name for _, name, now in await jobs(post.database) if now == "todo"] == ["embed"]
    async with post.database.transaction() as connection:
        await connection.execute(text("alter table elsewhere rename to adapter_vectors"))
        await connection.execute(text("update procrastinate_jobs set scheduled_at = null"))
    await work_off(post)
    assert await jobs(post.database) == []
    async with post.database.transaction() as connection:
        assert await count_pending(connection, MINILM, "") == 0


async def work_off(post: Post) -> None:
    """Does what the library waits for, as an engine does, until nothing is due."""
    await post.queue.app.run_worker_async(
        queues=[LIBRARY_QUEUE], wait=False, install_signal_handlers=False, delete_jobs="always"
    )
