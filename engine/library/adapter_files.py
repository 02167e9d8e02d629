"""The files of adapters: pinned to their cards, and gone when nothing needs them."""

import asyncio

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import BadFile
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import adapters


async def attach_file(
    connection: AsyncConnection,
    adapter_id: str,
    blob: str,
    sha256: str,
    link: str | None = None,
    size: int | None = None,
) -> None:
    """Records where an adapter's file is kept and pins its hash, and where it came from.

    `size` is in bytes.

    Raises `BadFile` where the card states another hash.
    """
    attached = await connection.execute(
        update(adapters)
        .where(adapters.c.id == adapter_id)
        .where(or_(adapters.c.sha256.is_(None), adapters.c.sha256 == sha256))
        .values(
            blob=blob,
            sha256=sha256,
            link=func.coalesce(link, adapters.c.link),
            file_bytes=func.coalesce(size, adapters.c.file_bytes),
            updated_at=func.now(),
        )
    )
    if attached.rowcount == 0:
        raise BadFile(
            f"The file of {adapter_id} has sha256 {sha256[:12]}, which is not what its card "
            "states; get the file that the card describes."
        )


async def refuse_same_file(connection: AsyncConnection, sha256: str, adapter_id: str) -> None:
    """Raises `BadFile` where another adapter of everybody's has the file already."""
    rows = await connection.execute(
        select(adapters.c.id, adapters.c.title).where(
            adapters.c.sha256 == sha256,
            adapters.c.id != adapter_id,
            adapters.c.workspace == "",
            adapters.c.blob.is_not(None),
            adapters.c.status != "removed",
        )
    )
    if same := rows.first():
        raise BadFile(f"That file is in the library already, as “{same.title}” ({same.id}).")


async def drop_files(database: Database, store: BlobStore, adapter_id: str) -> None:
    """Removes a removed adapter's file and sample images, unless others share them."""
    async with database.transaction() as connection:
        row = (
            await connection.execute(
                select(adapters.c.blob, adapters.c.sample).where(
                    adapters.c.id == adapter_id, adapters.c.status == "removed"
                )
            )
        ).one_or_none()
        if row is None:
            return
        await connection.execute(
            update(adapters).where(adapters.c.id == adapter_id).values(blob=None, sample=None)
        )
        unused = [key for key in row if key and not await is_used(connection, key)]
    for key in unused:
        await asyncio.to_thread(store.remove, key)


async def is_used(connection: AsyncConnection, key: str) -> bool:
    """Whether an adapter's file or sample images are kept under the key."""
    holders = select(adapters.c.id).where(or_(adapters.c.blob == key, adapters.c.sample == key))
    return await connection.scalar(holders.limit(1)) is not None
