"""A shift: a worker of the queue that outlives outages of the database.

procrastinate's worker ends when the database does not answer it, so another takes its place. And
a job is left over where the word of its being fetched, or done, was lost with a connection: the
queue has it as ours, but nobody is at it. Such jobs are put back, since no rescuer would: we live.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from procrastinate import JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from engine.operations.log import get_log
from engine.processes.queue import AT_ONCE, Queue
from engine.settings import Queue as Timing

log = get_log("shift")

#: Seconds that a stopping worker leaves its jobs to finish.
GRACE = 30.0
#: Seconds between two tries to work again.
AGAIN = 1.0


class Shift:
    """Jobs of some queues, so many at once."""

    def __init__(
        self, queue: Queue, timing: Timing, role: str, queues: Sequence[str], concurrency: int
    ) -> None:
        self._queue = queue
        self._timing = timing
        self._role = role
        self._queues = list(queues)
        self._concurrency = concurrency
        self._worker: Worker | None = None
        #: Jobs that somebody is at, and those that nobody was at when it was last looked.
        self._at_work: set[int] = set()
        self._adrift: frozenset[int] = frozenset()

    @property
    def at_work(self) -> int:
        """How many jobs somebody is at."""
        return len(self._at_work)

    async def run(self) -> None:
        """Works until it is cancelled, which leaves its jobs time to finish."""
        task = asyncio.current_task()
        assert task
        while not task.cancelling():
            self._worker = self._new_worker()
            with contextlib.suppress(ConnectorException):
                await self._worker.run()  # type: ignore[no-untyped-call]
            if not task.cancelling():
                log.warning("the queue was lost; working again as soon as it answers")
                await asyncio.sleep(AGAIN)

    async def put_back(self) -> int:
        """Puts jobs back that are ours but that nobody was at, now and when this was last called.

        Returns how many. Call it from time to time; it never raises for a lost connection.
        """
        manager = self._queue.app.job_manager
        count = 0
        with contextlib.suppress(ConnectorException):
            adrift = await self._find_adrift()
            again, self._adrift = adrift & self._adrift, adrift
            for job_id in again:
                log.warning("a job of ours was left over; it is put back", job=job_id)
                await manager.retry_job_by_id_async(job_id, AT_ONCE)
                count += 1
        return count

    async def _find_adrift(self) -> frozenset[int]:
        worker_id = self._worker.worker_id if self._worker else None
        if worker_id is None:
            return frozenset()
        manager = self._queue.app.job_manager
        ours = await manager.list_jobs_async(status="doing", worker_id=worker_id)
        return frozenset(job.id for job in ours if job.id is not None) - self._at_work

    def _new_worker(self) -> Worker:
        return Worker(
            self._queue.app,
            queues=self._queues,
            name=self._role,
            concurrency=self._concurrency,
            update_heartbeat_interval=self._timing.heartbeat,
            # Pruned rows only lose the queue's memory of a worker; the rescuer decides who is dead.
            stalled_worker_timeout=self._timing.stalled * 6,
            shutdown_graceful_timeout=GRACE,
            install_signal_handlers=False,
            delete_jobs="always",
            worker_middleware=[self._note],
        )

    async def _note(
        self, call: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker
    ) -> Any:
        assert context.job.id is not None  # it was fetched
        self._at_work.add(context.job.id)
        try:
            return await call()
        finally:
            self._at_work.discard(context.job.id)
