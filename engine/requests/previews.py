"""Previews: what the images of a request under way look like so far, one small picture in a row.

NOTIFY holds only ids; who hears of a step reads the row. The row goes when the request ends.
"""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.storage.tables import previews


async def store_preview(connection: AsyncConnection, request_id: str, image: bytes) -> None:
    """Stores a JPEG file in place of the earlier one."""
    row = upsert(previews).values(request_id=request_id, image=image)
    await connection.execute(
        row.on_conflict_do_update(index_elements=["request_id"], set_={"image": image})
    )


async def load_preview(connection: AsyncConnection, request_id: str) -> bytes | None:
    """Returns the newest preview; None where there is none yet or any more."""
    statement = select(previews.c.image).where(previews.c.request_id == request_id)
    found: bytes | None = await connection.scalar(statement)
    return found


async def drop_preview(connection: AsyncConnection, request_id: str) -> None:
    """Removes what is shown no more."""
    await connection.execute(delete(previews).where(previews.c.request_id == request_id))
