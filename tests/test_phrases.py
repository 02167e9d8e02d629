"""Phrases: the prompt's ideas in the prompt's own spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.phrases import find_phrases, sub_phrases
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
    ],
)
def test_ideas_lie_between_joints_and_punctuation(prompt: str, phrases: list[str]) -> None:
    assert [phrase.text for phrase in find_phrases(prompt)] == phrases


def test_parts_are_all_short_runs_and_first_the_whole() -> None:
    (parts,) = sub_phrases("big red glass star shape", longest=2)
    assert [part.text for part in parts] == [
        "big red glass star shape",
        "big",
        "big red",
        "red",
        "red glass",
        "glass",
        "glass star",
        "star",
        "star shape",
        "shape",
    ]


@given(st.text(max_size=80))
def test_every_phrase_is_copied_from_the_prompt(prompt: str) -> None:
    for parts in sub_phrases(prompt):
        for part in parts:
            assert part.text in prompt
            assert part.words
            assert part.text.casefold().count(part.words[0]) >= 1
            assert is_part_of(part.text, prompt)
