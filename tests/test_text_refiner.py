"""The text-only refiner: what is drawn stays, what is about tools, thanks and money goes."""

import time

import pytest

from engine.library.cards import layered, read_card
from engine.library.text_refiner import KEPT_CHARACTERS, READ_CHARACTERS, describe, refine
from tests.cards import card

CASES = {
    "<p>Draws <b>neon</b> signs.</p><p>Please support me on Patreon!</p>": "Draws neon signs.",
    "---\nlicense: mit\n---\n# Neon\n\nGlowing **signs** at [night](https://x.y/z).": (
        "Glowing signs at night."
    ),
    "A style of ink washes. Install the web-ui extension first.": "A style of ink washes.",
    "Made with kohya. Euler a, CFG 7, clip skip 2": "",
    "Tall &amp; thin trees<br>https://example.com/pay": "Tall & thin trees.",
    "<script>alert(1)</script>Moss <lora:moss:0.8> and ferns\n```\ncode\n```": "Moss and ferns.",
    "Trained on old police footage.": "Trained on old police footage.",
    "Soft watercolor of flowers and hills. Version 2 is out.": (
        "Soft watercolor of flowers and hills."
    ),
    "水墨画风格的山水，留白很多。": "水墨画风格的山水，留白很多。",
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_drawn_stays(text: str) -> None:
    assert describe(text) == CASES[text]


def test_what_people_need_not_read_is_still_searched() -> None:
    raw = card(
        "a",
        "Neon",
        description="<p>Neon signs over wet streets at night.</p><p>Trained on Tokyo.</p>",
    )
    made = layered(raw, refine(raw), {})
    assert made.description == "Neon signs over wet streets at night."
    assert "Trained on Tokyo" in made.body


def test_a_rating_is_raised_by_name_and_tags_and_never_lowered() -> None:
    assert not refine(card("a", "A class of its own", description="not nsfw"))["nsfw"]
    assert refine(card("a", "Plain", nsfw=True))["nsfw"]
    assert refine(card("a", "Plain", tags=["style", "hentai"]))["nsfw"]
    assert refine(card("a", "Plain", trigger_words=["n u d e"]))["nsfw"]


@pytest.mark.parametrize(
    "text",
    ["<" * 50_000, "[" * 50_000, "a." * 50_000, "<p" * 25_000, "![" * 25_000, "a\n" * 50_000],
)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    began = time.process_time()
    assert len(describe(text)) <= KEPT_CHARACTERS
    assert time.process_time() - began < 2
    assert len(text) > READ_CHARACTERS


def test_admins_win_over_refiners_and_refiners_over_authors() -> None:
    raw = card("a", "Neon", description="d", weight=0.7, tags=["x"])
    made = layered(raw, {"description": "better", "kind": "person"}, {"title": "Mine", "weight": 1})
    assert (made.title, made.description, made.weight, made.kind) == ("Mine", "better", 1, "person")
    assert made.raw == read_card(raw).raw
