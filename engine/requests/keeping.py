"""Keeping a delivery: whoever posts says so again and again, so that nobody takes it for left.

A platform may ask for a pause of half a minute; posted by another one meanwhile, an answer would
stand there twice.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.errors import Unavailable
from engine.requests import delivery
from engine.requests.delivery import Delivery
from engine.storage.database import Database

#: Signs of life in the time after which a claim counts as left.
SIGNS = 3


@asynccontextmanager
async def kept(
    database: Database, claimed: Delivery, stalled_seconds: float
) -> AsyncIterator[None]:
    """While open, the claim does not grow old."""
    keeping = asyncio.create_task(_keep(database, claimed, stalled_seconds / SIGNS))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(database: Database, claimed: Delivery, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        with contextlib.suppress(Unavailable):  # it is told by whatever else asks the database
            async with database.transaction() as connection:
                await delivery.keep(connection, claimed)
