"""Every language says everything, with the same words filled in."""

import string
from dataclasses import fields
from typing import Any

import pytest

from bot.texts import ENGLISH, LANGUAGES, Texts, texts_for


def blanks(words: Any) -> set[str]:
    """Returns the names that are filled in."""
    lines = [words] if isinstance(words, str) else list(words)
    return {name for line in lines for _, name, _, _ in string.Formatter().parse(line) if name}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_language_fills_in_the_same_words(language: str) -> None:
    texts = LANGUAGES[language]
    for field in fields(Texts):
        if field.name != "commands":
            said, english = getattr(texts, field.name), getattr(ENGLISH, field.name)
            assert said, field.name
            assert blanks(said) == blanks(english), field.name


def test_languages_differ_and_are_found_by_locale() -> None:
    german = LANGUAGES["de"]
    same = [f.name for f in fields(Texts) if getattr(german, f.name) == getattr(ENGLISH, f.name)]
    assert set(same) <= {"seconds"}
    assert texts_for("de-AT") is german
    assert texts_for("en_GB") is ENGLISH
    assert texts_for("fr") is ENGLISH
    assert texts_for("") is ENGLISH
