"""What is done after the acknowledgement is finished before the process ends, if it can be."""

import asyncio

import pytest

from bot.slack_frontend.background import Background


async def test_work_is_finished_with_all_that_it_starts() -> None:
    background, told = Background(), []

    async def second() -> None:
        told.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        background.start(second())
        told.append("first")

    background.start(first())
    await background.finish()
    assert told == ["first", "second"]


async def test_what_never_ends_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.slack_frontend.background.GRACE", 0.05)
    background, ended = Background(), []

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("stuck")

    background.start(stuck())
    async with asyncio.timeout(60):
        await background.finish()
    assert ended == ["stuck"]
