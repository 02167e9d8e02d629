"""Events: what a platform may send twice counts once, where no request's origin sees to it."""

from dataclasses import dataclass

from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import events
from engine.storage.database import Database

#: Seconds within which the same event is the same one come twice. Platforms repeat themselves
#: within minutes; the notice that a reaction was taken away may have been lost for longer.
REPEATED = 600


@dataclass(frozen=True, slots=True)
class Events:
    """The events of all platforms."""

    database: Database

    async def first(self, platform: str, event_id: str) -> bool:
        """Returns whether the event was not seen lately, and remembers it."""
        async with self.database.transaction() as connection:
            return await is_first(connection, platform, event_id)

    async def forget(self, platform: str, event_id: str) -> None:
        """Lets the event count once more."""
        async with self.database.transaction() as connection:
            await connection.execute(
                delete(events).where(events.c.platform == platform, events.c.event_id == event_id)
            )


async def is_first(connection: AsyncConnection, platform: str, event_id: str) -> bool:
    """The same in a transaction with what the event asks for: both are stored, or neither."""
    row = insert(events).values(platform=platform, event_id=event_id)
    long_ago = events.c.seen_at < func.now() - text(f"interval '{REPEATED} seconds'")
    seen = await connection.execute(
        row.on_conflict_do_update(
            index_elements=["platform", "event_id"],
            set_={"seen_at": func.now()},
            where=long_ago,
        ).returning(events.c.event_id)
    )
    return seen.scalar() is not None
