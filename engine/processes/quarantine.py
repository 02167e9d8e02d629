"""Quarantine: what a process died over is worked on alone in the next one.

A process has several requests in hand, and all of them come back when it dies, whichever it died
of. Were they taken up together again, they would die together until all are given up. So each is
claimed only when nothing else is in hand, and whatever kills workers takes nobody along twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import exists, select

from engine.library.library_tables import additions
from engine.processes.jobs import HandedOn
from engine.processes.process import Post
from engine.storage.tables import requests
from engine.values import Phase


class Quarantine:
    """Jobs of one process: any number of those that come for the first time, or one other."""

    def __init__(self) -> None:
        self._door = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def place(self, suspect: bool) -> AsyncIterator[None]:
        """Waits until the job may be claimed, in the order of coming.

        Raises HandedOn where it is cancelled meanwhile: it was not done.
        """
        try:
            await self._door.acquire()
            if suspect:
                await self._wait_for_others()
        except asyncio.CancelledError:
            raise HandedOn from None
        if suspect:
            try:
                yield
            finally:
                self._door.release()
            return
        self._door.release()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def _wait_for_others(self) -> None:
        try:
            await self._empty.wait()
        except asyncio.CancelledError:
            self._door.release()
            raise


async def was_rendered_before(post: Post, request_id: str) -> bool:
    """Returns whether a request comes from a process that rendered it and did not end it."""
    at_work = (requests.c.id == request_id) & (requests.c.phase == Phase.RENDERING)
    async with post.database.transaction() as connection:
        return bool(await connection.scalar(select(exists().where(at_work))))


async def was_checked_before(post: Post, addition_id: str) -> bool:
    """Returns whether a LoRA comes from a process that checked it and did not end that."""
    at_work = (additions.c.id == addition_id) & (additions.c.state == "checking")
    async with post.database.transaction() as connection:
        return bool(await connection.scalar(select(exists().where(at_work))))
