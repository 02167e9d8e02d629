"""Upkeep: admins switch their own library's adapters on and off, or take them away."""

from dataclasses import dataclass
from typing import Literal

from engine.community.audit import write_down_adapter
from engine.errors import NotAllowed, UnknownAdapter
from engine.library import catalogue
from engine.library.adapter_files import drop_files
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Adapter, Asker


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What admins do to adapters of their workspace."""

    database: Database
    store: BlobStore

    async def set_status(
        self,
        adapter_id: str,
        status: Literal["active", "disabled", "removed"],
        admin: Asker,
        *,
        allowed: bool,
    ) -> Adapter:
        """Changes the status, which reaches waiting requests too; written into the audit log.

        `allowed` is whether the platform calls the person an admin. Raises `UnknownAdapter` for
        another workspace's, and `NotAllowed` for everybody's, which only the operator changes.
        """
        if not allowed:
            raise NotAllowed("Only an admin changes the library.")
        async with self.database.transaction() as connection:
            adapter = (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]
            if adapter.workspace not in ("", admin.workspace):
                raise UnknownAdapter(catalogue.unknown(adapter_id))
            if not adapter.workspace:
                raise NotAllowed(
                    f"“{adapter.title}” belongs to everybody here; the operator can change it "
                    f"with `stylus lora`."
                )
            if adapter.status == "proposed":
                raise NotAllowed(f"“{adapter.title}” waits for approval; decide that first.")
            await catalogue.set_status(connection, adapter_id, status)
            changed = {adapter_id: [adapter.status, status]}
            await write_down_adapter(connection, admin, adapter, changed)
        if status == "removed":
            await drop_files(self.database, self.store, adapter_id)
        return adapter
