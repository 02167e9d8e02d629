"""Words and phrases: the prompt's ideas in the prompt's own spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.composing.phrases import Places, plain_runs, split_words, to_phrase
from engine.values import is_part_of


@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ("a red star in the Night Sky", ["red star", "Night Sky"]),
        ("neon glow, watercolor; fox", ["neon glow", "watercolor", "fox"]),
        ("please draw me a picture of a well-lit artist's room", ["well-lit artist's room"]),
        ("of the and with", []),
        ("", []),
        ("🔥 fire 🔥 water", ["fire", "water"]),
        ("日本の 桜", ["日本の 桜"]),
        ("long_hair best_quality", ["long_hair best_quality"]),
    ],
)
def test_ideas_lie_between_idle_words_and_punctuation(prompt: str, phrases: list[str]) -> None:
    words = split_words(prompt)
    found = [to_phrase(prompt, words[start:end]).text for start, end in plain_runs(words)]
    assert found == phrases


@given(st.text(max_size=80))
def test_every_phrase_is_copied_from_the_prompt(prompt: str) -> None:
    words = split_words(prompt)
    for start, end in plain_runs(words):
        phrase = to_phrase(prompt, words[start:end])
        assert phrase.text in prompt
        assert len(phrase.words) == end - start
        assert is_part_of(phrase.text, prompt)


def test_every_word_of_the_prompt_is_given_away_once() -> None:
    places = Places("A well-lit Red_Star, a star")
    assert places.take("red star") == "Red_Star"
    assert places.take("STAR") == "star"
    assert places.take("star") is None
    assert places.take("lit") == "lit"
    assert places.take("well-lit") is None
    assert places.take("moon") is None
    assert places.take("!") is None
