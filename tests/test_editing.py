"""Editing: an admin's words stay, whatever is imported or refined later; and a way out for all."""

import json
from pathlib import Path

import pytest

from engine.errors import BadFile, BadOption, UnknownAdapter
from engine.library.librarian import Library
from engine.retrieving.embedder import MiniLM
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from tests.cards import CARDS, adapter_id

STAR = adapter_id("star")


@pytest.fixture
def library(settings: Settings, database: Database, catalogue: tuple[str, ...]) -> Library:
    return Library(settings, database, BlobStore(settings))


async def test_an_admins_words_stay(library: Library, embedder: MiniLM) -> None:
    words = {"title": "Comet", "description": "A comet with a long tail.", "weight": 0.4}
    made = await library.edit(STAR, words, "Ask Ada first.", embedder)
    assert (made.title, made.weight, made.notes) == ("Comet", 0.4, "Ask Ada first.")
    assert made.trigger_words == ("star",), "what is not named stays"
    await library.import_cards(CARDS, embedder)
    again = await library.edit(STAR, {"nsfw": True}, None, embedder)
    assert (again.title, again.rating, again.notes) == ("Comet", "unsafe", "Ask Ada first.")
    assert STAR not in {one.id for one in await library.search("a comet", 20, embedder)}
    await library.edit(STAR, {"nsfw": False}, None, embedder)
    assert (await library.search("a comet with a tail", 1, embedder))[0].id == STAR


async def test_what_cannot_be_edited_is_said(library: Library, embedder: MiniLM) -> None:
    with pytest.raises(BadOption, match="name at least one field"):
        await library.edit(STAR, {}, None, embedder)
    with pytest.raises(UnknownAdapter):
        await library.edit("test:nobody", {"title": "x"}, None, embedder)
    with pytest.raises(BadFile, match="has no “title”"):
        await library.edit(STAR, {"title": " "}, None, embedder)
    assert (await library.find(STAR)).title == "Big star"


async def test_what_is_exported_can_be_imported(
    library: Library, embedder: MiniLM, tmp_path: Path
) -> None:
    await library.edit(STAR, {"title": "Comet"}, None, embedder)
    path = tmp_path / "cards.jsonl"
    assert await library.export(path) == len(CARDS)
    cards = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    before = await library.find(STAR)
    assert (await library.import_cards(cards, embedder)).cards == len(CARDS)
    assert await library.find(STAR) == before
    with pytest.raises(BadFile, match="cannot be written"):
        await library.export(tmp_path / "nowhere" / "cards.jsonl")
