"""Every language says everything, with the same words filled in."""

import ast
import string
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from bot.texts import ENGLISH, LANGUAGES, Texts, said, texts_for
from engine import errors
from engine.values import Kind, Phase

ROOT = Path(__file__).parents[1]
#: What people in a chat may be told from; the rest speaks to operators, or is left in English.
HEARD = ("engine/requests", "engine/community", "engine/composer.py", "engine/processes/jobs.py")
HEARD_FRONTENDS = (
    "bot/adapter_form.py",
    "bot/choices.py",
    "bot/sizes.py",
    "bot/weights.py",
    "bot/discord_frontend",
    "bot/slack_frontend",
)
#: Modules of the frontends whose errors end the process and are told to its operator.
OPERATORS = {"connection.py", "__init__.py", "manifest.py"}
GERMAN = LANGUAGES["de"]


def blanks(words: Any) -> set[str]:
    """Returns the names that are filled in."""
    lines = [words] if isinstance(words, str) else list(words)
    return {name for line in lines for _, name, _, _ in string.Formatter().parse(line) if name}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_language_fills_in_the_same_words(language: str) -> None:
    texts = LANGUAGES[language]
    for field in fields(Texts):
        if field.name not in ("commands", "sentences"):
            said, english = getattr(texts, field.name), getattr(ENGLISH, field.name)
            assert said, field.name
            assert blanks(said) == blanks(english), field.name


def test_languages_differ_and_are_found_by_locale() -> None:
    german = LANGUAGES["de"]
    same = [f.name for f in fields(Texts) if getattr(german, f.name) == getattr(ENGLISH, f.name)]
    assert set(same) <= {"seconds"}
    assert not ENGLISH.sentences
    assert texts_for("de-AT") is german
    assert texts_for("en_GB") is ENGLISH
    assert texts_for("fr") is ENGLISH
    assert texts_for("") is ENGLISH


def template(node: ast.AST) -> str | None:
    """Returns a sentence of the source with `{}` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    return None


def sources(*places: str) -> Iterator[ast.Module]:
    for place in places:
        files = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        assert files
        for file in files:
            if file.name not in OPERATORS:
                yield ast.parse(file.read_text("utf-8"))


def told(tree: ast.Module) -> Iterator[str]:
    """Yields the sentences with which a module makes errors of ours."""
    ours = {*vars(errors), "NotPosted", "Undeliverable"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ours and node.args:
            sentence = template(node.args[0])
            if sentence and sentence != "{}":
                yield sentence


#: Sentences that only a delivery's row holds, for operators.
UNHEARD = {
    "Discord does not answer now; it is tried again.",
    "Discord does not let the bot post there ({}).",
    "Discord refuses the message ({}).",
    "Its message is just being opened.",
    "The channel is gone; `/stylus show` has the answer.",
    "The message cannot be changed any more and no direct message is taken; `/stylus show` has "
    "the answer.",
}


def test_what_people_are_told_is_said_in_their_language() -> None:
    heard = {line for tree in sources(*HEARD, *HEARD_FRONTENDS) for line in told(tree)}
    assert len(heard) > 40
    assert heard - set(GERMAN.sentences) - UNHEARD == set()


def test_every_translated_sentence_is_said_somewhere() -> None:
    trees = sources("engine", *HEARD_FRONTENDS)
    known = {template(node) for tree in trees for node in ast.walk(tree)}
    words = {*Phase, *get_args(Kind)}
    assert set(GERMAN.sentences) - known - words == set()
    for english, german in GERMAN.sentences.items():
        filled = {name for _, name, _, _ in string.Formatter().parse(german) if name is not None}
        assert filled == {str(n) for n in range(english.count("{}"))}, english


def test_a_sentence_keeps_peoples_words_and_translates_ours() -> None:
    refused = "“mask” cannot be pinned: it is disabled; an admin can enable it."
    assert said(refused, GERMAN) == (
        "„mask“ kann nicht verlangt werden: er ist abgeschaltet; jemand, der hier verwaltet, kann "
        "ihn einschalten."
    )
    degraded = "The LLM took longer than 20 s. The local composer took over."
    assert said(degraded, GERMAN).startswith(
        "Das Sprachmodell brauchte länger als 20 s. Der lokale"
    )
    assert said("Request r1 is failed, so it has no images.", GERMAN) == (
        "Der Auftrag r1 ist misslungen und hat keine Bilder."
    )
    assert said("Never heard of.", GERMAN) == "Never heard of."
    assert said(refused, ENGLISH) == refused
