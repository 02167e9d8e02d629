"""Progress: signs of life through Postgres' NOTIFY. Losing one loses nothing."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import psycopg
from psycopg import AsyncConnection as Listener
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.values import Phase, Progress

CHANNEL = "stylus_progress"
#: What a follower of all requests subscribes to.
EVERY_REQUEST = ""
#: Seconds between two tries to listen again after the connection was lost.
RECONNECT = 1.0


async def publish(connection: AsyncConnection, progress: Progress) -> None:
    """Tells everybody who follows the request, once the transaction is committed."""
    payload = [progress.request_id, progress.phase.value, progress.step, progress.steps]
    await connection.execute(
        text("select pg_notify(:channel, :payload)"),
        {"channel": CHANNEL, "payload": json.dumps(payload)},
    )


class ProgressFeed:
    """One listening connection, shared by all who follow a request in this process."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._followers: dict[str, set[asyncio.Queue[Progress]]] = defaultdict(set)

    @contextlib.contextmanager
    def subscribe(self, request_id: str = EVERY_REQUEST) -> Iterator[asyncio.Queue[Progress]]:
        """Yields a queue that fills with the request's progress, or with everybody's."""
        queue: asyncio.Queue[Progress] = asyncio.Queue()
        self._followers[request_id].add(queue)
        try:
            yield queue
        finally:
            self._followers[request_id].discard(queue)
            if not self._followers[request_id]:
                del self._followers[request_id]

    async def run(self) -> None:
        """Listens until cancelled, again and again where the connection is lost."""
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                async for progress in self._listen():
                    for followed in (progress.request_id, EVERY_REQUEST):
                        for queue in self._followers.get(followed, ()):
                            queue.put_nowait(progress)
            await asyncio.sleep(RECONNECT)

    async def _listen(self) -> AsyncIterator[Progress]:
        async with await Listener.connect(self._conninfo, autocommit=True) as connection:
            await connection.execute(f"listen {CHANNEL}")
            async for note in connection.notifies():
                request_id, phase, step, steps = json.loads(note.payload)
                yield Progress(request_id, Phase(phase), step, steps)
