"""Weights: divided among a task's adapters, capped in total, and honest about reductions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import MAX_WEIGHT, Composition, Mask, PlannedAdapter, Task
from engine.weights import weigh
from tests.samples import composition, pick

weights = st.floats(-5, 5)


def weighed(
    composed: Composition, on: str, total: float = 100.0, **chosen: float
) -> dict[str, PlannedAdapter]:
    planned = weigh(composed, Mask(frozenset(on)), total=total, chosen=chosen)
    return {one.adapter_id: one for one in planned}


def test_a_task_divides_its_weight_among_those_that_are_on() -> None:
    composed = composition(("a", "b", "c"), ("d",), weight=0.9)
    assert {i: p.weight for i, p in weighed(composed, "abcd").items()} == {
        "a": 0.3,
        "b": 0.3,
        "c": 0.3,
        "d": 0.9,
    }
    assert weighed(composed, "b")["b"].weight == 0.9
    assert set(weighed(composed, "bd")) == {"b", "d"}


def test_chosen_weights_are_neither_divided_nor_beyond_the_bounds() -> None:
    composed = composition(("a", "b"))
    planned = weighed(composed, "ab", a=1.5, b=-9)
    assert planned["a"].weight == 1.5
    assert planned["b"].weight == -MAX_WEIGHT


def test_above_the_cap_all_are_reduced_alike_and_say_so() -> None:
    planned = weighed(composition(("a",), ("b",), weight=1.0), "ab", total=1.0)
    assert [(p.weight, p.reduced_from) for p in planned.values()] == [(0.5, 1.0), (0.5, 1.0)]


@pytest.mark.parametrize(("weight", "count", "total"), [(0.8, 3, 2.4), (0.1, 3, 0.3)])
def test_exactly_at_the_cap_nothing_is_reduced(weight: float, count: int, total: float) -> None:
    """Added up in floating point, these are a hair above it."""
    names = "abc"[:count]
    planned = weighed(composition(*((i,) for i in names), weight=weight), names, total=total)
    assert [(p.weight, p.reduced_from) for p in planned.values()] == [(weight, None)] * count


def test_a_round_reduction_gives_round_numbers() -> None:
    planned = weighed(composition(("a",), ("b",), ("c",), weight=1.0), "abc", total=2.4)
    assert [p.weight for p in planned.values()] == [0.8, 0.8, 0.8]


@given(st.lists(weights, min_size=1, max_size=9), st.floats(0.1, 20))
def test_the_total_holds_and_weighing_again_changes_nothing(
    wanted: list[float], total: float
) -> None:
    ids = [f"a{n}" for n in range(len(wanted))]
    picks = [pick(i, w) for i, w in zip(ids, wanted, strict=True)]
    composed = Composition("word", (Task("word", tuple(picks)),), "local")
    mask = Mask(frozenset(ids))
    planned = weigh(composed, mask, total=total, chosen={})
    assert sum(abs(one.weight) for one in planned) <= total + 1e-5
    assert all(abs(one.weight) <= MAX_WEIGHT / len(ids) + 1e-4 for one in planned)
    chosen = {one.adapter_id: one.weight for one in planned}
    again = weigh(composed, mask, total=total, chosen=chosen)
    if any(one.reduced_from is not None for one in planned):
        assert [one.weight for one in again] == [one.weight for one in planned]


def test_nothing_on_is_nothing_weighed() -> None:
    assert weighed(composition(("a",)), "") == {}
