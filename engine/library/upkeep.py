"""Upkeep: admins look after their own library: switch adapters on and off, edit, refine again."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.audit import write_down_adapter
from engine.errors import NotAllowed, UnknownAdapter
from engine.library import catalogue, editing
from engine.library.adapter_files import drop_files
from engine.library.found import Newer
from engine.library.on_demand import reference_of
from engine.library.sources import find_newer
from engine.processes.queue import Queue
from engine.settings import Library, Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import adapters
from engine.values import Adapter, Asker


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What admins do to adapters of their workspace.

    `allowed` is whether the platform calls the person an admin. All methods raise `NotAllowed`
    for others and for everybody's adapters, which only the operator changes, and `UnknownAdapter`
    for another workspace's.
    """

    settings: Settings
    database: Database
    store: BlobStore
    queue: Queue

    async def set_status(
        self,
        adapter_id: str,
        status: Literal["active", "disabled", "removed"],
        admin: Asker,
        *,
        allowed: bool,
    ) -> Adapter:
        """Changes the status, which reaches waiting requests too; returns it as it was."""
        async with self.database.transaction() as connection:
            adapter = await _own(connection, adapter_id, admin, allowed)
            if adapter.status == "proposed":
                raise NotAllowed(f"“{adapter.title}” waits for approval; decide that first.")
            await catalogue.set_status(connection, adapter_id, status)
            changed = {adapter_id: [adapter.status, status]}
            await write_down_adapter(connection, admin, adapter, changed)
        if status == "removed":
            await drop_files(self.database, self.store, adapter_id)
        return adapter

    async def edit(
        self,
        adapter_id: str,
        changes: Mapping[str, Any],
        notes: str | None,
        admin: Asker,
        *,
        allowed: bool,
    ) -> Adapter:
        """Changes fields of a card and returns it as it is then, as `editing.edit` does."""
        async with self.database.transaction() as connection:
            await _own(connection, adapter_id, admin, allowed)
            adapter = await editing.edit(connection, adapter_id, changes, notes, admin)
            await self.queue.defer_embedding(connection)
        return adapter

    async def export(self, admin: Asker, *, allowed: bool) -> tuple[int, bytes]:
        """Returns how many cards the workspace has of its own, and a gzipped JSONL file of them,
        which `stylus lora import` takes."""
        if not allowed:
            raise NotAllowed("Only an admin changes the library.")
        async with self.database.transaction() as connection:
            cards = editing.export(connection, admin.workspace)
            lines = [f"{json.dumps(card, ensure_ascii=False)}\n" async for card in cards]
        return len(lines), gzip.compress("".join(lines).encode(), mtime=0)

    async def refine(self, adapter_id: str, admin: Asker, *, allowed: bool) -> Adapter:
        """Has the card described anew by the settings' refiner, as a job."""
        async with self.database.transaction() as connection:
            adapter = await _own(connection, adapter_id, admin, allowed)
            await write_down_adapter(connection, admin, adapter, {adapter_id: ["", "refine"]})
            await self.queue.defer_refining(connection, adapter_id)
        return adapter

    async def newer(self, adapter_id: str, admin: Asker, *, allowed: bool) -> Newer | None:
        """Returns what its source has that is newer; None where it is the newest.

        Everybody's adapters may be asked about, too. Raises `BadUrl` and `DownloadFailed`, also
        where no source is known.
        """
        async with self.database.transaction() as connection:
            await _own(connection, adapter_id, admin, allowed, everybodys=True)
        return await look_for_newer(self.database, adapter_id, self.settings.library)


async def look_for_newer(database: Database, adapter_id: str, library: Library) -> Newer | None:
    """Returns what an adapter's source has that is newer; None where ours is the newest.

    Raises `UnknownAdapter`, `BadUrl` and `DownloadFailed`.
    """
    async with database.transaction() as connection:
        await catalogue.find_adapters(connection, [adapter_id])
        rows = await connection.execute(select(adapters).where(adapters.c.id == adapter_id))
        row = rows.one()
    return await find_newer(reference_of(row, library), row.sha256, row.base, library)


async def _own(
    connection: AsyncConnection,
    adapter_id: str,
    admin: Asker,
    allowed: bool,
    *,
    everybodys: bool = False,
) -> Adapter:
    if not allowed:
        raise NotAllowed("Only an admin changes the library.")
    adapter = (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]
    if adapter.workspace not in ("", admin.workspace):
        raise UnknownAdapter(catalogue.unknown(adapter_id))
    if not adapter.workspace and not everybodys:
        raise NotAllowed(
            f"“{adapter.title}” belongs to everybody here; the operator can change it "
            f"with `stylus lora`."
        )
    return adapter
