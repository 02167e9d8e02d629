"""Cards: strangers' text, bounded and cleaned; weights by the order that measured best."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadFile
from engine.library.cards import (
    BODY_CHARACTERS,
    DEFAULT_WEIGHT,
    HEADING_CHARACTERS,
    LABEL_CHARACTERS,
    LABELS,
    TITLE_CHARACTERS,
    Card,
    base_family,
    clean,
    layered,
    read_card,
)
from engine.values import MAX_WEIGHT
from tests.cards import card


def read(**fields: Any) -> Card:
    return read_card({**card("1", "A title"), **fields})


@pytest.mark.parametrize(
    ("fields", "weight"),
    [
        ({}, DEFAULT_WEIGHT),
        ({"weight": None, "weight_range": None}, DEFAULT_WEIGHT),
        ({"weight_range": [0.4, 0.8]}, 0.6),
        ({"example_prompts": ["fox <lora:x:0.5>", "<lora:x:0.7> <lora:y:0.9>"]}, 0.7),
        ({"example_prompts": ["<lora:x:0.5>"], "weight_range": [1, 2]}, 0.5),
        ({"weight": 1, "example_prompts": ["<lora:x:0.5>"]}, 1.0),
        ({"weight": 50}, MAX_WEIGHT),
        ({"weight": -50}, -MAX_WEIGHT),
        ({"weight": float("nan")}, DEFAULT_WEIGHT),
        ({"weight": float("inf")}, DEFAULT_WEIGHT),
        ({"weight": 10**400}, DEFAULT_WEIGHT),
        ({"weight": "1.5"}, DEFAULT_WEIGHT),
        ({"weight": True}, DEFAULT_WEIGHT),
        ({"weight_range": ["a", "b"]}, DEFAULT_WEIGHT),
        ({"weight_range": [0.4, None]}, DEFAULT_WEIGHT),
        ({"weight_range": [0.4]}, DEFAULT_WEIGHT),
        ({"weight_range": [0.4, 0.6, 0.8]}, DEFAULT_WEIGHT),
        ({"weight_range": "0.5 to 1"}, DEFAULT_WEIGHT),
        ({"example_prompts": ["<lora:x:999>"]}, MAX_WEIGHT),
    ],
)
def test_weight_is_the_examples_median_else_the_ranges_middle(
    fields: dict[str, Any], weight: float
) -> None:
    assert read(**fields).weight == pytest.approx(weight)


def test_fields_are_capped() -> None:
    long = "x" * 10_000
    made = read(title=long, description=long, tags=[f"{n}{long}" for n in range(500)])
    assert len(made.title) == TITLE_CHARACTERS
    assert len(made.description) == 4000
    assert len(made.tags) == LABELS
    assert max(map(len, made.tags)) == LABEL_CHARACTERS
    assert len(made.heading) <= HEADING_CHARACTERS
    assert len(made.body) == BODY_CHARACTERS


def test_a_label_counts_once_in_the_heading() -> None:
    made = read(title="Star", trigger_words=["star", "Glow", "glow"], tags=["STAR", "glow", "", 7])
    assert made.trigger_words == ("star", "Glow")
    assert made.heading == "Star, glow"


@given(st.text(max_size=300))
def test_cleaned_text_is_visible_and_stays_clean(text: str) -> None:
    cleaned = clean(text, 100)
    assert len(cleaned) <= 100
    assert not any(unicodedata.category(c).startswith("C") for c in cleaned)
    assert clean(cleaned, 100) == cleaned


def test_control_and_invisible_characters_are_taken_out() -> None:
    made = read(title="Ig\u200bno\x00re\u202e me", description="one\ntwo\x1b[31m")
    assert made.title == "Ig no re me"
    assert made.description == "one two [31m"


@pytest.mark.parametrize(
    ("words", "family"),
    [
        ("SD 1.5", "sd15"),
        ("SD 1.4", "sd15"),
        ("sd15", "sd15"),
        ("SDXL 1.0", "sdxl"),
        ("Pony", "sdxl"),
        ("Illustrious", "sdxl"),
        ("SD 2.1 768", "sd2"),
        ("SD 3.5", "sd3"),
        ("Flux.1 D", "flux"),
        ("stylus-small", "stylus-small"),
        ("Wan Video", "wan video"),
        ("", "unknown"),
    ],
)
def test_base_families(words: str, family: str) -> None:
    assert base_family(words) == family


@pytest.mark.parametrize("field", ["source", "source_id", "title"])
@pytest.mark.parametrize("value", [None, "", "  ", "\u200b", [], {}])
def test_a_card_without_a_needed_field_names_it(field: str, value: object) -> None:
    with pytest.raises(BadFile, match=f"no “{field}”; every card needs"):
        read(**{field: value})


@pytest.mark.parametrize("raw", [None, [], "text", 7])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(BadFile, match="no JSON object"):
        read_card(raw)


def test_the_digest_follows_what_is_embedded_and_nothing_else() -> None:
    made = read(description="A star.")
    assert read(description="A star.", weight=0.3, creator="ada").digest == made.digest
    assert read(description="A heart.").digest != made.digest
    assert read(description="A star.", tags=["gold"]).digest != made.digest


def test_hashes_are_lower_case_or_nothing() -> None:
    assert read(file_sha256="AB" * 32).sha256 == "ab" * 32
    assert read(file_sha256="ab" * 31).sha256 is None
    assert read(file_sha256="../../etc/passwd").sha256 is None


def test_rating_and_licence() -> None:
    assert (read().rating, read(nsfw=True).rating) == ("safe", "unsafe")
    assert read(licence="CC0").licence == "CC0"
    flags = {"allowNoCredit": False, "allowCommercialUse": "None"}
    assert read(licence=flags).licence == "credit the creator; commercial use: None"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(
    """source source_id title description tags trigger_words base_model weight weight_range
    example_prompts nsfw file_name file_sha256 creator licence""".split()
)


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values))
def test_any_json_is_a_card_or_refused_and_can_be_stored(raw: dict[str, Any]) -> None:
    try:
        made = read_card(raw)
    except BadFile:
        return
    assert -MAX_WEIGHT <= made.weight <= MAX_WEIGHT
    stored = json.dumps(made.raw, allow_nan=False, ensure_ascii=False)
    assert "\0" not in stored
    stored.encode()


def test_the_weight_of_examples_is_kept_within_an_admins_range() -> None:
    raw = card("star", "Star", example_prompts=["<lora:star:1.2>"], weight=None)
    assert layered(raw, {}, {}).weight == 1.2
    kept = layered(raw, {}, {"weight_range": [0.2, 0.5]})
    assert (kept.weight, kept.weight_low, kept.weight_high) == (0.5, 0.2, 0.5)
    assert layered(raw, {}, {"weight_range": [1.0, 1.5]}).weight == 1.2


def test_the_weight_that_does_no_harm_holds_for_all_but_admins() -> None:
    raw = card("star", "Star", weight=1.8) | {"steady_weight": 0.45}
    assert layered(raw, {}, {}).weight == 0.45
    assert layered(raw, {"weight": 0.9}, {}).weight == 0.45, "a refiner knows no better"
    assert layered(raw, {"weight": 0.3}, {}).weight == 0.3
    assert layered(raw, {}, {"weight": 1.0}).weight == 1.0
    slider = card("slider", "Slider", weight=-1.8) | {"steady_weight": -0.45}
    assert layered(slider, {}, {}).weight == -0.45
