"""Retention: what is older than the operator wants to keep goes, for everybody alike.

Answers in somebody's gallery keep their images.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from engine.community.chat_tables import stars
from engine.community.forgetting import blobs_of, empty, unused
from engine.settings import Retention
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import renderings, requests
from engine.values import FINAL_PHASES

#: Requests that one look removes at most: it must not hold up what people wait for.
MOST = 500
#: The same requests in every look, though many may have ended in the same moment.
_OLDEST = (requests.c.finished_at, requests.c.id)


@dataclass(frozen=True, slots=True)
class Expired:
    """How much was removed."""

    requests: int
    images: int


async def expire(database: Database, store: BlobStore, retention: Retention) -> Expired:
    """Removes what has expired: words and images of old requests, images of younger ones."""
    words = await _expire_requests(database, store, retention.requests)
    images = await _expire_images(database, store, retention.images)
    return Expired(words, images)


async def _expire_requests(database: Database, store: BlobStore, days: int) -> int:
    if not days:
        return 0
    async with database.transaction() as connection:
        old = select(requests.c.id).where(_ended_before(days), requests.c.prompt != "")
        ids = list(await connection.scalars(old.order_by(*_OLDEST).limit(MOST)))
        blobs = await blobs_of(connection, ids)
        await empty(connection, ids)
        gone = await unused(connection, blobs)
    await asyncio.gather(*(asyncio.to_thread(store.remove, blob) for blob in gone))
    return len(ids)


async def _expire_images(database: Database, store: BlobStore, days: int) -> int:
    if not days:
        return 0
    shown = exists().where(renderings.c.request_id == requests.c.id)
    starred = exists().where(stars.c.request_id == requests.c.id)
    async with database.transaction() as connection:
        old = select(requests.c.id).where(_ended_before(days), shown, ~starred)
        ids = list(await connection.scalars(old.order_by(*_OLDEST).limit(MOST)))
        of_images = renderings.c.rendering["blob"].astext
        blobs = list(
            await connection.scalars(select(of_images).where(renderings.c.request_id.in_(ids)))
        )
        await connection.execute(delete(renderings).where(renderings.c.request_id.in_(ids)))
        gone = await unused(connection, blobs)
    await asyncio.gather(*(asyncio.to_thread(store.remove, blob) for blob in gone))
    return len(blobs)


def _ended_before(days: int) -> ColumnElement[bool]:
    long_ago = func.now() - timedelta(days=days)
    return requests.c.phase.in_(sorted(FINAL_PHASES)) & (requests.c.finished_at < long_ago)
