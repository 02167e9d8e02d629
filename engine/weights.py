"""Weights: how strongly each adapter acts in an image, so that nothing saturates.

An adapter's weight is divided by the number of its task's adapters that the mask leaves on
(Stylus, section 3.4). Ours also caps what the weights of one image add up to.
"""

from collections.abc import Mapping
from math import copysign, trunc

from engine.values import MAX_WEIGHT, Composition, Mask, Pick, PlannedAdapter, Task

#: Weights are kept with four decimals; a total this little above the cap is at the cap.
TOLERANCE = 1e-6


def weigh(
    composition: Composition, mask: Mask, *, total: float, chosen: Mapping[str, float]
) -> tuple[PlannedAdapter, ...]:
    """Returns the mask's adapters with their weights, in task order.

    `chosen` are the asker's own weights by adapter id; they are not divided. `total` is the
    most that the weights (without sign) add up to; above it all are reduced alike, and each
    says what it was reduced from.
    """
    weights = [
        (pick, _divided(pick, task, mask, chosen))
        for task in composition.tasks
        for pick in task.picks
        if pick.adapter_id in mask.on
    ]
    whole = sum(abs(weight) for _, weight in weights)
    # Three times 0.8 is a little more than 2.4 in floating point; that is no reduction.
    factor = total / whole if whole > total + TOLERANCE else 1.0
    return tuple(_planned(pick, weight, factor) for pick, weight in weights)


def _divided(pick: Pick, task: Task, mask: Mask, chosen: Mapping[str, float]) -> float:
    if pick.adapter_id in chosen:
        return _clamped(chosen[pick.adapter_id])
    sharing = sum(1 for other in task.picks if other.adapter_id in mask.on)
    return _clamped(pick.weight) / sharing


def _clamped(weight: float) -> float:
    return max(-MAX_WEIGHT, min(MAX_WEIGHT, weight))


def _planned(pick: Pick, weight: float, factor: float) -> PlannedAdapter:
    return PlannedAdapter(
        adapter_id=pick.adapter_id,
        title=pick.title,
        sha256=pick.sha256,
        blob=pick.blob,
        weight=_cut(weight * factor),
        reduced_from=round(weight, 4) if factor < 1 else None,
    )


def _cut(weight: float) -> float:
    """Four decimals, towards zero: rounded up they could add up to more than the cap."""
    return trunc(weight * 1e4 + copysign(1e-4, weight)) / 1e4
