"""Values: what a composition refuses, and what counts as a part of a prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import CompositionRefused
from engine.values import FINAL_PHASES, OPEN_PHASES, Composition, Phase, Task, is_part_of
from tests.samples import pick

words = st.text("abcdefgh", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("keyword", "prompt", "part"),
    [
        ("bond", "rope bondage", False),
        ("bond", "james bond, at night", True),
        ("Red Star", "a red  star", True),
        ("red, star", "red star", True),
        ("red sky", "red star, blue sky", False),
        ("", "red star", False),
        ("!!", "red star!!", False),
        ("straße", "die STRASSE", True),
        ("estrella", "una estrella roja", True),
        ("星", "星 空", True),
    ],
)
def test_a_part_is_a_run_of_whole_words(keyword: str, prompt: str, part: bool) -> None:
    assert is_part_of(keyword, prompt) is part


@given(st.lists(words, min_size=1, max_size=8), st.data())
def test_every_run_of_words_is_a_part_and_no_fraction_of_a_word(
    prompt: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(prompt) - 1))
    end = data.draw(st.integers(start + 1, len(prompt)))
    assert is_part_of(" ".join(prompt[start:end]), ", ".join(prompt))
    assert not is_part_of(prompt[0] + "x", " ".join(prompt))
    assert not is_part_of(" ".join([*prompt, prompt[0]]), " ".join(prompt))


def test_a_foreign_keyword_is_refused() -> None:
    with pytest.raises(CompositionRefused, match="“bond” is not in the prompt"):
        Composition("rope bondage", (Task("bond", ()),), "llm")


def test_an_adapter_is_used_once() -> None:
    with pytest.raises(CompositionRefused, match="a1 is used twice"):
        Composition("red star", (Task("red", (pick("a1"),)), Task("star", (pick("a1"),))), "llm")
    with pytest.raises(CompositionRefused, match="a1 is used twice"):
        Composition("red star", (Task("red", (pick("a1"), pick("a1"))),), "llm")


def test_picks_come_in_task_order() -> None:
    tasks = (Task("star", (pick("b"), pick("a"))), Task("red", ()), Task("sky", (pick("c"),)))
    composed = Composition("red star sky", tasks, "local")
    assert [one.adapter_id for one in composed.picks] == ["b", "a", "c"]


def test_every_phase_is_open_or_final() -> None:
    assert frozenset(Phase) == OPEN_PHASES | FINAL_PHASES
    assert {phase for phase in Phase if phase.final} == {"rendered", "failed", "cancelled"}
