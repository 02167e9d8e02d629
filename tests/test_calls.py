"""Cards that are called by name are heard, and words that name nothing call for nobody."""

import pytest

from engine.composing.calls import with_calls
from engine.composing.local_composer import compose_locally
from engine.composing.local_model import load_model
from engine.composing.phrases import Phrase
from engine.composing.segmentation import Segmented
from engine.retrieving.embedder import MiniLM
from engine.values import Adapter
from tests.samples import adapter, candidate, retrieval

CRESCENT = adapter("moon", "Crescent Moon", trigger_words=("moon", "crescent moon"))
WASH = adapter("wash", "Watercolor Wash", trigger_words=("watercolor", "paper"))


def nothing_heard(prompt: str, embedder: MiniLM, *keywords: str) -> Segmented:
    """What a tagger left that heard those keywords alone."""
    vectors = embedder.embed([prompt, *keywords])
    phrases = tuple(Phrase(word, tuple(word.casefold().split())) for word in keywords)
    return Segmented(vectors[0], phrases, vectors[1:])


def heard(prompt: str, embedder: MiniLM, adapters: list[Adapter], *keywords: str) -> list[str]:
    found = with_calls(prompt, nothing_heard(prompt, embedder, *keywords), adapters, embedder)
    expected = embedder.embed([phrase.text for phrase in found.phrases])
    assert found.vectors == pytest.approx(expected, abs=1e-5)
    return [phrase.text for phrase in found.phrases]


def test_a_card_called_by_its_name_gets_a_keyword(embedder: MiniLM) -> None:
    prompt = "Crescent Moon, green backdrop, a watercolour"
    assert heard(prompt, embedder, [CRESCENT, WASH], "green backdrop") == [
        "Crescent Moon",
        "green backdrop",
    ]
    assert heard("a watercolor fox", embedder, [WASH], "fox") == ["watercolor", "fox"]


def test_words_of_a_keyword_call_nobody_else(embedder: MiniLM) -> None:
    prompt = "a big crescent moon"
    assert heard(prompt, embedder, [CRESCENT], "big crescent moon") == ["big crescent moon"]


def test_a_word_said_twice_is_one_keyword(embedder: MiniLM) -> None:
    """As a task twice it would break a rule, and the request would end."""
    prompt = "a Watercolor fox beside a watercolor bear"
    assert heard(prompt, embedder, [WASH], "Watercolor", "fox") == ["Watercolor", "fox"]
    assert heard(prompt, embedder, [WASH], "fox") == ["Watercolor", "fox"]


@pytest.mark.parametrize(
    "name",
    ["paper", "red background", "masterpiece", "", "one two three four five", "crescentmoon"],
)
def test_a_name_that_tells_nothing_is_not_listened_for(embedder: MiniLM, name: str) -> None:
    """A trigger word alone is often a word of everyday use; it counts where the title has it."""
    card = adapter("card", "Wash", trigger_words=(name,))
    prompt = "paper, red background, masterpiece, one two three four five, crescent moon"
    assert heard(prompt, embedder, [card]) == []


@pytest.mark.parametrize(
    ("words", "bare"),
    [
        ("red background", True),
        ("a golden backdrop", False),
        ("golden backdrop", True),
        ("big dark blue", True),
        ("golden", False),
        ("red star", False),
        ("background", True),
    ],
)
def test_bare_words_name_no_thing(words: str, bare: bool) -> None:
    assert Phrase(words, tuple(words.split())).bare is bare


def test_a_red_wall_needs_no_adapter_unless_one_is_called_so(embedder: MiniLM) -> None:
    sky = candidate("sky", "Starry Night Sky - Background", tags=("background", "night", "sky"))
    wall = candidate("wall", "Red background", trigger_words=("red background",))
    prompt = "a circle on a red background"
    for found, expected in (([sky], []), ([sky, wall], ["wall"])):
        gathered = retrieval(prompt, found, embedder)
        made = compose_locally(prompt, gathered, load_model(), 3, 12)
        assert [pick.adapter_id for pick in made.picks] == expected
