"""Forgetting: a person's words, images and thumbs are removed from everywhere.

Rows that other people's requests descend from stay as empty shells, since their line of masks
hangs on them; nothing of the person is left in them. How many images they asked for within the
last 24 hours stays for so long, under a salted hash: else this would be a way to more of them.
Who changed what in a workspace is kept: that is its admins' own record.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import duel_votes, errands, feedback, homes, messages, stars
from engine.community.errands import store_errand
from engine.library.library_tables import additions, listings
from engine.requests import ledger
from engine.requests.allowance import keep_count
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import (
    compositions,
    deliveries,
    image_plans,
    previews,
    renderings,
    requests,
)
from engine.values import OPEN_PHASES, Asker

#: The kind of errand that deletes a message of ours or files from a platform.
ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed, and the errands of a frontend that has yet to delete what shows it."""

    requests: int
    images: int
    errands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Forgets people."""

    database: Database
    store: BlobStore

    async def person(self, platform: str, user: str, workspace: str | None = None) -> Forgotten:
        """Forgets everything of a person on a platform: in all its workspaces, or in one alone
        where somebody else may have the same id in another."""
        here = requests.c.platform == platform
        if workspace is not None:
            here &= requests.c.workspace == workspace
        whose = here & (requests.c.user_id == user)
        judged = select(requests.c.id).where(here)
        async with self.database.transaction() as connection:
            mine = await _requests_of(connection, whose)
            await keep_count(connection, whose)
            to_erase = await _erase_shown(connection, platform, mine)
            blobs = await blobs_of(connection, mine)
            await empty(connection, mine)
            for table in (feedback, stars, duel_votes):
                own = (table.c.user_id == user) & table.c.request_id.in_(judged)
                await connection.execute(delete(table).where(own))
            await _drop_traces(connection, platform, user, workspace)
            gone = await unused(connection, blobs)
        for blob in gone:
            await asyncio.to_thread(self.store.remove, blob)
        return Forgotten(len(mine), len(blobs), tuple(to_erase))


async def _drop_traces(
    connection: AsyncConnection, platform: str, user: str, workspace: str | None
) -> None:
    """What the person looked through and waits for goes; what they proposed is the workspace's,
    without them."""

    def of_person(table: Table, column: str) -> ColumnElement[bool]:
        own = (table.c.platform == platform) & (table.c[column] == user)
        return own if workspace is None else own & (table.c.workspace == workspace)

    for table in (listings, errands):
        await connection.execute(delete(table).where(of_person(table, "user_id")))
    for column in ("user_id", "decided_by"):
        nobody = update(additions).where(of_person(additions, column)).values({column: ""})
        await connection.execute(nobody)


async def _requests_of(connection: AsyncConnection, whose: ColumnElement[bool]) -> list[str]:
    """Returns the person's requests; those under way are cancelled."""
    mine = select(requests.c.id).where(whose)
    for request_id in await connection.scalars(mine.where(requests.c.phase.in_(OPEN_PHASES))):
        await ledger.cancel(connection, request_id)
    return list(await connection.scalars(mine))


async def _erase_shown(
    connection: AsyncConnection, platform: str, mine: Sequence[str]
) -> list[int]:
    """Stores errands that delete the requests' messages and files, and returns their ids.

    They are nobody's: the person is forgotten before they are done.
    """
    where = [requests.c.workspace, messages.c.channel, messages.c.message_id]
    shown = await connection.execute(
        select(*where).join(requests).where(messages.c.request_id.in_(mine))
    )
    files = await connection.execute(
        select(requests.c.workspace, homes.c.files)
        .join(requests)
        .where(homes.c.request_id.in_(mine), homes.c.files != [])
    )
    to_erase = [(Asker(platform, one[0]), {"files": list(one[1])}) for one in files]
    to_erase += [(Asker(platform, one[0], one[1]), {"message": one[2]}) for one in shown]
    return [await store_errand(connection, who, ERASE, what) for who, what in to_erase]


async def blobs_of(connection: AsyncConnection, mine: Sequence[str]) -> list[str]:
    """Returns the files of these requests: their images, and what they start from."""
    images = renderings.c.rendering["blob"].astext
    sources = requests.c.source
    kept = list(await connection.scalars(select(images).where(renderings.c.request_id.in_(mine))))
    for column in (sources["image"].astext, sources["mask"].astext):
        found = await connection.scalars(select(column).where(requests.c.id.in_(mine)))
        kept += [blob for blob in found if blob]
    return sorted(set(kept))


async def empty(connection: AsyncConnection, mine: Sequence[str]) -> None:
    """Leaves nothing of these requests but shells."""
    for table in (compositions, renderings, image_plans, previews, deliveries, homes, messages):
        await connection.execute(delete(table).where(table.c.request_id.in_(mine)))
    for table in (feedback, stars, duel_votes):
        await connection.execute(delete(table).where(table.c.request_id.in_(mine)))
    await connection.execute(
        update(requests)
        .where(requests.c.id.in_(mine))
        .values(
            prompt="",
            negative="",
            overrides={},
            source=None,
            notes=[],
            failure=None,
            channel="",
            user_id="",
            origin=None,
        )
    )


async def unused(connection: AsyncConnection, blobs: Sequence[str]) -> list[str]:
    """Returns those that nobody else's request holds: files are kept by content."""
    images = renderings.c.rendering["blob"].astext
    held = set(await connection.scalars(select(images).where(images.in_(blobs))))
    for column in (requests.c.source["image"].astext, requests.c.source["mask"].astext):
        held |= set(await connection.scalars(select(column).where(column.in_(blobs))))
    return [blob for blob in blobs if blob not in held]
