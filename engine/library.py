"""The library: what an operator does with the catalogue."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import catalogue
from engine.admission import clean_prompt
from engine.catalogue import Imported
from engine.database import Database, open_database
from engine.embedder import MiniLM
from engine.errors import BadFile
from engine.retriever import Selection, retrieve
from engine.schema import check_schema
from engine.settings import Settings
from engine.storage import BlobStore
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

    async def add_file(
        self,
        path: Path,
        title: str | None,
        description: str,
        trigger_words: tuple[str, ...],
        weight: float | None,
        embedder: MiniLM,
    ) -> Adapter:
        """Adds a LoRA file, after loading it onto the checkpoint once. Raises `BadLora`."""
        # Only this command needs torch, and only here.
        from engine.rendering.trial import try_lora

        content = await asyncio.to_thread(_read, path)
        tried = await asyncio.to_thread(try_lora, path, self.settings)
        card = {
            "source": "file",
            "source_id": tried.sha256[:16],
            "title": title or path.stem,
            "description": description,
            "trigger_words": list(trigger_words),
            "base_model": tried.family,
            "weight": weight,
            "file_name": path.name,
            "file_sha256": tried.sha256,
        }
        await self.import_cards([card], embedder)
        adapter_id = f"file:{tried.sha256[:16]}"
        blob = await asyncio.to_thread(self.store.put, "adapters", content, ".safetensors")
        async with self.database.transaction() as connection:
            await catalogue.attach_file(connection, adapter_id, blob, tried.sha256)
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
        selection = Selection(base=self.settings.checkpoint.family, with_file=False)
        async with self.database.transaction() as connection:
            found = await retrieve(connection, embedder, clean_prompt(text), selection, limit)
        return [candidate.adapter for candidate in found.candidates]

    async def set_status(self, adapter_id: str, status: str) -> None:
        """Enables, disables or removes an adapter. Raises `UnknownAdapter`."""
        async with self.database.transaction() as connection:
            await catalogue.set_status(connection, adapter_id, status)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}).") from error


@asynccontextmanager
async def open_library(settings: Settings) -> AsyncIterator[Library]:
    """Opens the catalogue. Raises `DatabaseUnavailable` and `SchemaOutdated`."""
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            await check_schema(connection)
        yield Library(settings, database, BlobStore(settings))
