"""The board: keeps the messages of all open requests of a platform up to date.

It reads how far they are and hears their steps; nothing of it is needed for an answer, and a
process that starts takes up all that are open. No message changes more often than every
`INTERVAL` seconds, and none after its answer is out.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.status import Status, make_status
from bot.texts import texts_for
from engine.desk import Desk
from engine.errors import Unavailable
from engine.values import Asker, Progress, Standing, Standings

#: Seconds between two changes of a message.
INTERVAL = 3.0

#: Messages changed at once: 20 a second leave room for answers under a platform's limit of 50.
MOST_CHANGES = 60

#: Shows a status in the message of a request.
Show = Callable[[Standing, Status], Awaitable[None]]


def utc_now() -> datetime:
    """Returns the time."""
    return datetime.now(UTC)


class Board:
    """Made with a frontend; `run` belongs into the frontend process's task group."""

    def __init__(
        self,
        desk: Desk,
        platform: str,
        show: Show,
        now: Callable[[], datetime] = utc_now,
        serves: Callable[[Asker], bool] = lambda _: True,
    ) -> None:
        """`serves` leaves out people whom another process of the platform looks after."""
        self._serves = serves
        self._now = now
        self._desk = desk
        self._platform = platform
        self._show = show
        self._steps: dict[str, Progress] = {}
        self._shown: dict[str, Status] = {}
        self._turn = 0
        self._turns: dict[str, int] = {}
        self._answered: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    async def run(self) -> None:
        """Refreshes until cancelled."""
        with self._desk.feed.subscribe() as news:
            while True:
                with contextlib.suppress(Unavailable):
                    await self.refresh()
                await asyncio.sleep(INTERVAL)
                while not news.empty():
                    self.hear(news.get_nowait())

    def hear(self, progress: Progress) -> None:
        """Keeps the newest sign of a request for the next refresh."""
        self._steps[progress.request_id] = progress

    async def refresh(self) -> None:
        """Shows every status that has changed."""
        standings = await self._desk.standings(self._platform)
        ours = [one for one in standings.requests if self._serves(one.request.asker)]
        still_open = {standing.request.id for standing in ours}
        for kept in (self._steps, self._shown, self._locks, self._turns):
            for request_id in [r for r in kept if r not in still_open]:
                del kept[request_id]
        self._answered &= still_open
        changed = [
            (standing, status)
            for standing in ours
            if self._shown.get(standing.request.id) != (status := self._status(standing, standings))
        ]
        # Whoever has waited longest for a change comes first, so that all have their turn.
        changed.sort(key=lambda one: self._turns.get(one[0].request.id, 0))
        self._turn += 1
        await asyncio.gather(*(self._update(*one) for one in changed[:MOST_CHANGES]))

    def _status(self, standing: Standing, standings: Standings) -> Status:
        texts = texts_for(standing.home.locale)
        step = self._steps.get(standing.request.id)
        return make_status(standing, standings, step, texts, self._now())

    async def _update(self, standing: Standing, status: Status) -> None:
        async with self._lock(status.request_id):
            if status.request_id not in self._answered:
                await self._show(standing, status)
                self._shown[status.request_id] = status
                self._turns[status.request_id] = self._turn

    @asynccontextmanager
    async def opening(self, request_id: str) -> AsyncIterator[None]:
        """Keeps everything off while the request's message is posted for the first time."""
        async with self._lock(request_id):
            yield

    @asynccontextmanager
    async def answering(self, request_id: str) -> AsyncIterator[None]:
        """Keeps the message for the answer: waits for a change under way, allows none after."""
        async with self._lock(request_id):
            self._answered.add(request_id)
            yield

    def _lock(self, request_id: str) -> asyncio.Lock:
        return self._locks.setdefault(request_id, asyncio.Lock())
