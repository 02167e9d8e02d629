"""Every way of choosing adapters leaves out what its name says, and nothing else."""

from dataclasses import replace

import pytest

from engine.evaluating.ways import TOP, WAYS, Asked
from engine.masks import draw_masks
from engine.plan import plan_images
from engine.settings import Weights
from engine.values import ImagePlan
from tests.samples import candidate, composition, request

COMPOSITION = composition(("star", "moon"), ("neon",), ("sky", "snow"), weight=1.0)
CANDIDATES = [candidate(f"c{n}", weight=0.7) for n in range(9)]
WEIGHTS = Weights(total=1.5)


@pytest.fixture(scope="module")
def asked() -> Asked:
    wanted = replace(request(COMPOSITION.prompt), image_count=6)
    masks = draw_masks(COMPOSITION, 6, wanted.seed, limit=100).masks
    plans = plan_images(wanted, COMPOSITION, masks, WEIGHTS)
    return Asked(wanted, COMPOSITION, CANDIDATES, plans, WEIGHTS, CANDIDATES[::-1])


def on(plan: ImagePlan) -> dict[str, float]:
    return {one.adapter_id: one.weight for one in plan.adapters}


def test_the_same_seeds_everywhere(asked: Asked) -> None:
    seeds = [plan.seed for plan in asked.plans]
    for name, way in WAYS.items():
        assert [plan.seed for plan in way(asked)] == seeds, name


def test_base_has_no_adapters_and_stylus_is_what_was_planned(asked: Asked) -> None:
    assert [on(plan) for plan in WAYS["base"](asked)] == [{}] * 6
    assert WAYS["stylus"](asked) == asked.plans
    assert len({frozenset(on(plan)) for plan in asked.plans}) == 6


def test_without_masks_every_image_has_the_best_of_each_task(asked: Asked) -> None:
    found = [on(plan) for plan in WAYS["without masks"](asked)]
    assert found == [{"star": 0.5, "neon": 0.5, "sky": 0.5}] * 6  # capped at 1.5 in all


def test_all_on_divides_and_caps(asked: Asked) -> None:
    found = [on(plan) for plan in WAYS["all on"](asked)]
    assert found == [{"star": 0.25, "moon": 0.25, "neon": 0.5, "sky": 0.25, "snow": 0.25}] * 6


def test_without_division_the_cards_weights_stay(asked: Asked) -> None:
    found = WAYS["without division"](asked)
    for plan, ours in zip(found, asked.plans, strict=True):
        assert on(plan) == dict.fromkeys(on(ours), 1.0)


def test_the_papers_weights_are_divided_and_uncapped(asked: Asked) -> None:
    for plan, ours in zip(WAYS["paper's weights"](asked), asked.plans, strict=True):
        assert set(on(plan)) == set(on(ours))
        for pair in ({"star", "moon"}, {"sky", "snow"}, {"neon"}):
            here = pair & set(on(plan))
            assert all(on(plan)[one] == pytest.approx(0.8 / len(here)) for one in here)


def test_ways_without_a_composer_take_three_candidates(asked: Asked) -> None:
    first = [one.adapter.id for one in CANDIDATES[:TOP]]
    assert [on(plan) for plan in WAYS["retriever only"](asked)] == [dict.fromkeys(first, 0.7)] * 6
    last = [one.adapter.id for one in CANDIDATES[-TOP:]]
    assert [on(plan) for plan in WAYS["reranker"](asked)] == [dict.fromkeys(last, 0.7)] * 6
    chance = [on(plan) for plan in WAYS["random"](asked)]
    assert chance == [chance[0]] * 6
    assert len(chance[0]) == TOP
    other = replace(asked, request=replace(asked.request, seed=8))
    assert on(WAYS["random"](other)[0]) != chance[0]
    alone = replace(asked, candidates=())
    assert on(WAYS["retriever only"](alone)[0]) == on(WAYS["random"](alone)[0]) == {}
