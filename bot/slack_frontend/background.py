"""Background: what is done after Slack has its acknowledgement."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(part="slack")

#: Seconds that a stopping process leaves its work, as the queue leaves its jobs.
GRACE = 20.0


class Background:
    """Keeps the tasks of one app; none is lost in silence."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs the work beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finish(self) -> None:
        """Returns when nothing is left to do, or no time: what Slack keeps waiting is given up.

        Requests and answers are in the database by then, so that another process takes them up.
        """
        until = asyncio.get_running_loop().time() + GRACE
        while self._tasks and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        for task in self._tasks:
            log.warning("given up while stopping", task=task.get_name())
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("something failed after its acknowledgement", exc_info=task.exception())
