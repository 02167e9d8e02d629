"""The retriever: by name and by meaning, with the filters inside the query."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text

from engine import retriever
from engine.composing.local_model import load_model
from engine.library.catalogue import import_cards
from engine.retriever import LIKENESS, RANK_OFFSET, Rankings, Selection, retrieve
from engine.retrieving import shortlist
from engine.retrieving.asking import ask_locally
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.retrieving.search_index import embed_pending
from engine.retrieving.shortlist import Nearby, Shortlist
from engine.retrieving.words import DEPTH
from engine.storage.database import Database
from tests.cards import BASE, adapter_id, card

HERE = Selection(base=BASE)


async def found(
    database: Database,
    embedder: MiniLM,
    prompt: str,
    selection: Selection = HERE,
    k: int = 150,
) -> Retrieval:
    async with database.transaction() as connection:
        return await retrieve(connection, embedder, prompt, selection, k)


async def names(
    database: Database,
    embedder: MiniLM,
    prompt: str,
    selection: Selection = HERE,
    k: int = 150,
) -> list[str]:
    """Returns the source ids of the candidates, best first."""
    retrieval = await found(database, embedder, prompt, selection, k)
    return [candidate.adapter.source_id for candidate in retrieval.candidates]


@pytest.fixture
def stock(database: Database, catalogue: tuple[str, ...]) -> Database:
    """The database with the cards of `tests.cards`."""
    return database


@pytest.mark.parametrize(
    ("prompt", "best"),
    [
        ("neon glow", "neon"),
        ("CHECKER", "checker"),
        ("a glowing sign of gas tubes", "neon"),
        ("tall oaks in a misty wood", "forest"),
        ("a symbol of love", "heart"),
        ("the Milky Way after dusk", "night"),
    ],
)
async def test_by_name_and_by_meaning(
    stock: Database, embedder: MiniLM, prompt: str, best: str
) -> None:
    assert (await names(stock, embedder, prompt))[0] == best


async def test_each_idea_asks_for_itself(stock: Database, embedder: MiniLM) -> None:
    """Asked for as a whole only, this prompt finds the heart last but one."""
    prompt = "a chess board, woods, aquarelle, a love symbol"
    first = (await names(stock, embedder, prompt, replace(HERE, unsafe=True, with_file=False)))[:4]
    assert set(first) == {"checker", "forest", "water", "heart"}


async def test_scores_fall_and_headings_belong_to_their_candidates(
    stock: Database, embedder: MiniLM
) -> None:
    retrieval = await found(stock, embedder, "a red star")
    scores = [candidate.score for candidate in retrieval.candidates]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    position = [c.adapter.source_id for c in retrieval.candidates].index("star")
    expected = embedder.embed(["Big star"])[0]
    assert np.abs(retrieval.headings[position] - expected).max() < 1e-3  # half precision
    assert retrieval.headings.shape == (len(scores), 384)


async def test_only_what_fits_and_may_be_used_comes(stock: Database, embedder: MiniLM) -> None:
    usual = set(await names(stock, embedder, "star"))
    everything = {"star", "heart", "neon", "water", "night", "checker", "forest", "stuffed"}
    assert usual == everything | {"hostile"}
    drop = replace(HERE, drop=(adapter_id("star"), adapter_id("heart")))
    assert set(await names(stock, embedder, "star", drop)) == usual - {"star", "heart"}
    unsafe = await names(stock, embedder, "star", replace(HERE, unsafe=True))
    assert set(unsafe) == usual | {"rope"}
    any_file = await names(stock, embedder, "star", replace(HERE, with_file=False))
    assert set(any_file) == usual | {"nofile"}
    assert await names(stock, embedder, "star", Selection(base="sdxl")) == ["xl"]
    assert await names(stock, embedder, "star", Selection(base="flux")) == []


@pytest.mark.parametrize("status", ["disabled", "removed"])
async def test_what_is_switched_off_does_not_come(
    stock: Database, embedder: MiniLM, status: str
) -> None:
    async with stock.transaction() as connection:
        statement = text("update adapters set status = :status where source_id = 'star'")
        await connection.execute(statement, {"status": status})
    assert "star" not in await names(stock, embedder, "star")


async def test_a_workspaces_own_adapters_stay_there(stock: Database, embedder: MiniLM) -> None:
    async with stock.transaction() as connection:
        await connection.execute(
            text("update adapters set workspace = 'w1' where source_id = 'star'")
        )
    for workspace, visible in [("w1", True), ("w2", False), ("", False)]:
        came = await names(stock, embedder, "star", replace(HERE, workspace=workspace))
        assert ("star" in came) is visible
        assert "heart" in came, "everybody's own come everywhere"


async def test_a_selective_filter_still_gives_k_rows(stock: Database, embedder: MiniLM) -> None:
    """The filter comes before the top k: one in ten is enough to fill it."""
    cards = [
        card(f"s{n}", f"star {n}", base_model="SD 1.5" if n % 10 else "Flux.1 D")
        for n in range(300)
    ]
    await import_cards(stock, embedder, cards)
    flux = Selection(base="flux", with_file=False)
    came = await names(stock, embedder, "a star", flux, k=25)
    assert len(set(came)) == len(came) == 25
    assert all(int(name[1:]) % 10 == 0 for name in came)
    assert len(await names(stock, embedder, "a star", flux, k=150)) == 30


async def test_k_bounds_the_candidates(stock: Database, embedder: MiniLM) -> None:
    several = await names(stock, embedder, "star and heart")
    assert await names(stock, embedder, "star and heart", k=3) == several[:3]


@pytest.mark.parametrize(
    "prompt",
    [
        "star's \"neon",
        "star:* & !heart | (neon)",
        "star <-> heart",
        "'; drop table adapters; --",
        "\\' \\\\ star \\",
        "%s %(x)s :k {} $1 star",
        "or or -star or",
        "!!!",
        "",
        "the of and",
        "星 ⭐ \u200d",
        "star " * 400,
    ],
)
async def test_no_prompt_is_an_operator(stock: Database, embedder: MiniLM, prompt: str) -> None:
    came = await names(stock, embedder, prompt)
    assert len(came) == 9
    if "star" in prompt and "drop" not in prompt:
        assert "star" in came[:3]


async def test_a_stuffed_card_wins_nothing(stock: Database, embedder: MiniLM) -> None:
    for prompt, best in [("a star", "star"), ("night sky", "night"), ("forest", "forest")]:
        assert (await names(stock, embedder, prompt))[0] == best


SUBJECTS = (
    "whale teapot volcano violin cactus lighthouse penguin bicycle mushroom cathedral".split()
)
LOOKS = "wooden golden tiny ancient frozen painted broken striped glowing giant".split()


async def test_a_stuffed_card_is_in_no_top_10_of_unrelated_prompts(
    stock: Database, embedder: MiniLM
) -> None:
    cards = [
        card(f"{look}-{subject}", f"{look} {subject}", description=f"Draws a {look} {subject}.")
        for look in LOOKS
        for subject in SUBJECTS
    ]
    await import_cards(stock, embedder, cards)
    for number in range(100):
        prompt = f"a {SUBJECTS[number % 10]}, {LOOKS[number // 10]}"
        found = await names(stock, embedder, prompt, replace(HERE, with_file=False), 10)
        assert "stuffed" not in found, prompt


async def test_characters_and_people_come_only_when_named(
    database: Database, embedder: MiniLM
) -> None:
    cards = [
        card("akali", "K/DA Akali", tags=["character", "akali"], description="A ninja with neon."),
        card("star", "Jane Doe (actress)", tags=["celebrity"], description="A neon film star."),
        card("neon", "Neon glow", description="Glowing neon lines."),
    ]
    await import_cards(database, embedder, cards)
    any_file = replace(HERE, with_file=False)
    people = replace(any_file, people=True)
    assert await names(database, embedder, "a neon ninja, a film star", people) == ["neon"]
    assert set(await names(database, embedder, "AKALI in neon", any_file)) == {"akali", "neon"}
    assert await names(database, embedder, "Jane Doe in neon", any_file) == ["neon"]
    assert set(await names(database, embedder, "Jane Doe in neon", people)) == {"star", "neon"}


async def test_a_rare_word_counts_more_than_common_ones(
    database: Database, embedder: MiniLM
) -> None:
    """By meaning alone the unknown word is nothing."""
    plain = [card(f"c{n}", f"anime girl number {n}", tags=["anime", "girl"]) for n in range(120)]
    await import_cards(database, embedder, [*plain, card("rare", "Qwyzzle", tags=["anime"])])
    any_file = replace(HERE, with_file=False)
    came = await names(database, embedder, "an anime girl with a qwyzzle", any_file, k=5)
    assert "rare" in came


@pytest.mark.parametrize("way", ["index", "shortlist"])
async def test_a_large_catalogue_finds_what_the_exact_search_finds(
    stock: Database, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    shapes, looks = ("star", "heart", "ring", "arrow", "cross"), ("neon", "paper", "glass", "oil")
    cards = [
        card(
            f"s{n}",
            f"{looks[n % 4]} {shapes[n % 5]} {n}",
            base_model="SD 1.5" if n % 10 else "Flux",
        )
        for n in range(300)
    ]
    await import_cards(stock, embedder, cards)
    sd15, flux = (Selection(base=base, with_file=False) for base in ("sd15", "flux"))
    exact = await names(stock, embedder, "a glass star with neon", sd15, k=40)
    few = await names(stock, embedder, "a glass star with neon", flux, k=150)
    monkeypatch.setattr(retriever, "LARGE", 1)
    monkeypatch.setattr(shortlist, "LARGE", 1)
    nearby = Nearby(stock)
    if way == "shortlist":
        await nearby.take()
        assert nearby.newest
    listed = nearby.newest if way == "shortlist" else None

    async def near(selection: Selection, k: int) -> list[str]:
        async with stock.transaction() as connection:
            prompt = "a glass star with neon"
            came = await retrieve(connection, embedder, prompt, selection, k, shortlist=listed)
        return [candidate.adapter.source_id for candidate in came.candidates]

    assert len(set(await near(sd15, 40)) & set(exact)) >= 0.98 * len(exact)
    assert await near(flux, 150) == few
    assert len(few) == 30, "a filter that leaves little still gives all of it"


@pytest.fixture
async def listed(stock: Database, monkeypatch: pytest.MonkeyPatch) -> Shortlist:
    """A shortlist of the few cards of `tests.cards`."""
    monkeypatch.setattr(shortlist, "LARGE", 1)
    nearby = Nearby(stock)
    await nearby.take()
    assert nearby.newest
    return nearby.newest


async def test_a_shortlist_keeps_the_filters(listed: Shortlist, embedder: MiniLM) -> None:
    asked = embedder.embed(["a star"])

    async def near(selection: Selection) -> set[str]:
        return set(await listed.near(asked, asked, selection, ["star"]))

    usual = await near(HERE)
    assert adapter_id("star") in usual
    assert usual.isdisjoint({adapter_id("rope"), adapter_id("nofile"), adapter_id("xl")})
    assert await near(replace(HERE, unsafe=True)) == usual | {adapter_id("rope")}
    assert await near(replace(HERE, with_file=False)) == usual | {adapter_id("nofile")}
    assert await near(Selection(base="sdxl")) == {adapter_id("xl")}
    assert await near(Selection(base="flux")) == set()


async def test_what_changed_since_the_shortlist_counts(
    stock: Database, listed: Shortlist, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new card comes, and one that was switched off does not, long before the next one."""
    await import_cards(stock, embedder, [card("moth", "Quixotic moth")])
    async with stock.transaction() as connection:
        await connection.execute(
            text("update adapters set status = 'disabled' where source_id = 'star'")
        )
        any_file = replace(HERE, with_file=False)
        prompt = "a quixotic moth and a star"
        came = await retrieve(connection, embedder, prompt, any_file, 5, shortlist=listed)
    found = {candidate.adapter.source_id for candidate in came.candidates}
    assert "moth" in found
    assert "star" not in found


async def test_a_character_is_on_the_shortlist_where_the_prompt_names_it(
    stock: Database, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortlist, "LARGE", 1)
    akali = card("akali", "Akali", tags=["character"], description="A ninja with neon.")
    await import_cards(stock, embedder, [akali])
    nearby = Nearby(stock)
    await nearby.take()
    assert nearby.newest
    asked, any_file = embedder.embed(["a ninja"]), replace(HERE, with_file=False)
    assert adapter_id("akali") not in await nearby.newest.near(asked, asked, any_file, ["ninja"])
    assert adapter_id("akali") in await nearby.newest.near(asked, asked, any_file, ["akali"])
    anybody = replace(any_file, anybody=True)
    assert adapter_id("akali") in await nearby.newest.near(asked, asked, anybody, [])


async def test_a_small_catalogue_needs_no_shortlist(stock: Database) -> None:
    nearby = Nearby(stock)
    await nearby.take()
    assert nearby.newest is None


async def test_a_shortlist_is_taken_in_the_background(
    stock: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortlist, "LARGE", 1)
    nearby = Nearby(stock)
    assert nearby.look() is None, "whoever asks first does not wait for it"
    (taking,) = [task for task in asyncio.all_tasks() if task.get_name() == "shortlist"]
    await taking
    assert nearby.look() is not None


async def test_a_card_that_waits_for_its_vectors_is_looked_at_anyway(
    stock: Database, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedded after the shortlist was taken, long after it was changed."""
    monkeypatch.setattr(shortlist, "LARGE", 1)
    await import_cards(stock, embedder, [card("moth", "Quixotic moth")])
    async with stock.transaction() as connection:
        await connection.execute(text("update adapters set updated_at = now() - interval '1 day'"))
        await connection.execute(
            text("update adapter_vectors set digest = 'older' where adapter_id = :id"),
            {"id": adapter_id("moth")},
        )
    nearby = Nearby(stock)
    await nearby.take()
    assert nearby.newest
    assert list(nearby.newest.waiting) == [adapter_id("moth")]
    asked = embedder.embed(["a heart"])
    usual = await nearby.newest.near(asked, asked, HERE, [])
    assert usual[-1] == adapter_id("moth")
    assert await embed_pending(stock, embedder) == 1
    older = nearby.newest
    await nearby.take()
    assert nearby.newest is not older, "it is taken anew until nothing waits"
    assert not nearby.newest.waiting
    older = nearby.newest
    await nearby.take()
    assert nearby.newest is older


async def test_a_ranking_that_does_not_count_is_left_out(stock: Database, embedder: MiniLM) -> None:
    async def first(prompt: str, rankings: Rankings) -> list[str]:
        async with stock.transaction() as connection:
            came = await retrieve(connection, embedder, prompt, HERE, 150, rankings=rankings)
        return [candidate.adapter.source_id for candidate in came.candidates]

    words = Rankings(prompt_heading=0, prompt_body=0, phrase_heading=0, phrase_body=0)
    assert await first("neon aquarelle", words) == ["neon"]
    meaning = await first("neon aquarelle", Rankings(lexical=0))
    assert {"neon", "water"} <= set(meaning[:3])
    assert len(meaning) == 9


async def test_likeness_counts_beside_the_rank(stock: Database, embedder: MiniLM) -> None:
    rankings = Rankings(prompt_body=0, phrase_heading=0, phrase_body=0, lexical=0)
    asked = ask_locally("a neon glow", embedder, load_model())
    async with stock.transaction() as connection:
        came = await retrieve(
            connection, embedder, "a neon glow", HERE, 150, asked=asked, rankings=rankings
        )
    ranks = np.arange(1, len(came.candidates) + 1)
    shares = rankings.prompt_heading * np.log((RANK_OFFSET + DEPTH) / (RANK_OFFSET + ranks))
    likeness = LIKENESS.prompt_heading * came.headings @ asked.headings[0]
    scores = [candidate.score for candidate in came.candidates]
    assert np.abs(shares + likeness - scores).max() < 0.02, "vectors are stored in half precision"
