"""The job queue: procrastinate, in the same Postgres.

It decides who runs next and nothing else; what became of a request stands in our own rows.
Jobs carry ids only. Tasks are deferred by name, so that a frontend need not import what runs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import procrastinate
import procrastinate.exceptions
import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import DatabaseUnavailable
from engine.storage.database import Database
from engine.storage.tables import SEARCH_PATH

COMPOSE_QUEUE = "compose"
LIBRARY_QUEUE = "library"
#: When a job that is put back may be taken up. Its default is this machine's present, which the
#: database may think is an hour away.
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
#: For a task that nothing but its own job remembers: whatever breaks it off, it is tried again, a
#: little later each time.
UNTIL_DONE = procrastinate.RetryStrategy(linear_wait=5)


def render_queue(checkpoint: str, needs: int = 1) -> str:
    """Returns the queue of a checkpoint, which only renderers that can run it listen to.

    `needs` is the kind of the plans: renderers of versions that do not know it do not listen.
    """
    return f"render:{checkpoint}:{needs}" if needs > 1 else f"render:{checkpoint}"


def delivery_queue(platform: str, shard: str = "") -> str:
    """Returns the queue of a frontend, or of the process that has one of its shards."""
    return f"{platform}:{shard}" if shard else platform


@dataclass(frozen=True, slots=True)
class Queue:
    """An open queue."""

    app: procrastinate.App

    async def defer(
        self, connection: AsyncConnection, task: str, queue: str, request_id: str, priority: int
    ) -> None:
        """Enqueues a request's job in the caller's transaction. Raises `DatabaseUnavailable`."""
        await self._defer(connection, task, queue, {"priority": priority}, request_id=request_id)

    async def defer_fetch(self, connection: AsyncConnection, addition_id: str) -> None:
        """Enqueues the fetching of a proposed LoRA; one is fetched at a time, for downloads must
        never take all places that prompts are composed in."""
        options = {"lock": "fetch"}
        await self._defer(connection, "fetch", LIBRARY_QUEUE, options, addition_id=addition_id)

    async def defer_check(self, connection: AsyncConnection, addition_id: str, queue: str) -> None:
        """Enqueues the check of a proposed LoRA on a queue of renderers."""
        await self._defer(connection, "check", queue, {}, addition_id=addition_id)

    async def defer_embedding(self, connection: AsyncConnection) -> None:
        """Enqueues the embedding of all cards that lack it."""
        await self._defer(connection, "embed", LIBRARY_QUEUE, {"lock": "embed"})

    async def defer_refining(self, connection: AsyncConnection, adapter_id: str) -> None:
        """Enqueues the refining of one card; one is refined at a time."""
        options = {"lock": "refine"}
        await self._defer(connection, "refine", LIBRARY_QUEUE, options, adapter_id=adapter_id)

    async def _defer(
        self,
        connection: AsyncConnection,
        task: str,
        queue: str,
        options: dict[str, Any],
        **arguments: str,
    ) -> None:
        raw = await connection.get_raw_connection()
        try:
            await self.app.configure_task(
                task, queue=queue, connection=raw.driver_connection, **options
            ).defer_async(**arguments)
        except procrastinate.exceptions.ConnectorException as error:
            raise DatabaseUnavailable(
                "The job queue does not take anything; `stylus doctor` tells more."
            ) from error


@asynccontextmanager
async def open_queue(database: Database, connections: int = 4) -> AsyncIterator[Queue]:
    """Opens the queue's own small pool beside the database's. Raises `DatabaseUnavailable`."""
    options: dict[str, Any] = {"options": f"-c search_path={SEARCH_PATH}", "connect_timeout": 5}
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=database.conninfo,
            kwargs=options,
            min_size=1,
            max_size=connections,
            timeout=10,
        )
    )
    try:
        async with app.open_async():
            yield Queue(app)
    except (psycopg.OperationalError, procrastinate.exceptions.ConnectorException) as error:
        raise DatabaseUnavailable(
            "The database does not answer; `stylus doctor` tells more."
        ) from error
