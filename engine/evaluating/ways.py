"""Ways of choosing adapters for the same prompt and seeds: the method, and what it is held against.

The ablations are those of the paper (Stylus, section 4.4 and table 2); each leaves out one part.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from engine.composing.local_composer import pick_adapter
from engine.masks import best_mask
from engine.plan import plan_images
from engine.settings import Weights
from engine.values import Candidate, Composition, ImagePlan, Mask, Request, Task

#: Adapters that a way without a composer takes.
TOP = 3
#: Weight of every adapter in the published code.
PAPER_WEIGHT = 0.8


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt with what the method made of it."""

    request: Request
    composition: Composition
    #: All that were retrieved, best first.
    candidates: Sequence[Candidate]
    #: The method's own plans.
    plans: tuple[ImagePlan, ...]
    weights: Weights
    #: The same candidates by the reranker, best first; as retrieved where none is configured.
    reranked: Sequence[Candidate] = ()

    @property
    def masks(self) -> list[Mask]:
        """The method's masks, an image each."""
        return [Mask(frozenset(a.adapter_id for a in plan.adapters)) for plan in self.plans]


Way = Callable[[Asked], tuple[ImagePlan, ...]]


def base(asked: Asked) -> tuple[ImagePlan, ...]:
    """The checkpoint without adapters."""
    return _planned(asked, Composition(asked.request.prompt, (), "none"), asked.weights)


def stylus(asked: Asked) -> tuple[ImagePlan, ...]:
    """The method, whole."""
    return asked.plans


def without_masks(asked: Asked) -> tuple[ImagePlan, ...]:
    """Each task's best adapter in every image."""
    masks = [best_mask(asked.composition)] * len(asked.plans)
    return plan_images(asked.request, asked.composition, masks, asked.weights)


def all_on(asked: Asked) -> tuple[ImagePlan, ...]:
    """Every chosen adapter in every image, weights divided and capped."""
    return _planned(asked, asked.composition, asked.weights)


def without_division(asked: Asked) -> tuple[ImagePlan, ...]:
    """The method's masks at the cards' weights, neither divided nor capped."""
    return _undivided(asked, asked.composition, asked.masks)


def paper(asked: Asked) -> tuple[ImagePlan, ...]:
    """The method's tasks and masks with the published weights: 0.8 / n a task, without a cap."""
    tasks = tuple(
        replace(task, picks=tuple(replace(pick, weight=PAPER_WEIGHT) for pick in task.picks))
        for task in asked.composition.tasks
    )
    composition = replace(asked.composition, tasks=tasks)
    return plan_images(asked.request, composition, asked.masks, _uncapped(asked.weights))


def retriever(asked: Asked) -> tuple[ImagePlan, ...]:
    """The first three candidates, whatever they are, in every image at their cards' weights."""
    return _all_of(asked, asked.candidates[:TOP])


def reranker(asked: Asked) -> tuple[ImagePlan, ...]:
    """The first three by the reranker, whatever they are, at their cards' weights."""
    return _all_of(asked, asked.reranked[:TOP])


def random(asked: Asked) -> tuple[ImagePlan, ...]:
    """Three of the candidates by chance, in every image at their cards' weights."""
    chance = Random(asked.request.seed)  # noqa: S311 - repeatable, not secret
    count = min(TOP, len(asked.candidates))
    return _all_of(asked, chance.sample(list(asked.candidates), count))


#: By the name that figures have; `base` and `stylus` come first in every table.
WAYS: dict[str, Way] = {
    "base": base,
    "stylus": stylus,
    "without masks": without_masks,
    "all on": all_on,
    "without division": without_division,
    "paper's weights": paper,
    "retriever only": retriever,
    "random": random,
    "reranker": reranker,
}
#: Needs a model of its own, so it is only compared where it is asked for.
OPTIONAL = ("reranker",)


def _all_of(asked: Asked, candidates: Sequence[Candidate]) -> tuple[ImagePlan, ...]:
    """The candidates as one task, since there is nobody who would split the prompt."""
    picks = tuple(pick_adapter(one.adapter, one.score, "it was retrieved") for one in candidates)
    tasks = (Task(asked.request.prompt, picks),) if picks else ()
    composition = Composition(asked.request.prompt, tasks, "none")
    return _undivided(asked, composition, [_everything(composition)] * len(asked.plans))


def _planned(asked: Asked, composition: Composition, weights: Weights) -> tuple[ImagePlan, ...]:
    masks = [_everything(composition)] * len(asked.plans)
    return plan_images(asked.request, composition, masks, weights)


def _undivided(
    asked: Asked, composition: Composition, masks: Sequence[Mask]
) -> tuple[ImagePlan, ...]:
    """Weights that somebody chose are not divided; here they are chosen as the cards have them."""
    chosen = {pick.adapter_id: pick.weight for pick in composition.picks}
    overrides = replace(asked.request.overrides, weights=chosen)
    request = replace(asked.request, overrides=overrides)
    return plan_images(request, composition, masks, _uncapped(asked.weights))


def _everything(composition: Composition) -> Mask:
    return Mask(frozenset(pick.adapter_id for pick in composition.picks))


def _uncapped(weights: Weights) -> Weights:
    return weights.model_copy(update={"total": math.inf})
