"""Revision: the same request with adapters switched off, pinned or weighted by its people.

Tasks, seeds and masks stay as they were, but for what was asked: so the images show what that
changes and nothing else.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.composer import pin_adapters
from engine.values import Adapter, Composition, ImagePlan, Mask, Overrides, Task


def revise_overrides(before: Overrides, change: Overrides) -> Overrides:
    """Returns what was wished before with the change on top; the newer word counts."""
    kept = () if change.adapters == "none" else before.pin
    pin = tuple(dict.fromkeys((*kept, *change.pin)))
    drop = tuple(dict.fromkeys((*before.drop, *change.drop)))
    return replace(
        before,
        adapters=change.adapters,
        pin=tuple(i for i in pin if i not in change.drop),
        drop=tuple(i for i in drop if i not in change.pin),
        weights={**before.weights, **change.weights},
    )


def revise_composition(
    composition: Composition, wishes: Overrides, pinned: Sequence[Adapter]
) -> Composition:
    """Returns the composition without what is dropped, and with what is pinned."""
    tasks = tuple(_without_dropped(task, wishes) for task in composition.tasks)
    return pin_adapters(replace(composition, tasks=tasks), pinned)


def _without_dropped(task: Task, wishes: Overrides) -> Task:
    kept = tuple(
        pick
        for pick in task.picks
        if pick.adapter_id in wishes.pin
        or (wishes.adapters == "auto" and pick.adapter_id not in wishes.drop)
    )
    return replace(task, picks=kept)


def revise_masks(
    plans: Sequence[ImagePlan], composition: Composition, wishes: Overrides
) -> tuple[Mask, ...]:
    """Returns each image's mask as it was, less what is gone, and with every pin."""
    there = {pick.adapter_id for pick in composition.picks}
    return tuple(
        Mask(frozenset(({a.adapter_id for a in plan.adapters} & there) | set(wishes.pin)))
        for plan in plans
    )
