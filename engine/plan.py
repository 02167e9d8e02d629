"""The plan: one for each image, with its seed, adapters, weights and prompt text."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.masks import method_index
from engine.settings import Weights
from engine.values import Composition, ImagePlan, Mask, PlannedAdapter, Request, is_part_of
from engine.weights import weigh

#: Seeds are below this, so that every tool that shows them can also take them.
SEED_LIMIT = 2**32

#: The kind of plans that are made here, and the newest that a renderer of this version can render.
#: Raised when plans say something that older renderers would pass over: those then leave such
#: requests to newer ones.
PLANS = 1


def plan_images(
    request: Request, composition: Composition, masks: Sequence[Mask], weights: Weights
) -> tuple[ImagePlan, ...]:
    """Returns one plan for each mask; image i has the request's seed plus i, but for duels."""
    return tuple(
        _plan(request, composition, mask, index, weights) for index, mask in enumerate(masks)
    )


def replan(
    plan: ImagePlan,
    lost: Collection[str],
    request: Request,
    composition: Composition,
    weights: Weights,
) -> ImagePlan:
    """Returns the plan without adapters that are not to be had.

    What they shared a task with gets its whole weight, and their trigger words go with them.
    """
    left = frozenset(a.adapter_id for a in plan.adapters if a.adapter_id not in lost)
    return _plan(request, composition, Mask(left), plan.index, weights)


def _plan(
    request: Request, composition: Composition, mask: Mask, index: int, weights: Weights
) -> ImagePlan:
    on = weigh(composition, mask, total=weights.total, chosen=request.overrides.weights)
    if _is_half(request, index):
        on = tuple(replace(one, weight=one.weight / 2) for one in on)
    return ImagePlan(
        index=index,
        seed=_seed(request, index),
        prompt=with_trigger_words(request.prompt, composition, on),
        negative=request.negative,
        adapters=on,
    )


def _is_half(request: Request, index: int) -> bool:
    """Whether it is a duel's image that has the adapters at half of their weights."""
    against_half = request.kind == "duel" and request.overrides.against == "half"
    return against_half and index != method_index(request.seed)


def _seed(request: Request, index: int) -> int:
    """A duel's images differ in their adapters alone."""
    return (request.seed + (0 if request.kind == "duel" else index)) % SEED_LIMIT


def with_trigger_words(prompt: str, composition: Composition, on: Sequence[PlannedAdapter]) -> str:
    """Returns the prompt with the first trigger word of each adapter that is on.

    Trigger words come and go with their adapter: without it they are noise to the checkpoint.
    """
    active = {adapter.adapter_id for adapter in on}
    text = prompt
    for pick in composition.picks:
        if pick.adapter_id in active and pick.trigger_words:
            word = pick.trigger_words[0]
            text = text if _says(word, text) else f"{text}, {word}"
    return text


def _says(word: str, text: str) -> bool:
    return word in text if not any(map(str.isalnum, word)) else is_part_of(word, text)
