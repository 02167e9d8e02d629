"""The board: what has changed is shown, not too much at once, and never over an answer."""

import asyncio
from itertools import pairwise

import pytest

from bot import board
from bot.board import Board
from bot.status import Status
from engine.desk import Desk
from engine.values import Phase, Standing
from tests.discord.atelier import compose
from tests.samples import BOB, ask


class Wall:
    """Keeps what was shown."""

    def __init__(self) -> None:
        self.shown: list[Status] = []

    async def show(self, standing: Standing, status: Status) -> None:
        self.shown.append(status)

    def taken(self) -> list[str]:
        """Returns whose statuses were shown since the last time."""
        found = [status.request_id for status in self.shown]
        self.shown.clear()
        return found


async def test_only_what_has_changed_is_shown(desk: Desk) -> None:
    wall = Wall()
    kept = Board(desk, "discord", wall.show)
    made = await desk.submit(ask())
    await kept.refresh()
    await kept.refresh()
    assert [status.headline for status in wall.shown] == ["Queued"]
    await compose(desk, made)
    await kept.refresh()
    assert wall.shown[-1].headline == "Waiting for a renderer"
    assert wall.shown[-1].tasks


async def test_everybody_has_a_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MOST_CHANGES", 2)
    wall = Wall()
    kept = Board(desk, "discord", wall.show)
    ids = [(await desk.submit(ask(asker=BOB))).id for _ in range(3)]
    await kept.refresh()
    first = wall.taken()
    await kept.refresh()
    assert set(first) | set(wall.taken()) == set(ids)


async def test_nothing_is_shown_over_an_answer(desk: Desk) -> None:
    wall = Wall()
    kept = Board(desk, "discord", wall.show)
    made = await desk.submit(ask())
    async with kept.answering(made.id):
        pass
    await kept.refresh()
    assert wall.taken() == []
    await desk.cancel(made.id, made.asker)
    await kept.refresh()
    assert (await desk.answer(made.id)).phase is Phase.CANCELLED


async def test_no_message_changes_more_often_than_the_interval(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is something new at every look, and yet the looks keep their distance."""
    monkeypatch.setattr(board, "INTERVAL", 0.3)
    clock, times, enough = asyncio.get_running_loop().time, [], asyncio.Event()

    async def show(_standing: Standing, _status: Status) -> None:
        times.append(clock())
        if len(times) == 4:
            enough.set()
        else:
            await desk.submit(ask(asker=BOB))

    await desk.submit(ask(asker=BOB))
    running = asyncio.create_task(Board(desk, "discord", show).run())
    async with asyncio.timeout(30):
        await enough.wait()
    running.cancel()
    assert all(later - before >= 0.3 for before, later in pairwise(times))
