"""Files on demand: the card's own file and no other, within the budget, once for all who ask."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from engine.errors import StorageUnavailable, UnknownAdapter
from engine.library import catalogue as shelf
from engine.library.librarian import Library
from engine.library.on_demand import OnDemand, mark_used
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import MiniLM
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Asker
from tests.cards import card
from tests.loopback_sources import CONTENT, SHA, LoopbackSources, serve_sources

REMOTE = card("r", "Neon remote") | {"source": "civitai", "source_id": "22", "file_sha256": SHA}
ID = "civitai:22"


@pytest.fixture
async def sources() -> AsyncIterator[LoopbackSources]:
    async with serve_sources() as served:
        yield served


@pytest.fixture
async def files(
    settings: Settings, database: Database, sources: LoopbackSources, embedder: MiniLM
) -> OnDemand:
    await shelf.import_cards(database, embedder, [REMOTE])
    library = sources.library.model_copy(update={"remote_adapters": "on demand", "remote_mb": 1})
    return OnDemand(database, BlobStore(settings), library)


async def change(files: OnDemand, statement: str, **values: Any) -> None:
    async with files.database.transaction() as connection:
        await connection.execute(text(statement), values)


async def kept(files: OnDemand) -> dict[str, tuple[str | None, bool]]:
    """Returns key and whether it was fetched, by id."""
    async with files.database.transaction() as connection:
        rows = await connection.execute(text("select id, blob, fetched_at from adapters"))
        return {row.id: (row.blob, row.fetched_at is not None) for row in rows}


async def test_what_a_prompt_chose_is_fetched_once(
    files: OnDemand, sources: LoopbackSources
) -> None:
    """By the hash that its card pins; whoever asks meanwhile shares the download."""
    both = await asyncio.gather(files.fetch([ID]), files.fetch([ID]))
    blob = both[0].here[ID]
    assert both[1].here == {ID: blob}
    assert files.store.read(blob) == CONTENT
    assert await kept(files) == {ID: (blob, True)}
    assert (await files.fetch([ID])).here == {ID: blob}
    assert [path for path, _ in sources.asked].count("/signed") == 1
    assert sources.asked[0][0] == f"/api/v1/model-versions/by-hash/{SHA}"


async def test_two_processes_share_a_download_that_was_begun_ahead(
    files: OnDemand, sources: LoopbackSources
) -> None:
    """The engine begins while a language model writes; the renderer then finds the file here."""
    renderer = OnDemand(files.database, files.store, files.library)
    files.begin([ID])
    files.begin([ID])
    found = await renderer.fetch([ID])
    assert files.store.read(found.here[ID]) == CONTENT
    assert (await files.fetch([ID])).here == found.here
    assert [path for path, _ in sources.asked].count("/signed") == 1


async def test_a_file_that_fails_ahead_is_said_to_who_needs_it(
    files: OnDemand, sources: LoopbackSources
) -> None:
    sources.content = b"another file"
    files.begin([ID])
    assert "which its page states" in (await files.fetch([ID])).reasons[ID]
    replace(files, library=files.library.model_copy(update={"remote_adapters": "never"})).begin(
        [ID]
    )
    assert await kept(files) == {ID: (None, False)}


async def test_another_file_is_not_taken(files: OnDemand, sources: LoopbackSources) -> None:
    sources.content = b"another file"
    found = await files.fetch([ID, "civitai:99"])
    assert found.here == {}
    assert "which its page states" in found.reasons[ID]
    assert "nothing pins its hash" in found.reasons["civitai:99"]
    assert await kept(files) == {ID: (None, False)}


async def test_nothing_is_fetched_unless_it_is_allowed(
    files: OnDemand, sources: LoopbackSources
) -> None:
    never = sources.library.model_copy(update={"remote_adapters": "never"})
    assert (await replace(files, library=never).fetch([ID])).here == {}
    assert sources.asked == []


async def test_a_slow_source_does_not_hold_a_prompt(
    files: OnDemand, sources: LoopbackSources
) -> None:
    hasty = files.library.model_copy(update={"remote_seconds": 1e-6})
    found = await replace(files, library=hasty).fetch([ID])
    assert "took longer than" in found.reasons[ID]


async def old_file(files: OnDemand, used: str) -> str:
    """Another fetched file, which fills the budget; returns its key."""
    blob = files.store.put("adapters", b"old", ".safetensors")
    await change(
        files,
        "insert into adapters (id, source, source_id, title, base, weight, blob, file_bytes,"
        " fetched_at, used_at) values ('t:old', 't', 'old', 'Old', 'x', 1, :blob, 1048576,"
        " now(), now() - cast(:used as interval))",
        blob=blob,
        used=used,
    )
    return blob


async def test_what_nobody_uses_makes_room(files: OnDemand) -> None:
    blob = await old_file(files, "1 hour")
    assert ID in (await files.fetch([ID])).here
    assert (await kept(files))["t:old"] == (None, False)
    with pytest.raises(StorageUnavailable, match="has no"):
        files.store.read(blob)


async def test_what_is_in_use_is_not_evicted(files: OnDemand) -> None:
    blob = await old_file(files, "1 hour")
    async with files.database.transaction() as connection:
        await mark_used(connection, ["t:old"])
    found = await files.fetch([ID])
    assert "There is no room" in found.reasons[ID]
    assert files.store.read(blob) == b"old"


async def test_an_admins_file_is_never_evicted(files: OnDemand) -> None:
    blob = await old_file(files, "1 year")
    await change(files, "update adapters set fetched_at = null where id = 't:old'")
    assert ID in (await files.fetch([ID])).here
    assert files.store.read(blob) == b"old"


@pytest.mark.parametrize("remote", [True, False])
async def test_prompts_find_what_can_be_fetched(
    files: OnDemand, embedder: MiniLM, remote: bool
) -> None:
    selection = Selection("stylus-small", remote=remote)
    async with files.database.transaction() as connection:
        found = await retrieve(connection, embedder, "neon remote", selection, 5)
    assert [one.adapter.id for one in found.candidates] == ([ID] if remote else [])


async def test_the_most_downloaded_are_fetched_beforehand(
    files: OnDemand, embedder: MiniLM, sources: LoopbackSources
) -> None:
    """What strangers call a number need not be one."""
    others = [
        REMOTE | {"source_id": "23", "file_sha256": "ab" * 32, "downloads": "many"},
        REMOTE | {"source_id": "24", "file_sha256": "cd" * 32, "downloads": 5, "nsfw": True},
        REMOTE | {"downloads": 3},
    ]
    await shelf.import_cards(files.database, embedder, others)
    found = await files.prefetch(most=1)
    assert list(found.here) == [ID]
    assert found.reasons == {}


async def test_a_newer_version_of_a_catalogued_adapter_is_found(
    files: OnDemand, settings: Settings, sources: LoopbackSources
) -> None:
    """By what its card pins alone; nothing is fetched."""
    ours = settings.model_copy(update={"library": files.library})
    library = Library(ours, files.database, files.store, Asker("console"))
    assert await library.newer(ID) is None
    sources.version["baseModel"] = "stylus-small"
    sources.versions = [sources.version | {"id": 33, "name": "v3"}, sources.version]
    newer = await library.newer(ID)
    assert newer
    assert (newer.name, newer.link.endswith("models/11?modelVersionId=33")) == ("v3", True)
    with pytest.raises(UnknownAdapter):
        await library.newer("test:nobody")
