"""Masks: every one is a choice per task, none repeats, and the product is never built."""

from math import prod
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.masks import best_mask, draw_masks
from engine.values import Composition, Mask
from tests.samples import composition

LIMIT = 10_000
seeds = st.integers(0, 2**32 - 1)


@st.composite
def compositions(draw: st.DrawFn) -> Composition:
    """Up to four tasks of up to three adapters."""
    sizes = draw(st.lists(st.integers(0, 3), max_size=4))
    return composition(*(tuple(f"a{n}.{i}" for i in range(size)) for n, size in enumerate(sizes)))


def product(composed: Composition) -> int:
    """One-hot choices, all on and all off; with one adapter, all on is the one-hot choice."""
    return prod({0: 1, 1: 2}.get(len(t.picks), len(t.picks) + 2) for t in composed.tasks)


def everything(
    composed: Composition, seed: int, pinned: frozenset[str] = frozenset()
) -> list[Mask]:
    """All masks that an answer and its rerolls bring, in their order."""
    masks: list[Mask] = []
    while True:
        draw = draw_masks(composed, 150, seed, limit=LIMIT, used=masks, pinned=pinned)
        fresh = [mask for mask in dict.fromkeys(draw.masks) if mask not in masks]
        masks += fresh
        if not fresh:
            return masks


@given(compositions(), seeds)
def test_all_masks_come_once_the_best_first(composed: Composition, seed: int) -> None:
    masks = everything(composed, seed)
    assert masks[0] == best_mask(composed)
    assert len(set(masks)) == len(masks) == product(composed)


@given(compositions(), seeds)
def test_a_mask_is_one_hot_or_all_or_nothing_for_each_task(
    composed: Composition, seed: int
) -> None:
    for mask in everything(composed, seed):
        left = set(mask.on)
        for task in composed.tasks:
            ids = {pick.adapter_id for pick in task.picks}
            assert len(ids & mask.on) in {0, 1, len(ids)}
            left -= ids
        assert not left


def off(composed: Composition, mask: Mask) -> int:
    """Tasks with adapters of which the mask has none on."""
    return sum(
        bool(task.picks) and not mask.on & {pick.adapter_id for pick in task.picks}
        for task in composed.tasks
    )


@given(compositions(), seeds, st.integers(1, 8))
def test_an_answer_lacks_one_idea_at_most_and_repeats_whole_masks_only(
    composed: Composition, seed: int, count: int
) -> None:
    masks = draw_masks(composed, count, seed, limit=LIMIT).masks
    assert len(masks) == count
    lacking = [off(composed, mask) for mask in masks]
    different = list(dict.fromkeys(masks))
    assert lacking[: len(different)] == sorted(lacking[: len(different)])
    assert max(lacking) <= 1
    assert masks[: len(different)] == tuple(different)
    assert all(not less for less in lacking[len(different) :])


def test_three_of_four_images_have_the_only_adapter() -> None:
    masks = draw_masks(composition(("a",)), 4, 5, limit=LIMIT).masks
    assert [set(mask.on) for mask in masks] == [{"a"}, set(), {"a"}, {"a"}]


def test_rerolls_go_down_the_tiers() -> None:
    composed = composition(("a",), ("b",), ("c",))
    used: list[Mask] = []
    lacking = []
    for seed in range(3):
        draw = draw_masks(composed, 4, seed, limit=LIMIT, used=used)
        lacking.append([off(composed, mask) for mask in draw.masks])
        assert draw.exhausted == (seed == 2)
        used += draw.masks
    assert lacking == [[0, 1, 1, 1], [2, 2, 2, 3], [0, 1, 1, 1]]


@given(compositions(), seeds, seeds, st.integers(1, 5))
def test_rerolls_cover_every_mask_and_then_say_so(
    composed: Composition, first: int, second: int, count: int
) -> None:
    used: list[Mask] = list(draw_masks(composed, count, first, limit=LIMIT).masks)
    while len(set(used)) < product(composed):
        before = set(used)
        draw = draw_masks(composed, count, second + len(used), limit=LIMIT, used=before)
        fresh = set(draw.masks) - before
        assert len(fresh) == min(count, product(composed) - len(before))
        assert draw.exhausted == (len(fresh) < count)
        used += draw.masks
    again = draw_masks(composed, count, second, limit=LIMIT, used=set(used))
    assert again.exhausted
    assert len(again.masks) == count
    assert again.masks == draw_masks(composed, count, second, limit=LIMIT).masks


@given(seeds, st.integers(1, 40))
def test_the_limit_bounds_what_is_considered(seed: int, limit: int) -> None:
    composed = composition(("a", "b", "c"), ("d", "e", "f"))  # 24 masks with one task off at most
    masks = draw_masks(composed, 60, seed, limit=limit).masks
    assert len(set(masks)) == min(limit, 24)


@given(compositions(), seeds, st.data())
def test_pinned_adapters_are_on_everywhere_and_nothing_repeats(
    composed: Composition, seed: int, data: st.DataObject
) -> None:
    ids = [pick.adapter_id for pick in composed.picks]
    pinned = frozenset(data.draw(st.lists(st.sampled_from(ids)) if ids else st.just([])))
    masks = everything(composed, seed, pinned)
    assert all(pinned <= mask.on for mask in masks)
    assert masks[0].on == best_mask(composed).on | pinned
    free = {mask.on | pinned for mask in everything(composed, seed)}
    assert {mask.on for mask in masks} == free


def test_the_seed_alone_decides() -> None:
    composed = composition(("a", "b", "c"), ("d", "e", "f"), ("g", "h", "i"))
    one, same, other = (draw_masks(composed, 20, seed, limit=LIMIT).masks for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_product_too_large_to_build_is_drawn_at_once(seed: int) -> None:
    composed = composition(*(tuple(f"a{n}.{i}" for i in range(3)) for n in range(30)))
    assert product(composed) > 10**15
    began = thread_time()
    masks = draw_masks(composed, 10, seed, limit=4096).masks
    assert thread_time() - began < 0.5
    assert len(set(masks)) == 10
    sizes = {len(mask.on) for mask in masks[1:]}
    assert len(sizes) > 1, "the order is not that of the numbers"


def test_without_adapters_there_is_one_mask() -> None:
    assert draw_masks(composition((), ()), 3, 5, limit=LIMIT).masks == (Mask(frozenset()),) * 3
