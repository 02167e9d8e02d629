"""Files on demand: a catalogue of a hundred thousand cards needs no hundred thousand files.

An adapter that a prompt chose and whose file is not here is fetched from its source by the same
checked way as a proposed one, and must hash to what its card pins. What was fetched so may be
evicted again, the longest unused first, and only to make room.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Float, Row, case, cast, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import DownloadFailed, StylusError
from engine.library.adapter_files import is_used
from engine.library.downloads import Downloaded
from engine.library.references import (
    CivitaiFile,
    HuggingFaceFile,
    Reference,
    read_reference,
)
from engine.library.sources import fetched, find
from engine.operations.log import get_log
from engine.settings import Library
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.locks import held
from engine.storage.tables import adapters

#: A file that was used within so long is not evicted: a request under way may need it.
SPARED = "10 minutes"
#: Files fetched at once for one request.
AT_ONCE = 4
#: Adapters that "prefetch" keeps ready.
PREFETCHED = 100

log = get_log("files")


@dataclass(frozen=True, slots=True)
class Files:
    """What became of the files that a request lacked: keys of those that are here now, and a
    sentence for each other one, by the adapter's id."""

    here: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnDemand:
    """Fetches for one process; two requests that lack the same file share its download, and so do
    two processes: the second one finds it here."""

    database: Database
    store: BlobStore
    library: Library
    _under_way: dict[str, "asyncio.Task[str]"] = field(default_factory=dict)
    _begun: set["asyncio.Task[Files]"] = field(default_factory=set)

    async def fetch(self, ids: Sequence[str]) -> Files:
        """Returns where the files of these adapters are, fetched where the settings allow it."""
        files = Files()
        if not ids or self.library.remote_adapters == "never":
            return files
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(adapter_id: str) -> None:
            async with gate:
                try:
                    files.here[adapter_id] = await self._shared(adapter_id)
                except StylusError as error:
                    files.reasons[adapter_id] = str(error)

        await asyncio.gather(*map(one, ids))
        return files

    def begin(self, ids: Sequence[str]) -> None:
        """Fetches in the background; who needs a file and finds none asks for it and its reason."""
        missing = [one for one in ids if one not in self._under_way]
        if missing and self.library.remote_adapters != "never":
            task = asyncio.create_task(self.fetch(missing))
            self._begun.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Files]") -> None:
        self._begun.discard(task)
        if not task.cancelled() and task.exception():
            log.warning("not fetched ahead", reason=str(task.exception()))

    async def prefetch(self, most: int = PREFETCHED) -> Files:
        """Fetches the most downloaded adapters that lack their file, as far as there is room."""
        told = adapters.c.card["downloads"]
        number = func.jsonb_typeof(told) == "number"  # it is a stranger's
        downloads = case((number, cast(told.astext, Float)))
        known = or_(adapters.c.link.is_not(None), adapters.c.source.in_(("civitai", "huggingface")))
        async with self.database.transaction() as connection:
            ids = await connection.scalars(
                select(adapters.c.id)
                .where(
                    adapters.c.status == "active",
                    adapters.c.rating == "safe",
                    adapters.c.sha256.is_not(None),
                    known,
                )
                .order_by(downloads.desc().nulls_last(), adapters.c.id)
                .limit(most)
            )
            lacking = await find_lacking(connection, list(ids))
        return await self.fetch(lacking)

    async def _shared(self, adapter_id: str) -> str:
        task = self._under_way.get(adapter_id)
        if task is None:
            task = asyncio.create_task(self._fetch(adapter_id))
            self._under_way[adapter_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(adapter_id, None))
        return await asyncio.shield(task)

    async def _fetch(self, adapter_id: str) -> str:
        limit = self.library.remote_seconds
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(limit):
                    lock = held(self.database, f"fetch {adapter_id}")
                    await stack.enter_async_context(lock)
            except TimeoutError as error:
                raise DownloadFailed(
                    f"Another process that fetches {adapter_id} took longer than {limit:g} s."
                ) from error
            return await self._fetch_alone(adapter_id)

    async def _fetch_alone(self, adapter_id: str) -> str:
        async with self.database.transaction() as connection:
            row = (
                await connection.execute(select(adapters).where(adapters.c.id == adapter_id))
            ).one_or_none()
        if row is None or row.sha256 is None:
            raise DownloadFailed(f"The file of {adapter_id} is not here and nothing pins its hash.")
        if row.blob is not None:
            return str(row.blob)
        ours = self.library.model_copy(update={"download_seconds": self.library.remote_seconds})
        found = replace(await find(reference_of(row, ours), ours), sha256=row.sha256)
        async with fetched(found, ours) as file:
            return await self._keep(row, file)

    async def _keep(self, row: Row[Any], file: Downloaded) -> str:
        await self._make_room(file.size)
        blob = await asyncio.to_thread(self.store.put_file, "adapters", file.path, ".safetensors")
        async with self.database.transaction() as connection:
            await connection.execute(
                update(adapters)
                .where(adapters.c.id == row.id, adapters.c.sha256 == file.sha256)
                .values(blob=blob, fetched_at=func.now(), used_at=func.now(), file_bytes=file.size)
            )
        log.info("fetched for a prompt", adapter=row.id, bytes=file.size)
        return blob

    async def _make_room(self, size: int) -> None:
        """Evicts until the file fits into the budget. Raises `DownloadFailed` where it cannot."""
        budget = self.library.remote_mb * 2**20
        async with self.database.transaction() as connection:
            await connection.execute(text("select pg_advisory_xact_lock(hashtext('evict'))"))
            gone = await _evict(connection, budget - size)
        for key in gone:
            await asyncio.to_thread(self.store.remove, key)


async def _evict(connection: AsyncConnection, most: int) -> list[str]:
    """Forgets fetched files until the others have at most so many bytes; returns their keys."""
    kept = adapters.c.fetched_at.is_not(None) & adapters.c.blob.is_not(None)
    total = await connection.scalar(select(func.sum(adapters.c.file_bytes)).where(kept)) or 0
    idle = adapters.c.used_at < func.now() - text(f"interval '{SPARED}'")
    rows = await connection.execute(
        select(adapters.c.id, adapters.c.blob, adapters.c.file_bytes)
        .where(kept, idle)
        .order_by(adapters.c.used_at, adapters.c.id)
    )
    gone = []
    for row in rows:
        if total <= most:
            break
        await connection.execute(
            update(adapters).where(adapters.c.id == row.id).values(blob=None, fetched_at=None)
        )
        total -= row.file_bytes or 0
        if not await is_used(connection, row.blob):
            gone.append(str(row.blob))
    if total > most:
        raise DownloadFailed(
            "There is no room for another fetched file; an operator can raise library.remote_mb."
        )
    return gone


async def find_lacking(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Returns which of the adapters have no file here now, whatever was planned."""
    rows = await connection.scalars(
        select(adapters.c.id).where(adapters.c.id.in_(ids), adapters.c.blob.is_(None))
    )
    return list(rows)


async def mark_used(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Notes that these were used now, which saves them from eviction."""
    await connection.execute(
        update(adapters)
        .where(adapters.c.id.in_(ids), adapters.c.fetched_at.is_not(None))
        .values(used_at=func.now())
    )


def reference_of(row: Row[Any], library: Library) -> Reference:
    """Returns where a catalogued adapter's file comes from. Raises `DownloadFailed`."""
    if row.link:
        return read_reference(row.link, library)
    if row.source == "civitai":
        return CivitaiFile(sha256=row.sha256)
    if row.source == "huggingface" and row.source_id.count("/") >= 2:
        owner, name, file = row.source_id.split("/", 2)
        return HuggingFaceFile(f"{owner}/{name}", file)
    raise DownloadFailed(f"Where “{row.title}” comes from is not known: its card names no source.")
