"""The library: what an operator does with the catalogue."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from engine.checkpoints import configured
from engine.community.audit import Change, load_all_changes, write_down, write_down_adapter
from engine.composing.local_model import load_model
from engine.errors import BadFile
from engine.library import catalogue, editing
from engine.library.adapter_files import attach_file, drop_files, refuse_same_file
from engine.library.addition_rows import Described, State, settle
from engine.library.catalogue import Filters, Imported
from engine.library.downloads import OnBytes, nobody_listens
from engine.library.editing import export
from engine.library.found import Newer
from engine.library.references import read_reference
from engine.library.sidecars import card_beside, card_of_header
from engine.library.sources import fetched, find
from engine.library.upkeep import look_for_newer
from engine.rendering.safetensors_header import read_header
from engine.requests.admission import clean_prompt
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import MiniLM
from engine.retrieving.search_index import embed_pending
from engine.retrieving.selection import KEPT
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database, open_database
from engine.storage.schema import check_schema
from engine.values import Adapter, Asker

if TYPE_CHECKING:
    from engine.rendering.trial import Trial


@dataclass(frozen=True, slots=True)
class Library:
    """Opened by `open_library`."""

    settings: Settings
    database: Database
    store: BlobStore
    #: Who works with it: the audit log has their name.
    by: Asker

    async def fill_builtin(self, embedder: MiniLM) -> Imported:
        """Catalogues the adapters that ship with us."""
        return await catalogue.fill_builtin(self.database, embedder, self.store)

    async def import_cards(
        self,
        cards: Iterable[Mapping[str, Any]],
        embedder: MiniLM,
        tell: Callable[[int], None] = lambda _: None,
    ) -> Imported:
        """Catalogues cards; `tell` hears how many are left to embed.

        Raises `BadFile`; the cards before the bad one stay.
        """
        imported = await catalogue.import_cards(self.database, embedder, cards, tell=tell)
        await self._note({"import": ["", f"{imported.cards} cards"]})
        return imported

    async def refined(self, cards: int, refiner: str, embedder: MiniLM) -> None:
        """Embeds what a refiner has changed, and writes it down."""
        await embed_pending(self.database, embedder)
        if cards:
            await self._note({"refine": ["", f"{cards} cards by {refiner}"]})

    async def _note(self, details: dict[str, Any]) -> None:
        async with self.database.transaction() as connection:
            await write_down(connection, self.by, "lora", details)

    async def add_file(self, path: Path, described: Described, embedder: MiniLM) -> Adapter:
        """Adds a LoRA file, after loading it onto the checkpoint once. Raises `BadFile`."""
        return (await self.add_files([path], described, embedder))[0]

    async def add_files(
        self, paths: Sequence[Path], described: Described, embedder: MiniLM
    ) -> list[Adapter]:
        """Adds several with what lies beside each; those before a bad one stay."""
        for path in paths:
            await asyncio.to_thread(_check_readable, path)
        trial = await asyncio.to_thread(self._open_trial)
        added = []
        for path in paths:
            tried = await asyncio.to_thread(trial, path)
            card = await asyncio.to_thread(card_beside, path)
            added.append(await self._add(path, path.name, "file", tried, card, described, embedder))
        return added

    async def add_url(
        self,
        url: str,
        described: Described,
        embedder: MiniLM,
        on_bytes: OnBytes = nobody_listens,
    ) -> Adapter:
        """Fetches a LoRA from its source and adds it, with what the source says of it.

        Raises `BadUrl`, `DownloadFailed` and `BadLora`.
        """
        ours = self.settings.library
        found = await find(read_reference(url, ours), ours)
        async with fetched(found, ours, on_bytes) as file:
            trial = await asyncio.to_thread(self._open_trial)
            tried = await asyncio.to_thread(trial, file.path)
            name = found.file_name or file.name
            return await self._add(file.path, name, "url", tried, found.card, described, embedder)

    def _open_trial(self) -> "Callable[[Path], Trial]":
        # Only adding needs torch, and only here.
        from engine.rendering.trial import Trials

        names = self.settings.checkpoint_names
        return Trials([configured(self.settings, name) for name in names])

    async def _add(
        self,
        path: Path,
        name: str,
        source: str,
        tried: "Trial",
        told: Mapping[str, Any],
        described: Described,
        embedder: MiniLM,
    ) -> Adapter:
        header = card_of_header(read_header(path, name).metadata)
        raw = header | {key: value for key, value in told.items() if value} | described.card
        card = raw | {
            "workspace": "",
            "source": source,
            "source_id": tried.sha256[:16],
            "title": raw.get("title") or PurePath(name).stem,
            "base_model": tried.family,
            "lineage": str(raw.get("base_model") or ""),
            "file_name": name,
            "file_sha256": tried.sha256,
        }
        adapter_id = f"{source}:{tried.sha256[:16]}"
        async with self.database.transaction() as connection:
            await refuse_same_file(connection, tried.sha256, adapter_id)
        await catalogue.import_cards(self.database, embedder, [card])
        blob = await asyncio.to_thread(self.store.put_file, "adapters", path, ".safetensors")
        async with self.database.transaction() as connection:
            link, size = told.get("link"), tried.size
            await attach_file(connection, adapter_id, blob, tried.sha256, link, size)
            await catalogue.activate(connection, adapter_id)
            adapter = (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]
            await write_down_adapter(connection, self.by, adapter, {adapter_id: ["", "active"]})
        return adapter

    async def find(self, adapter_id: str) -> Adapter:
        """Returns one adapter. Raises `UnknownAdapter`."""
        async with self.database.transaction() as connection:
            return (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]

    async def page(self, limit: int, start: int, filters: Filters) -> list[Adapter]:
        """Returns a page of the catalogue, newest first."""
        async with self.database.transaction() as connection:
            return await catalogue.list_adapters(connection, limit, start, filters)

    async def search(self, text: str, limit: int, embedder: MiniLM) -> list[Adapter]:
        """Returns adapters of the checkpoint's family by what they draw, best first, also those
        that are switched off or unsafe."""
        family = self.settings.checkpoint.family
        selection = Selection(family, unsafe=True, anybody=True, with_file=False, statuses=KEPT)
        async with self.database.transaction() as connection:
            found = await retrieve(
                connection, embedder, clean_prompt(text), selection, limit, load_model().unmoved
            )
        return [candidate.adapter for candidate in found.candidates]

    async def edit(
        self, adapter_id: str, changes: Mapping[str, Any], notes: str | None, embedder: MiniLM
    ) -> Adapter:
        """Changes fields of a card, which prompts find at once.

        Raises `UnknownAdapter`, `BadOption` and `BadFile`.
        """
        async with self.database.transaction() as connection:
            adapter = await editing.edit(connection, adapter_id, changes, notes, self.by)
        await embed_pending(self.database, embedder)
        return adapter

    async def export(self, path: Path) -> int:
        """Writes all cards into a JSONL file and returns how many. Raises `BadFile`."""
        async with self.database.transaction() as connection:
            lines = [json.dumps(card, ensure_ascii=False) async for card in export(connection)]
        await asyncio.to_thread(_write, path, lines)
        return len(lines)

    async def set_status(self, adapter_id: str, status: str) -> None:
        """Enables, disables or removes an adapter, which decides a proposed one, too.

        Raises `UnknownAdapter`.
        """
        async with self.database.transaction() as connection:
            adapter = await catalogue.set_status(connection, adapter_id, status)
            if status != "disabled":
                decision: State = "approved" if status == "active" else "rejected"
                await settle(connection, adapter_id, decision, self.by)
            changed = {adapter_id: [adapter.status, status]}
            await write_down_adapter(connection, self.by, adapter, changed)
        if status == "removed":
            await drop_files(self.database, self.store, adapter_id)

    async def newer(self, adapter_id: str) -> Newer | None:
        """Returns what an adapter's source has that is newer, as `look_for_newer` does."""
        return await look_for_newer(self.database, adapter_id, self.settings.library)

    async def changes(self, limit: int) -> list[Change]:
        """Returns the newest entries of the audit log, of all places."""
        async with self.database.transaction() as connection:
            return await load_all_changes(connection, limit)


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        raise BadFile(f"{path} cannot be written ({error.strerror}).") from error


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}).") from error


@asynccontextmanager
async def open_library(settings: Settings, by: Asker) -> AsyncIterator[Library]:
    """Opens the catalogue for somebody. Raises `DatabaseUnavailable` and `SchemaOutdated`."""
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            await check_schema(connection)
        yield Library(settings, database, BlobStore(settings), by)
