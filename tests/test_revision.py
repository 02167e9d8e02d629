"""A revision changes what was asked and nothing else."""

from dataclasses import replace

import pytest

from bot.choices import (
    as_composed,
    to_overrides,
    with_adapters,
    with_ideas,
    with_pins,
    with_weight,
)
from engine.errors import BadOption
from engine.requests.admission import revise
from engine.requests.revision import revise_composition, revise_masks, revise_overrides
from engine.values import Answer, Mask, Overrides, Phase, Timings
from tests.samples import ADA, BOB, adapter, composition, plan, planned, request

COMPOSED = composition(("a", "b"), ("c",))
PLANS = (plan(0, planned("a")), plan(1, planned("b"), planned("c")))


def test_choices_become_overrides() -> None:
    choices = as_composed(COMPOSED)
    assert to_overrides(COMPOSED, choices) == Overrides()
    choices = with_ideas(COMPOSED, choices, frozenset({0}))
    assert to_overrides(COMPOSED, choices).drop == ("c",)
    choices = with_pins(choices, frozenset({1, 2}))
    assert to_overrides(COMPOSED, choices) == Overrides(pin=("b", "c"))
    choices = with_adapters(choices, frozenset({0, 1}))
    assert to_overrides(COMPOSED, choices) == Overrides(pin=("b",), drop=("c",))
    choices = with_weight(choices, 0, "0,5")
    assert to_overrides(COMPOSED, choices).weights == {"a": 0.5}
    assert to_overrides(COMPOSED, with_weight(choices, 0, "0.8")).weights == {}


def test_an_idea_that_is_partly_on_stays_so() -> None:
    some = with_adapters(as_composed(COMPOSED), frozenset({0, 2}))
    assert with_ideas(COMPOSED, some, frozenset({0, 1})).on == {0, 2}
    none = with_ideas(COMPOSED, some, frozenset())
    assert none.on == frozenset()
    assert with_ideas(COMPOSED, none, frozenset({0})).on == {0, 1}


@pytest.mark.parametrize("text", ["", "heavy", "nan", "2.1", "-3", "inf"])
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="weight"):
        with_weight(as_composed(COMPOSED), 0, text)


def test_the_newer_word_counts() -> None:
    before = Overrides(pin=("a",), drop=("b",), weights={"a": 0.5})
    after = revise_overrides(before, Overrides(pin=("b",), drop=("a",), weights={"c": 1.0}))
    assert after == Overrides(pin=("b",), drop=("a",), weights={"a": 0.5, "c": 1.0})
    assert revise_overrides(before, Overrides(adapters="none")).pin == ()


def test_masks_lose_what_is_dropped_and_gain_what_is_pinned() -> None:
    wishes = Overrides(drop=("b",), pin=("c",))
    revised = revise_composition(COMPOSED, wishes, [])
    assert [[p.adapter_id for p in t.picks] for t in revised.tasks] == [["a"], ["c"]]
    assert revise_masks(PLANS, revised, wishes) == (
        Mask(frozenset({"a", "c"})),
        Mask(frozenset({"c"})),
    )


def test_comparing_leaves_no_adapter_and_pins_may_come_from_outside() -> None:
    bare = revise_composition(COMPOSED, Overrides(adapters="none"), [])
    assert bare.picks == ()
    assert {m.on for m in revise_masks(PLANS, bare, Overrides(adapters="none"))} == {frozenset()}
    pinned = revise_composition(COMPOSED, Overrides(pin=("x",)), [adapter("x")])
    assert pinned.picks[-1].adapter_id == "x"


def test_a_revision_keeps_seed_and_line() -> None:
    parent = Answer(
        replace(request(), overrides=Overrides(drop=("b",))),
        Phase.RENDERED, COMPOSED, PLANS, (), Timings(), (), None,
    )  # fmt: skip
    made = revise(parent, Overrides(weights={"a": 0.4}), BOB)
    assert (made.kind, made.seed, made.parent_id, made.root_id) == ("revise", 7, "r1", "r1")
    assert made.overrides == Overrides(drop=("b",), weights={"a": 0.4})
    assert made.asker == BOB
    with pytest.raises(BadOption, match="is 3; it may be -2 to 2"):
        revise(parent, Overrides(weights={"a": 3.0}), ADA)
