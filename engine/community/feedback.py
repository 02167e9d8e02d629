"""Feedback: thumbs for the adapters of an answer, and stars for answers worth showing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from engine.community.chat_tables import feedback, stars
from engine.community.events import is_first
from engine.storage.database import Database
from engine.values import Answer


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What people thought of one set of adapters."""

    adapters: tuple[str, ...]
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """The feedback of all requests."""

    database: Database

    async def judge(
        self, answer: Answer, user: str, verdict: int, event_id: str | None = None
    ) -> None:
        """Stores a thumb, 1 or -1; a person has one for each answer, the newest counts.

        An event that comes again changes nothing.
        """
        adapters = sorted({a.adapter_id for r in answer.renderings for a in r.loaded})
        row = insert(feedback).values(
            request_id=answer.request.id, user_id=user, verdict=verdict, adapters=adapters
        )
        newest = {"verdict": verdict, "created_at": func.now()}
        platform = answer.request.asker.platform
        async with self.database.transaction() as connection:
            if event_id and not await is_first(connection, platform, event_id):
                return
            await connection.execute(
                row.on_conflict_do_update(index_elements=["request_id", "user_id"], set_=newest)
            )

    async def withdraw(self, request_id: str, user: str, verdict: int) -> None:
        """Forgets that thumb; another one of the person's stays."""
        async with self.database.transaction() as connection:
            await connection.execute(
                delete(feedback).where(
                    feedback.c.request_id == request_id,
                    feedback.c.user_id == user,
                    feedback.c.verdict == verdict,
                )
            )

    async def verdicts(self) -> Sequence[Verdicts]:
        """Returns the counts for each set of adapters, most judged first."""
        good = func.count().filter(feedback.c.verdict > 0)
        bad = func.count().filter(feedback.c.verdict < 0)
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(feedback.c.adapters, good, bad)
                .group_by(feedback.c.adapters)
                .order_by(func.count().desc(), feedback.c.adapters)
            )
            return [Verdicts(tuple(row[0]), row[1], row[2]) for row in rows]

    async def star(self, request_id: str, user: str) -> bool:
        """Stores a star; returns whether it is the answer's first."""
        async with self.database.transaction() as connection:
            before = await connection.scalar(
                select(func.count()).select_from(stars).where(stars.c.request_id == request_id)
            )
            row = insert(stars).values(request_id=request_id, user_id=user)
            await connection.execute(row.on_conflict_do_nothing())
            return not before
