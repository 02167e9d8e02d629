"""Masks: which adapters are on in which image (Stylus, section 3.4).

For each task one of its adapters is on, or all of them, or none. The cross product over tasks
has as many masks as the product of these options; it is never built: a mask is computed from
its number, and numbers are drawn in a seeded order without repeats.

The paper draws from the whole product at once, so that with one adapter for one idea every
second image lacks what the prompt asked for. Here masks come in tiers, by how many tasks are off:
first all ideas are there, then one is missing. Only rerolls, which ask for what was not there yet,
go further down.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import chain, cycle, islice
from random import Random

from engine.values import Composition, Mask, Opponent, Task

MISSING = 1
"""Tasks that an image of a first answer may leave off."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The masks of a request's images, in order."""

    masks: tuple[Mask, ...]
    #: All masks of the line had been used, so that some were taken again.
    exhausted: bool


@dataclass(frozen=True, slots=True)
class _Choices:
    """What a task may have on, and whether it may have nothing on."""

    on: tuple[frozenset[str], ...]
    may_be_off: bool


def draw_masks(
    composition: Composition,
    count: int,
    seed: int,
    *,
    limit: int,
    used: Collection[Mask] = (),
    pinned: frozenset[str] = frozenset(),
) -> Draw:
    """Returns `count` masks, those with the fewest tasks off first.

    A first answer begins with the all-best mask (each task's first pick, nothing else), leaves at
    most one task off, and short of such masks repeats those with every task on. A reroll gets
    masks that are not in `used`; short of these it goes round again as a first answer does. At
    most `limit` masks are considered. Adapters in `pinned` are on in every mask.
    """
    seen = set(used)
    fresh = (mask for _, mask in _ordered(composition, seed, limit, pinned) if mask not in seen)
    masks = list(islice(fresh, count)) if seen else []
    short = count - len(masks)
    order = list(islice(_ordered(composition, seed, limit, pinned), short))
    near = [mask for off, mask in order if off <= MISSING]
    whole = cycle([mask for off, mask in order if off == 0])
    masks += islice(chain(near, whole), short)
    return Draw(tuple(masks), exhausted=bool(seen) and short > 0)


def draw_duel(
    composition: Composition,
    seed: int,
    against: Opponent = "base",
    pinned: frozenset[str] = frozenset(),
) -> Draw:
    """Returns the all-best mask and its opponent's, in an order that the seed decides."""
    best = best_mask(composition, pinned)
    every = Mask(frozenset(pick.adapter_id for pick in composition.picks) | pinned)
    opponents = {"base": Mask(frozenset()), "all": every, "half": best}
    pair = (best, opponents[against])
    return Draw(pair[::-1] if method_index(seed) else pair, exhausted=False)


def method_index(seed: int) -> int:
    """Returns which of a duel's two images is the method's own."""
    return int(Random(seed).random() >= 0.5)  # noqa: S311 - a coin, not a secret


def best_mask(composition: Composition, pinned: frozenset[str] = frozenset()) -> Mask:
    """Returns the mask with each task's first pick and nothing else."""
    return Mask(frozenset(t.picks[0].adapter_id for t in composition.tasks if t.picks) | pinned)


def _ordered(
    composition: Composition, seed: int, limit: int, pinned: frozenset[str]
) -> Iterator[tuple[int, Mask]]:
    """All masks once with the number of tasks off, `limit` at most.

    The all-best one first, then by tiers, each in the seed's order.
    """
    best = best_mask(composition, pinned)
    yield 0, best
    choices = [_choices(task, pinned) for task in composition.tasks if task.picks]
    rest = (one for one in _tiers(choices, seed) if one[1] != best)
    yield from islice(rest, limit - 1)


def _choices(task: Task, pinned: frozenset[str]) -> _Choices:
    ids = [pick.adapter_id for pick in task.picks]
    always = pinned & set(ids)
    choices = [frozenset([i]) | always for i in ids] + [frozenset(ids)]
    # With a pinned adapter, its own choice is what "off" leaves on.
    return _Choices(tuple(dict.fromkeys(choices)), may_be_off=not always)


def _tiers(choices: Sequence[_Choices], seed: int) -> Iterator[tuple[int, Mask]]:
    """Every mask with the number of tasks off, fewest first, in the seed's order within these."""

    @cache
    def ways(task: int, off: int) -> int:
        """How many masks the tasks from this one on have with so many of them off."""
        if task == len(choices):
            return int(off == 0)
        without = ways(task + 1, off - 1) if off and choices[task].may_be_off else 0
        return without + len(choices[task].on) * ways(task + 1, off)

    def numbered(number: int, off: int) -> Iterator[frozenset[str]]:
        """The choices that the number stands for, among the masks with so many tasks off."""
        for task, its in enumerate(choices):
            without = ways(task + 1, off - 1) if off and its.may_be_off else 0
            if number < without:
                off -= 1
            else:
                choice, number = divmod(number - without, ways(task + 1, off))
                yield its.on[choice]

    for off in range(len(choices) + 1):
        for number in _permutation(ways(0, off), seed):
            yield off, Mask(frozenset().union(*numbered(number, off)))


def _permutation(total: int, seed: int) -> Iterator[int]:
    """Every number below `total` once, in the seed's order, in constant memory.

    A Feistel network permutes the next power of four; numbers that are too large are passed
    over (Black and Rogaway, 2002, "cycle walking" without the walk).
    """
    bits = max(1, ((total - 1).bit_length() + 1) // 2)
    for number in range(1 << 2 * bits):
        left, right = number >> bits, number & ((1 << bits) - 1)
        for turn in range(4):
            left, right = right, left ^ _mixed(right, seed + turn, bits)
        scattered = left << bits | right
        if scattered < total:
            yield scattered


def _mixed(number: int, key: int, bits: int) -> int:
    digest = blake2b(f"{key}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) & ((1 << bits) - 1)
