"""Masks: every one is a choice per task, none repeats, and the product is never built."""

from math import prod
from time import perf_counter

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


@given(compositions(), seeds)
def test_all_masks_come_once_the_best_first(composed: Composition, seed: int) -> None:
    draw = draw_masks(composed, product(composed), seed, limit=LIMIT)
    assert draw.masks[0] == best_mask(composed)
    assert len(set(draw.masks)) == len(draw.masks) == product(composed)
    assert not draw.exhausted


@given(compositions(), seeds)
def test_a_mask_is_one_hot_or_all_or_nothing_for_each_task(
    composed: Composition, seed: int
) -> None:
    for mask in draw_masks(composed, product(composed), seed, limit=LIMIT).masks:
        left = set(mask.on)
        for task in composed.tasks:
            ids = {pick.adapter_id for pick in task.picks}
            assert len(ids & mask.on) in {0, 1, len(ids)}
            left -= ids
        assert not left


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
    assert len(set(again.masks)) == min(count, product(composed))


@given(compositions(), seeds)
def test_too_many_images_go_round_again(composed: Composition, seed: int) -> None:
    whole = product(composed)
    masks = draw_masks(composed, 2 * whole + 1, seed, limit=LIMIT).masks
    assert len(masks) == 2 * whole + 1
    assert len(set(masks)) == whole
    assert set(masks[:whole]) == set(masks[whole : 2 * whole])


@given(seeds, st.integers(1, 40))
def test_the_limit_bounds_what_is_considered(seed: int, limit: int) -> None:
    composed = composition(("a", "b", "c"), ("d", "e", "f"))  # 25 masks
    masks = draw_masks(composed, 60, seed, limit=limit).masks
    assert len(set(masks)) == min(limit, 25)


@given(compositions(), seeds, st.data())
def test_pinned_adapters_are_on_everywhere_and_nothing_repeats(
    composed: Composition, seed: int, data: st.DataObject
) -> None:
    ids = [pick.adapter_id for pick in composed.picks]
    pinned = frozenset(data.draw(st.lists(st.sampled_from(ids)) if ids else st.just([])))
    draw = draw_masks(composed, product(composed), seed, limit=LIMIT, pinned=pinned)
    assert all(pinned <= mask.on for mask in draw.masks)
    assert draw.masks[0].on == best_mask(composed).on | pinned
    free = {mask.on | pinned for mask in draw_masks(composed, 625, seed, limit=LIMIT).masks}
    assert {mask.on for mask in draw.masks} == free


def test_the_seed_alone_decides() -> None:
    composed = composition(("a", "b", "c"), ("d", "e", "f"), ("g", "h", "i"))
    one, same, other = (draw_masks(composed, 20, seed, limit=LIMIT).masks for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_product_too_large_to_build_is_drawn_at_once(seed: int) -> None:
    composed = composition(*(tuple(f"a{n}.{i}" for i in range(3)) for n in range(30)))
    assert product(composed) > 10**15
    began = perf_counter()
    masks = draw_masks(composed, 10, seed, limit=4096).masks
    assert perf_counter() - began < 0.5
    assert len(set(masks)) == 10
    sizes = {len(mask.on) for mask in masks[1:]}
    assert len(sizes) > 1, "the order is not that of the numbers"


def test_without_adapters_there_is_one_mask() -> None:
    assert draw_masks(composition((), ()), 3, 5, limit=LIMIT).masks == (Mask(frozenset()),) * 3
