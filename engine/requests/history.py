"""History: what a person asked in a workspace, newest first, and how much of it today."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from engine.community.chat_tables import homes
from engine.requests.allowance import images_today, is_asker
from engine.storage.database import Database
from engine.storage.tables import renderings, requests
from engine.values import Asker, Phase


@dataclass(frozen=True, slots=True)
class Past:
    """One request of somebody's history."""

    request_id: str
    kind: str
    prompt: str
    phase: Phase
    images: int
    created_at: datetime
    #: The platform's ids of the files that show its images, where it has such.
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The history of all askers."""

    database: Database

    async def of(self, asker: Asker, words: str = "", limit: int = 10) -> list[Past]:
        """Returns the asker's newest requests whose prompts hold all the words."""
        mine = is_asker(asker)
        for word in words.split():
            mine = and_(mine, requests.c.prompt.icontains(word, autoescape=True))
        images = (
            select(func.count())
            .where(renderings.c.request_id == requests.c.id)
            .correlate(requests)
            .scalar_subquery()
        )
        columns = [requests.c[name] for name in ("id", "kind", "prompt", "phase")]
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(*columns, images, requests.c.created_at, homes.c.files)
                .outerjoin(homes, homes.c.request_id == requests.c.id)
                .where(mine, requests.c.prompt != "")
                .order_by(requests.c.created_at.desc(), requests.c.id)
                .limit(limit)
            )
            return [
                Past(row[0], row[1], row[2], Phase(row[3]), row[4], row[5], tuple(row[6] or ()))
                for row in rows
            ]

    async def today(self, asker: Asker) -> int:
        """Returns how many images of the last 24 hours count against the asker's quota."""
        async with self.database.transaction() as connection:
            return await images_today(connection, asker)

    async def open(self, asker: Asker) -> list[str]:
        """Returns the ids of the asker's unfinished requests, oldest first."""
        unfinished = requests.c.phase.not_in(["rendered", "failed", "cancelled"])
        async with self.database.transaction() as connection:
            rows = await connection.scalars(
                select(requests.c.id)
                .where(is_asker(asker), unfinished)
                .order_by(requests.c.created_at, requests.c.id)
            )
            return list(rows)
