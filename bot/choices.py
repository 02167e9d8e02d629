"""Choices: what somebody decides about the adapters of an answer, before it is rendered again.

Adapters and ideas are numbers here, their place in the composition, which never changes.
"""

from dataclasses import dataclass, field, replace

from bot.weights import read_weight
from engine.values import Composition, Overrides, Pick


@dataclass(frozen=True, slots=True)
class Choices:
    """Which adapters are on, which are on in every image, and what they weigh."""

    on: frozenset[int]
    pinned: frozenset[int] = frozenset()
    weights: dict[int, float] = field(default_factory=dict)


def as_composed(composition: Composition) -> Choices:
    """Returns the choices that change nothing."""
    return Choices(frozenset(range(len(composition.picks))))


def adapters_of(composition: Composition, task: int) -> frozenset[int]:
    """Returns the adapters that serve one idea."""
    before = sum(len(one.picks) for one in composition.tasks[:task])
    return frozenset(range(before, before + len(composition.tasks[task].picks)))


def with_ideas(composition: Composition, choices: Choices, ideas: frozenset[int]) -> Choices:
    """Switches ideas on and off with all their adapters; an idea that was on stays as it was."""
    on = set(choices.on)
    for task in range(len(composition.tasks)):
        adapters = adapters_of(composition, task)
        if task not in ideas:
            on -= adapters
        elif not on & adapters:
            on |= adapters
    return _consistent(replace(choices, on=frozenset(on)))


def with_adapters(choices: Choices, on: frozenset[int]) -> Choices:
    """Switches adapters on and off."""
    return _consistent(replace(choices, on=on))


def with_pins(choices: Choices, pinned: frozenset[int]) -> Choices:
    """Puts adapters into every image; that switches them on."""
    return replace(choices, pinned=pinned, on=choices.on | pinned)


def with_weight(choices: Choices, adapter: int, text: str) -> Choices:
    """Gives an adapter another weight. Raises `BadOption` for what is no weight."""
    return replace(choices, weights={**choices.weights, adapter: round(read_weight(text), 3)})


def to_overrides(composition: Composition, choices: Choices) -> Overrides:
    """Returns the choices as what the engine understands."""
    picks = composition.picks
    weights = {n: w for n, w in choices.weights.items() if w != weight_of(picks[n])}
    return Overrides(
        pin=tuple(picks[n].adapter_id for n in sorted(choices.pinned)),
        drop=tuple(p.adapter_id for n, p in enumerate(picks) if n not in choices.on),
        weights={picks[n].adapter_id: weight for n, weight in sorted(weights.items())},
    )


def weight_of(pick: Pick) -> float:
    """Returns the weight that people see for a pick that they left alone."""
    return round(pick.weight, 3)


def _consistent(choices: Choices) -> Choices:
    return replace(choices, pinned=choices.pinned & choices.on)
