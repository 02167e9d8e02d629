"""History: what a person asked in a workspace, newest first, and how much of it today."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select, text
from sqlalchemy.sql.elements import ColumnElement

from engine.storage.database import Database
from engine.storage.tables import renderings, requests
from engine.values import Asker, Phase

#: Ends that cost nothing: what failed or was cancelled does not count against a quota.
REFUNDED = (Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True, slots=True)
class Past:
    """One request of somebody's history."""

    request_id: str
    kind: str
    prompt: str
    phase: Phase
    images: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """The history of all askers."""

    database: Database

    async def of(self, asker: Asker, words: str = "", limit: int = 10) -> list[Past]:
        """Returns the asker's newest requests whose prompts hold all the words."""
        mine = _is(asker)
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
                select(*columns, images, requests.c.created_at)
                .where(mine, requests.c.prompt != "")
                .order_by(requests.c.created_at.desc())
                .limit(limit)
            )
            return [Past(row[0], row[1], row[2], Phase(row[3]), row[4], row[5]) for row in rows]

    async def today(self, asker: Asker) -> int:
        """Returns how many requests of the last 24 hours count against the asker's quota."""
        lately = requests.c.created_at > func.now() - text("interval '24 hours'")
        counts = requests.c.phase.not_in(sorted(REFUNDED))
        async with self.database.transaction() as connection:
            found = await connection.scalar(
                select(func.count()).select_from(requests).where(_is(asker), lately, counts)
            )
            return found or 0

    async def open(self, asker: Asker) -> list[str]:
        """Returns the ids of the asker's unfinished requests, oldest first."""
        unfinished = requests.c.phase.not_in(["rendered", "failed", "cancelled"])
        async with self.database.transaction() as connection:
            rows = await connection.scalars(
                select(requests.c.id).where(_is(asker), unfinished).order_by(requests.c.created_at)
            )
            return list(rows)


def _is(asker: Asker) -> ColumnElement[bool]:
    return and_(
        requests.c.platform == asker.platform,
        requests.c.workspace == asker.workspace,
        requests.c.user_id == asker.user,
    )
