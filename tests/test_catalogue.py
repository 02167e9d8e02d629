"""The catalogue: importing again changes nothing, and only what changed is embedded again."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from engine.errors import BadFile, UnknownAdapter
from engine.library import catalogue as shelf
from engine.library.card_files import LINE_BYTES, read_cards
from engine.library.catalogue import Imported
from engine.retrieving.embedder import MAX_TOKENS, MiniLM, Vectors
from engine.retrieving.search_index import EMBED_BATCH
from engine.storage.database import Database
from engine.storage.tables import adapters
from engine.values import Adapter, Overrides
from tests.cards import CARDS, adapter_id, card
from tests.samples import SHA, request


class Counting(MiniLM):
    """The embedder, noting what it was asked for."""

    def __init__(self, original: MiniLM) -> None:
        self.__dict__.update(original.__dict__)
        self.texts: list[str] = []

    def embed(self, texts: list[str], tokens: int = MAX_TOKENS) -> Vectors:
        self.texts += texts
        return super().embed(texts, tokens)


@pytest.fixture
def counting(embedder: MiniLM) -> Counting:
    return Counting(embedder)


async def rows(database: Database) -> list[Any]:
    """Everything the catalogue keeps, times aside."""
    statement = text(
        """
        select to_jsonb(a) - 'updated_at' - 'created_at' as adapter, t.heading, t.body, t.digest,
               v.digest as embedded, v.heading::text as vector, v.body::text as body_vector
        from adapters a left join adapter_texts t on t.adapter_id = a.id
        left join adapter_vectors v on v.adapter_id = a.id order by a.id
        """
    )
    async with database.transaction() as connection:
        return list(await connection.execute(statement))


async def find(database: Database, name: str) -> Adapter:
    async with database.transaction() as connection:
        found = await shelf.find_adapters(connection, [adapter_id(name)])
    return found[adapter_id(name)]


def plain(count: int) -> list[dict[str, Any]]:
    """Returns cards with next to no text, which embed fast."""
    return [card(f"n{number}", f"n{number}") for number in range(count)]


async def test_no_search_reads_a_list_of_what_was_just_imported(
    database: Database, catalogue: tuple[str, ...]
) -> None:
    async with database.transaction() as connection:
        for field in ("names", "triggers", "prose"):
            index = f"stylus.ix_adapter_texts_{field}"
            assert await connection.scalar(text(f"select gin_clean_pending_list('{index}')")) == 0


async def test_importing_again_changes_nothing(
    database: Database, catalogue: tuple[str, ...], counting: Counting
) -> None:
    before = await rows(database)
    assert len(before) == len(CARDS) == len(catalogue)
    assert all(row.digest == row.embedded for row in before)
    assert await imported(database, counting, CARDS) == Imported(len(CARDS), 0, 0, 0)
    assert await rows(database) == before
    assert counting.texts == []


async def imported(
    database: Database, embedder: MiniLM, cards: Sequence[dict[str, Any]]
) -> Imported:
    return await shelf.import_cards(database, embedder, cards)


async def test_a_changed_card_is_embedded_alone(
    database: Database, catalogue: tuple[str, ...], counting: Counting
) -> None:
    before = {row.adapter["id"]: row for row in await rows(database)}
    changed = [
        {**c, "description": "Draws a pentagram."} if c["source_id"] == "star" else c for c in CARDS
    ]
    assert await imported(database, counting, changed) == Imported(len(CARDS), 1, 0, 0)
    assert counting.texts == ["Big star", "Big star. Draws a pentagram."]
    after = {row.adapter["id"]: row for row in await rows(database)}
    assert {i for i in after if after[i] != before[i]} == {adapter_id("star")}
    assert (await find(database, "star")).description == "Draws a pentagram."


async def test_a_weight_alone_is_refreshed_without_embedding(
    database: Database, catalogue: tuple[str, ...], counting: Counting
) -> None:
    again = {**CARDS[0], "weight": 0.3}
    assert await imported(database, counting, [again]) == Imported(1, 0, 0, 0)
    assert (await find(database, "star")).weight == pytest.approx(0.3)


async def test_status_and_file_stay_when_a_card_comes_again(
    database: Database, catalogue: tuple[str, ...], embedder: MiniLM
) -> None:
    async with database.transaction() as connection:
        await shelf.set_status(connection, adapter_id("star"), "disabled")
        await connection.execute(text(f"update adapters set sha256 = '{SHA}', workspace = 'w1'"))
    before = await find(database, "star")
    await imported(database, embedder, [{**CARDS[0], "title": "New", "file_sha256": "cd" * 32}])
    after = await find(database, "star")
    assert after.title == "New"
    assert (after.status, after.blob, after.sha256) == ("disabled", before.blob, SHA)
    async with database.transaction() as connection:
        kept = await connection.scalar(text("select distinct workspace from adapters"))
    assert kept == "w1"


async def test_an_import_says_that_what_was_removed_stays_removed(
    database: Database, catalogue: tuple[str, ...], counting: Counting
) -> None:
    async with database.transaction() as connection:
        await shelf.set_status(connection, adapter_id("star"), "removed")
    cards = [*CARDS, card("comet", "Comet")]
    assert await imported(database, counting, cards) == Imported(len(cards), 1, 1, 1)
    async with database.transaction() as connection:
        with pytest.raises(UnknownAdapter):
            await shelf.find_adapters(connection, [adapter_id("star")])


async def test_a_bad_card_in_the_middle_keeps_those_before_it(
    database: Database, embedder: MiniLM
) -> None:
    good = plain(EMBED_BATCH + 3)
    cards = [*good, {"source": "test", "source_id": "x"}, card("never", "Never")]
    number = len(good) + 1
    with pytest.raises(BadFile, match=f"Card number {number} is refused: .* no “title”"):
        await imported(database, embedder, cards)
    assert {row.adapter["id"] for row in await rows(database)} == {
        f"test:n{n}" for n in range(len(good))
    }
    # The same file, mended: what was stored is embedded now, once.
    mended = await imported(database, embedder, [*good, cards[-1]])
    assert mended == Imported(len(good) + 1, len(good) + 1, 1, 0)


async def test_the_same_card_twice_in_one_file_counts_once(
    database: Database, embedder: MiniLM
) -> None:
    await imported(database, embedder, [card("a", "Old"), card("a", "New")])
    assert [row.adapter["title"] for row in await rows(database)] == ["New"]


async def test_strangers_text_is_stored_as_text(database: Database, embedder: MiniLM) -> None:
    odd = card("o'; drop table adapters; --", "Ti\0tle \ud800 :name %s {x}", extra="a\0b")
    await imported(database, embedder, [odd])
    (row,) = await rows(database)
    assert row.adapter["title"] == "Ti tle :name %s {x}"
    assert row.adapter["id"] == "test:o'; drop table adapters; --"
    assert row.adapter["card"]["extra"] == "a b"


async def test_status_decides_what_is_found(database: Database, catalogue: tuple[str, ...]) -> None:
    star, heart = adapter_id("star"), adapter_id("heart")
    async with database.transaction() as connection:
        await shelf.set_status(connection, star, "disabled")
        off = await shelf.find_unusable(connection, [star, heart], request())
        assert off == {star: "“Big star” was disabled after the request was made."}
        await shelf.set_status(connection, heart, "removed")
        with pytest.raises(UnknownAdapter, match=f"There is no adapter “{heart}”"):
            await shelf.set_status(connection, heart, "active")
    assert (await find(database, "star")).status == "disabled"


async def test_what_is_used_is_asked_again_right_before(
    database: Database, catalogue: tuple[str, ...]
) -> None:
    """A rating that an admin raised, and another place's adapter: no queued job gets by."""
    rope, heart = adapter_id("rope"), adapter_id("heart")
    async with database.transaction() as connection:
        await connection.execute(
            update(adapters).where(adapters.c.id == heart).values(workspace="elsewhere")
        )
        found = await shelf.find_unusable(connection, [rope, heart], request())
        adults = request(overrides=Overrides(unsafe=True))
        among_adults = await shelf.find_unusable(connection, [rope], adults)
    assert found[rope] == "“Rope bondage” is rated unsafe, and here only safe ones are used."
    assert found[heart] == "“Heart shape” belongs to another place."
    assert among_adults == {}


def write(folder: Path, lines: list[str], name: str = "cards.jsonl") -> Path:
    path = folder / name
    content = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["cards.jsonl", "cards.jsonl.gz"])
def test_card_files_may_be_gzipped_and_have_empty_lines(tmp_path: Path, name: str) -> None:
    lines = [json.dumps(CARDS[0]), "", "  ", json.dumps(CARDS[1])]
    assert list(read_cards(write(tmp_path, lines, name))) == CARDS[:2]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{nonsense", "Line 3 of {} is not JSON."),
        ("[1]", "Line 3 of {} is no JSON object."),
        ("[" * 100_000, "Line 3 of {} is not JSON."),
        ("x" * (LINE_BYTES + 1), f"Line 3 of {{}} is longer than {LINE_BYTES} bytes."),
    ],
)
def test_the_line_that_is_no_card_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    path = write(tmp_path, [json.dumps(CARDS[0]), "", line])
    with pytest.raises(BadFile) as caught:
        list(read_cards(path))
    assert str(caught.value) == sentence.format(path)


def test_what_is_no_card_file_is_said(tmp_path: Path) -> None:
    half = gzip.compress(json.dumps(CARDS[0]).encode() * 100)[:60]
    (tmp_path / "half.jsonl.gz").write_bytes(half)
    (tmp_path / "plain.jsonl.gz").write_bytes(b"{}")
    for name in ("half.jsonl.gz", "plain.jsonl.gz", "none.jsonl", ""):
        with pytest.raises(BadFile, match="cannot be read as a card file"):
            list(read_cards(tmp_path / name))
