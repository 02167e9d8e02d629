"""Files of cards that admins give to their workspace: all or none, and nothing of another's."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.errors import BadFile, BadInput, BadOption, NotAllowed
from engine.library import importing
from engine.library.card_files import UNPACKED_BYTES
from engine.library.importing import MOST_OWN, UPLOAD_MB, Taken
from engine.library.librarian import Library
from engine.retrieving.embedder import MiniLM
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Asker
from tests.cards import CARDS, card
from tests.samples import ADA

THERE = replace(ADA, workspace="w2")
COMET = card("comet", "Comet", description="Draws a comet.", trigger_words=["comet"])
STAR = card("star", "Another star", description="A star of their own.")


def packed(*cards: Any) -> bytes:
    """Returns a file as `lora export` in a chat writes it."""
    return gzip.compress("".join(f"{json.dumps(one)}\n" for one in cards).encode())


async def take(desk: Desk, content: bytes, who: Asker = ADA) -> Taken:
    return await desk.importing.take(content, who, allowed=True)


async def stored(desk: Desk) -> list[str]:
    """Returns everything that is kept of adapters and of what is searched."""
    async with desk.database.transaction() as connection:
        tables = ("adapters", "adapter_texts")
        rows = [await connection.scalars(text(f"select t::text from {t} t")) for t in tables]
        return sorted(row for found in rows for row in found)


async def exported(desk: Desk, who: Asker) -> bytes:
    return (await desk.upkeep.export(who, allowed=True))[1]


async def test_a_workspace_takes_cards_and_changes_nobody_elses(
    desk: Desk, catalogue: tuple[str, ...]
) -> None:
    """The file names an adapter of everybody's and one of another workspace's, by their ids."""
    await take(desk, packed(COMET), THERE)
    before = await stored(desk)
    claims = {"workspace": "w2", "id": "test:star"}
    assert await take(desk, packed(STAR | claims, COMET)) == Taken(2, 2)
    after = await stored(desk)
    assert set(before) <= set(after), "what there was is as it was"
    assert len(after) == len(before) + 2 * 2
    mine = await desk.lookup.find("@w1/test:star", ADA)
    assert (mine.title, mine.workspace, mine.blob) == ("Another star", "w1", None)
    assert (await desk.lookup.find("test:star", ADA)).title == "Big star"
    with pytest.raises(BadInput):
        await desk.lookup.find("@w1/test:comet", THERE)
    assert "@w2/test:comet" not in str(await desk.listings.page(*await listing(desk), admin=True))
    (change,) = await desk.workspaces.changes(ADA, 1)
    assert (change.user, change.details) == (ADA.user, {"import": ["", "2 cards"]})


async def listing(desk: Desk) -> tuple[Any, int, Asker]:
    return await desk.listings.open(ADA), 0, ADA


async def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    await take(desk, packed(STAR, COMET))
    first = await exported(desk, ADA)
    assert await take(desk, packed(STAR, COMET)) == Taken(2, 0)
    assert await exported(desk, ADA) == first
    assert await take(desk, first) == Taken(2, 0)
    assert await exported(desk, ADA) == first


async def test_what_was_exported_comes_back_as_it_was(
    desk: Desk, catalogue: tuple[str, ...], database: Database
) -> None:
    """To the same adapter where it was added here, and to a copy in another place."""
    async with database.transaction() as connection:
        await connection.execute(
            text("update adapters set workspace = 'w1', status = 'disabled' where id = 'test:neon'")
        )
    kept = await exported(desk, ADA)
    before = await stored(desk)
    assert await take(desk, kept) == Taken(1, 0)
    assert [row.split(",")[0] for row in await stored(desk)] == [
        row.split(",")[0] for row in before
    ]
    assert await exported(desk, ADA) == kept
    assert await take(desk, kept, THERE) == Taken(1, 1)
    copy = await desk.lookup.find("@w2/test:neon", THERE)
    assert (copy.title, copy.status, copy.blob) == ("Neon glow", "disabled", None)


async def test_prompts_find_them_once_they_are_read(desk: Desk, embedder: MiniLM) -> None:
    await take(desk, packed(COMET))
    assert (await desk.importing.pending(ADA), await desk.importing.pending(THERE)) == (1, 0)
    async with desk.database.transaction() as connection:
        jobs = await connection.scalars(text("select task_name from procrastinate_jobs"))
        assert list(jobs) == ["embed"]
    library = Library(desk.settings, desk.database, BlobStore(desk.settings), ADA)
    await library.refined(0, "", embedder)  # what the job does
    assert await desk.importing.pending(ADA) == 0
    assert [one.id for one in await desk.lookup.search("a comet", ADA)] == ["@w1/test:comet"]
    assert await desk.lookup.search("a comet", THERE) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "There is no card in the file"),
        (b"\n\n{", "Line 3 of the file is not JSON."),
        (b"[1]", "Line 1 of the file is no JSON object."),
        (b"\x1f\x8bnonsense", "The file cannot be unpacked"),
        (packed(COMET)[:-9], "The file cannot be unpacked"),
        (packed(COMET, {"source": "x", "source_id": "1"}), "Line 2 .* has no “title”"),
        (packed(COMET, COMET | {"source": "@w2/test"}), "Line 2 .* begins with “@”"),
        (packed(COMET, COMET | {"title": "nude child"}), "Line 2 .* are never taken"),
        (gzip.compress(b" " * 2**21), "Line 1 of the file is longer than 1000000 bytes."),
        (gzip.compress(packed(COMET)), "Line 1 of the file is not JSON."),
        (b"x" * (UPLOAD_MB * 2**20 + 1), "may have up to 8 MB"),
    ],
)
async def test_a_bad_line_refuses_the_whole(desk: Desk, content: bytes, sentence: str) -> None:
    with pytest.raises(BadFile, match=sentence):
        await take(desk, content)
    assert await stored(desk) == []


async def test_a_bomb_is_left_once_it_is_too_large() -> None:
    line = json.dumps(COMET | {"description": "a" * 900_000}).encode() + b"\n"
    bomb = gzip.compress(line * (UNPACKED_BYTES // len(line) + 2))
    assert len(bomb) < 100_000
    with pytest.raises(BadFile, match="unpacks to more than 16 MB"):
        importing.read_own(bomb, "w1")


def cards(count: int, start: int = 0) -> Sequence[dict[str, Any]]:
    return [card(f"n{number}", "Dots") for number in range(start, start + count)]


async def test_a_place_has_so_many_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadFile, match="may have up to 5000 cards"):
        importing.read_own(packed(*cards(MOST_OWN + 1)), "w1")
    monkeypatch.setattr(importing, "MOST_OWN", 3)
    await take(desk, packed(*cards(2)))
    with pytest.raises(BadOption, match="up to 3 LoRAs of its own"):
        await take(desk, packed(*cards(2, start=2)))
    assert len(await stored(desk)) == 2 * 2


async def test_only_admins_of_a_place_import(desk: Desk) -> None:
    with pytest.raises(NotAllowed):
        await desk.importing.take(packed(COMET), ADA, allowed=False)
    with pytest.raises(NotAllowed):
        await take(desk, packed(COMET), replace(ADA, workspace=""))
    assert await stored(desk) == []


async def test_an_operators_export_keeps_whose_they_are(
    desk: Desk, embedder: MiniLM, tmp_path: Path
) -> None:
    """Into the same catalogue without any change, and into an empty one as it was."""
    library = Library(desk.settings, desk.database, BlobStore(desk.settings), ADA)
    await library.import_cards(CARDS, embedder)
    await take(desk, packed(STAR, card("bare", "Bare")))
    await library.set_status("test:heart", "disabled")
    await library.edit("test:neon", {"title": "Neon"}, "Ask Ada.", embedder)
    path = tmp_path / "cards.jsonl"
    assert await library.export(path) == len(CARDS) + 2
    lines = path.read_text("utf-8").splitlines()
    again = await library.import_cards(map(json.loads, lines), embedder)
    assert (again.cards, again.embedded) == (len(CARDS) + 2, 0)
    async with desk.database.transaction() as connection:
        await connection.execute(text("delete from adapters"))
    await library.import_cards(map(json.loads, lines), embedder)
    await library.export(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_text("utf-8").splitlines() == lines
    assert (await library.find("@w1/test:star")).workspace == "w1"
    assert (await library.find("test:heart")).status == "disabled"
    assert (await library.find("test:neon")).notes == "Ask Ada."
