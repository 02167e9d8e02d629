"""Homes: where in a chat a request's progress and answer are shown, and which message shows what.

All of it is ids, kept for good: a reaction on an old message says no more than where it is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import homes, messages
from engine.storage.database import Database
from engine.storage.tables import requests
from engine.values import Home

#: What an answer without a row has: a public message in the channel it was asked in.
PUBLIC = Home()


@dataclass(frozen=True, slots=True)
class Homes:
    """The homes of all requests."""

    database: Database

    async def of(self, request_id: str) -> Home:
        """Returns a request's home; one that was never stored is public and not yet posted."""
        async with self.database.transaction() as connection:
            return await load_home(connection, request_id)

    async def settle(self, request_id: str, message_id: str) -> None:
        """Records which message the home is, so that reactions on it are understood."""
        async with self.database.transaction() as connection:
            change = insert(homes).values(request_id=request_id, message_id=message_id)
            await connection.execute(
                change.on_conflict_do_update(
                    index_elements=["request_id"], set_={"message_id": message_id}
                )
            )
            where = select(requests.c.platform, requests.c.channel).where(
                requests.c.id == request_id
            )
            place = (await connection.execute(where)).one()
            await _add_message(connection, place.platform, place.channel, message_id, request_id)

    async def keep_files(self, request_id: str, files: Sequence[str]) -> None:
        """Records which of the platform's files show the images."""
        async with self.database.transaction() as connection:
            change = insert(homes).values(request_id=request_id, files=list(files))
            await connection.execute(
                change.on_conflict_do_update(
                    index_elements=["request_id"], set_={"files": list(files)}
                )
            )

    async def copy(self, platform: str, channel: str, message_id: str, request_id: str) -> None:
        """Records another message that shows the request."""
        async with self.database.transaction() as connection:
            await _add_message(connection, platform, channel, message_id, request_id)

    async def find(self, platform: str, channel: str, message_id: str) -> str | None:
        """Returns the id of the request that a message shows; None where it is none of ours."""
        async with self.database.transaction() as connection:
            return await connection.scalar(
                select(messages.c.request_id).where(
                    messages.c.platform == platform,
                    messages.c.channel == channel,
                    messages.c.message_id == message_id,
                )
            )

    async def drop_token(self, request_id: str) -> None:
        """Forgets what is of no use any more."""
        async with self.database.transaction() as connection:
            change = update(homes).where(homes.c.request_id == request_id)
            await connection.execute(change.values(token=None, token_until=None))


async def store_home(connection: AsyncConnection, request_id: str, home: Home) -> None:
    """Stores where an answer will go, in the transaction that stores the request."""
    await connection.execute(insert(homes).values(request_id=request_id, **asdict(home)))


async def load_home(connection: AsyncConnection, request_id: str) -> Home:
    """Returns a request's home, or `PUBLIC`."""
    found = await connection.execute(select(homes).where(homes.c.request_id == request_id))
    row = found.one_or_none()
    return to_home(row) if row else PUBLIC


def to_home(row: Row[Any]) -> Home:
    """Returns the home of a row of `homes`."""
    kept = {name: getattr(row, name) for name in Home.__dataclass_fields__}
    return Home(**{**kept, "files": tuple(row.files)})


async def _add_message(
    connection: AsyncConnection, platform: str, channel: str, message_id: str, request_id: str
) -> None:
    row = insert(messages).values(
        platform=platform, channel=channel, message_id=message_id, request_id=request_id
    )
    await connection.execute(row.on_conflict_do_nothing())
