"""What a process died over is worked on alone in the next one."""

import asyncio

import pytest

from engine.processes.jobs import HandedOn
from engine.processes.process import open_post
from engine.processes.quarantine import Quarantine, was_rendered_before
from engine.settings import Settings
from tests.stages import COMPOSING, RENDERING, claim, store_plan, stored


class Job:
    """A job that is in hand until it is told to end."""

    def __init__(self, quarantine: Quarantine, suspect: bool = False) -> None:
        self.in_hand = False
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(quarantine, suspect))

    async def _run(self, quarantine: Quarantine, suspect: bool) -> None:
        async with quarantine.place(suspect):
            self.in_hand = True
            await self._end.wait()
        self.in_hand = False

    async def end(self) -> None:
        self._end.set()
        await self.task


async def in_hand(*jobs: Job) -> list[bool]:
    for _ in range(5):
        await asyncio.sleep(0)
    return [job.in_hand for job in jobs]


async def test_a_suspect_is_alone_and_newcomers_wait_behind_it() -> None:
    quarantine = Quarantine()
    jobs = [Job(quarantine), Job(quarantine), Job(quarantine, suspect=True), Job(quarantine)]
    assert await in_hand(*jobs) == [True, True, False, False]
    await jobs[0].end()
    assert await in_hand(*jobs) == [False, True, False, False]
    await jobs[1].end()
    assert await in_hand(*jobs) == [False, False, True, False]
    await jobs[2].end()
    assert await in_hand(*jobs) == [False, False, False, True]
    await jobs[3].end()


async def test_suspects_go_one_by_one() -> None:
    quarantine = Quarantine()
    first, second = Job(quarantine, suspect=True), Job(quarantine, suspect=True)
    assert await in_hand(first, second) == [True, False]
    await first.end()
    assert await in_hand(first, second) == [False, True]
    await second.end()


@pytest.mark.parametrize("suspect", [True, False])
async def test_who_is_stopped_while_waiting_leaves_the_job_to_others(suspect: bool) -> None:
    quarantine = Quarantine()
    first, waiting = Job(quarantine, suspect=not suspect), Job(quarantine, suspect=suspect)
    assert await in_hand(first, waiting) == [True, False]
    waiting.task.cancel()
    with pytest.raises(HandedOn):
        await waiting.task
    await first.end()
    third = Job(quarantine)
    assert await in_hand(third) == [True], "the door is open"
    await third.end()


async def test_only_what_was_begun_is_suspect(settings: Settings) -> None:
    async with open_post(settings) as post:
        async with post.database.transaction() as connection:
            await stored(connection)
            assert await store_plan(connection, await claim(connection, COMPOSING))
        assert not await was_rendered_before(post, "r1")
        async with post.database.transaction() as connection:
            await claim(connection, RENDERING)
        assert await was_rendered_before(post, "r1")
