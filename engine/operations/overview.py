"""The overview: workers alive, requests by phase, versions."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import __version__
from engine.operations.unserved import Unserved, find_unserved
from engine.processes import workers
from engine.requests.standings import load_pace
from engine.retrieving.asking import configured_embedder
from engine.retrieving.search_index import Standing, standing
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.schema import check_schema
from engine.storage.tables import deliveries, requests
from engine.values import OPEN_PHASES, Pace, Worker


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of the installation at one moment."""

    version: str
    workers: tuple[Worker, ...]
    #: Open requests by phase.
    open: dict[str, int]
    #: Requests that ended within the last hour, by phase.
    ended: dict[str, int]
    #: Answers that wait for a frontend.
    unposted: int
    #: What no renderer alive can render.
    unserved: tuple[Unserved, ...]
    #: How fast requests were rendered lately; None where none was.
    pace: Pace | None
    #: Seconds that the oldest open request has waited; None where none is open.
    oldest_seconds: float | None
    #: How far cards have the configured embedder's vectors; None where that is the local one.
    embedding: Standing | None


async def look_around(settings: Settings) -> Overview:
    """Returns the overview. Raises `DatabaseUnavailable` and `SchemaOutdated`."""
    async with contextlib.aclosing(keep_looking(settings)) as seen:
        return await anext(seen)


async def keep_looking(settings: Settings) -> AsyncGenerator[Overview, None]:
    """Yields the overview of the moment, again and again. Raises as `look_around` does."""
    async with open_database(settings) as database:
        while True:
            yield await _look(database, settings)


async def _look(database: Database, settings: Settings) -> Overview:
    lately = func.now() - text("interval '1 hour'")
    by_phase = select(requests.c.phase, func.count()).group_by(requests.c.phase)
    is_open = requests.c.phase.in_(sorted(OPEN_PHASES))
    posted = deliveries.c.state.in_(["wanted", "posting"])
    async with database.transaction() as connection:
        await check_schema(connection)
        opened = await connection.execute(by_phase.where(is_open))
        ended = await connection.execute(by_phase.where(requests.c.finished_at > lately))
        oldest = await connection.scalar(
            select(func.extract("epoch", func.now() - func.min(requests.c.created_at))).where(
                is_open
            )
        )
        alive = await workers.alive(connection, settings.queue.stalled)
        return Overview(
            version=__version__,
            workers=tuple(alive),
            open={row[0]: row[1] for row in opened},
            ended={row[0]: row[1] for row in ended},
            unposted=await connection.scalar(
                select(func.count()).select_from(deliveries).where(posted)
            )
            or 0,
            unserved=tuple(await find_unserved(connection, alive)),
            pace=await load_pace(connection),
            oldest_seconds=None if oldest is None else float(oldest),
            embedding=await _embedding(connection, settings),
        )


async def _embedding(connection: AsyncConnection, settings: Settings) -> Standing | None:
    if settings.embeddings.kind == "local":
        return None
    return await standing(connection, configured_embedder(settings.embeddings).name)
