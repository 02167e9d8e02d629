"""The library: what an operator does with the catalogue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from engine.checkpoints import configured
from engine.errors import BadFile
from engine.library import catalogue
from engine.library.addition_rows import Described
from engine.library.addresses import Reach
from engine.library.catalogue import Imported
from engine.library.downloads import Bounds, download
from engine.requests.admission import clean_prompt
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import MiniLM
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database, open_database
from engine.storage.schema import check_schema
from engine.values import Adapter


@dataclass(frozen=True, slots=True)
class Library:
    """Opened by `open_library`."""

    settings: Settings
    database: Database
    store: BlobStore

    async def fill_builtin(self, embedder: MiniLM) -> Imported:
        """Catalogues the adapters that ship with us."""
        return await catalogue.fill_builtin(self.database, embedder, self.store)

    async def import_cards(self, cards: Iterable[dict[str, Any]], embedder: MiniLM) -> Imported:
        """Catalogues cards. Raises `BadFile`; the cards before the bad one stay."""
        return await catalogue.import_cards(self.database, embedder, cards)

    async def add_file(self, path: Path, described: Described, embedder: MiniLM) -> Adapter:
        """Adds a LoRA file, after loading it onto the checkpoint once. Raises `BadFile`."""
        await asyncio.to_thread(_check_readable, path)
        return await self._add(path, path.name, "file", described, embedder)

    async def add_url(
        self,
        url: str,
        described: Described,
        embedder: MiniLM,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> Adapter:
        """Fetches a LoRA file and adds it. Raises `BadUrl`, `DownloadFailed` and `BadLora`."""
        ours = self.settings.library
        reach = Reach.of(ours)
        bounds = Bounds(ours.download_mb * 2**20, ours.download_seconds)
        async with download(url, reach, bounds, on_bytes) as file:
            return await self._add(file.path, file.name, "url", described, embedder, link=url)

    async def _add(
        self,
        path: Path,
        name: str,
        source: str,
        described: Described,
        embedder: MiniLM,
        link: str | None = None,
    ) -> Adapter:
        # Only this command needs torch, and only here.
        from engine.rendering.checkpoint import load_checkpoint
        from engine.rendering.trial import try_lora

        tried = await asyncio.to_thread(
            lambda: try_lora(path, load_checkpoint(*configured(self.settings)))
        )
        card = {
            "source": source,
            "source_id": tried.sha256[:16],
            "title": described.title or PurePath(name).stem,
            "description": described.description,
            "trigger_words": list(described.trigger_words),
            "base_model": tried.family,
            "weight": described.weight,
            "file_name": name,
            "file_sha256": tried.sha256,
        }
        await self.import_cards([card], embedder)
        adapter_id = f"{source}:{tried.sha256[:16]}"
        blob = await asyncio.to_thread(self.store.put_file, "adapters", path, ".safetensors")
        async with self.database.transaction() as connection:
            await catalogue.attach_file(connection, adapter_id, blob, tried.sha256, link)
            await catalogue.set_status(connection, adapter_id, "active")
        return await self.find(adapter_id)

    async def find(self, adapter_id: str) -> Adapter:
        """Returns one adapter. Raises `UnknownAdapter`."""
        async with self.database.transaction() as connection:
            return (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]

    async def newest(self, limit: int) -> list[Adapter]:
        """Returns the newest adapters."""
        async with self.database.transaction() as connection:
            return await catalogue.list_adapters(connection, limit)

    async def search(self, text: str, limit: int, embedder: MiniLM) -> list[Adapter]:
        """Returns adapters of the checkpoint's family by what they draw, best first."""
        selection = Selection(self.settings.checkpoint.family, anybody=True, with_file=False)
        async with self.database.transaction() as connection:
            found = await retrieve(connection, embedder, clean_prompt(text), selection, limit)
        return [candidate.adapter for candidate in found.candidates]

    async def set_status(self, adapter_id: str, status: str) -> None:
        """Enables, disables or removes an adapter. Raises `UnknownAdapter`."""
        async with self.database.transaction() as connection:
            await catalogue.set_status(connection, adapter_id, status)


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}).") from error


@asynccontextmanager
async def open_library(settings: Settings) -> AsyncIterator[Library]:
    """Opens the catalogue. Raises `DatabaseUnavailable` and `SchemaOutdated`."""
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            await check_schema(connection)
        yield Library(settings, database, BlobStore(settings))
