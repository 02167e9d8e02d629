"""Editing: an admin's words stay, whatever is imported or refined later; and a way out for all."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.community.workspaces import Workspaces
from engine.errors import BadFile, BadOption, UnknownAdapter
from engine.library.librarian import Library
from engine.retrieving.embedder import MiniLM
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Asker
from tests.cards import CARDS, adapter_id

STAR = adapter_id("star")
ADA = Asker("console", user="ada")


@pytest.fixture
def library(settings: Settings, database: Database, catalogue: tuple[str, ...]) -> Library:
    return Library(settings, database, BlobStore(settings), ADA)


async def test_an_admins_words_stay(library: Library, embedder: MiniLM) -> None:
    words = {"title": "Comet", "description": "A comet with a long tail.", "weight": 0.4}
    made = await library.edit(STAR, words, "Ask Ada first.", embedder)
    assert (made.title, made.weight, made.notes) == ("Comet", 0.4, "Ask Ada first.")
    assert made.trigger_words == ("star",), "what is not named stays"
    await library.import_cards(CARDS, embedder)
    again = await library.edit(STAR, {"nsfw": True}, None, embedder)
    assert (again.title, again.rating, again.notes) == ("Comet", "unsafe", "Ask Ada first.")
    found = {one.id: one.rating for one in await library.search("a comet", 20, embedder)}
    assert found[STAR] == "unsafe", "who looks after the library finds it all the same"
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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weight_range": [0.8, 0.4]}, "the lower first, both from -2 to 2"),
        ({"weight_range": [0.5, 2.5]}, "both from -2 to 2"),
        ({"weight_range": ["a", "b"]}, "both from -2 to 2"),
        ({"weight": 1.2, "weight_range": [0.4, 0.8]}, "1.2 is outside of its range, 0.4 to 0.8"),
    ],
)
async def test_a_range_that_is_none_is_refused(
    library: Library, embedder: MiniLM, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadOption, match=sentence):
        await library.edit(STAR, changes, None, embedder)
    assert await library.changes(9) == []


async def test_the_weight_stays_within_an_admins_range(
    library: Library, embedder: MiniLM, tmp_path: Path
) -> None:
    """It goes along with an export."""
    assert (await library.find(STAR)).weight_low is None
    made = await library.edit(STAR, {"weight_range": [0.2, 0.5]}, None, embedder)
    assert (made.weight_low, made.weight_high, made.weight) == (0.2, 0.5, 0.35)
    assert await library.find(STAR) == made
    with pytest.raises(BadOption, match="outside of its range"):
        await library.edit(STAR, {"weight": 0.7}, None, embedder)
    await library.export(tmp_path / "cards.jsonl")
    cards = map(json.loads, (tmp_path / "cards.jsonl").read_text("utf-8").splitlines())
    assert [0.2, 0.5] in [card.get("weight_range") for card in cards]
    free = await library.edit(STAR, {"weight_range": None}, None, embedder)
    assert (free.weight_low, free.weight_high, free.weight) == (None, None, 0.8)


async def test_what_operators_do_is_written_down(library: Library, embedder: MiniLM) -> None:
    """Everybody's adapters concern all; a workspace's own concern that workspace alone."""
    await library.import_cards(CARDS, embedder)
    await library.edit(STAR, {"title": "Comet", "tags": ["sky", "night"]}, "Ask Ada.", embedder)
    await library.set_status(STAR, "disabled")
    async with library.database.transaction() as connection:
        statement = text("update adapters set workspace = '7' where id = 'test:heart'")
        await connection.execute(statement)
    await library.set_status("test:heart", "removed")
    removed, disabled, edited, imported = await library.changes(9)
    assert {one.user for one in await library.changes(9)} == {"ada"}
    assert (removed.workspace, removed.details) == ("7", {"test:heart": ["active", "removed"]})
    assert disabled.details == {STAR: ["active", "disabled"]}
    assert edited.details == {
        f"{STAR} title": ["Big star", "Comet"],
        f"{STAR} tags": ["", "sky, night"],
        f"{STAR} notes": ["", "Ask Ada."],
    }
    assert imported.details == {"import": ["", f"{len(CARDS)} cards"]}
    workspaces = Workspaces(library.database)
    assert await workspaces.changes(Asker("discord", "7")) == [removed, disabled, edited, imported]
    assert await workspaces.changes(Asker("slack", "8")) == [disabled, edited, imported]


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
