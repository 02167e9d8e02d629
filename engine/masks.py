"""Masks: which adapters are on in which image (Stylus, section 3.4).

For each task one of its adapters is on, or all of them, or none. The cross product over tasks
has as many masks as the product of these options; it is never built: a mask is computed from
its number, and numbers are drawn in a seeded order without repeats.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from math import prod
from random import Random

from engine.values import Composition, Mask, Task


@dataclass(frozen=True, slots=True)
class Draw:
    """The masks of a request's images, in order."""

    masks: tuple[Mask, ...]
    #: All masks of the line had been used, so that some were taken again.
    exhausted: bool


def draw_masks(
    composition: Composition,
    count: int,
    seed: int,
    *,
    limit: int,
    used: Collection[Mask] = (),
    pinned: frozenset[str] = frozenset(),
) -> Draw:
    """Returns `count` masks: unused ones first, all different as far as there are enough.

    The all-best mask (each task's first pick, nothing else) comes first where it is unused.
    At most `limit` masks are considered. Adapters in `pinned` are on in every mask.
    """
    seen = set(used)
    unused = (mask for mask in _ordered(composition, seed, limit, pinned) if mask not in seen)
    masks = fresh = list(islice(unused, count))
    while len(masks) < count:
        masks = masks + list(islice(_ordered(composition, seed, limit, pinned), count - len(masks)))
    return Draw(tuple(masks), exhausted=bool(seen) and len(fresh) < count)


def draw_duel(composition: Composition, seed: int, pinned: frozenset[str] = frozenset()) -> Draw:
    """Returns the all-best mask and the empty one, in an order that the seed decides."""
    pair = (best_mask(composition, pinned), Mask(frozenset()))
    return Draw(pair if Random(seed).random() < 0.5 else pair[::-1], exhausted=False)  # noqa: S311


def best_mask(composition: Composition, pinned: frozenset[str] = frozenset()) -> Mask:
    """Returns the mask with each task's first pick and nothing else."""
    return Mask(frozenset(t.picks[0].adapter_id for t in composition.tasks if t.picks) | pinned)


def _ordered(
    composition: Composition, seed: int, limit: int, pinned: frozenset[str]
) -> Iterator[Mask]:
    """All masks once, the all-best one first, then in the seed's order, `limit` at most."""
    best = best_mask(composition, pinned)
    yield best
    options = [_options(task, pinned) for task in composition.tasks if task.picks]
    rest = (mask for mask in _shuffled(options, seed) if mask != best)
    yield from islice(rest, limit - 1)


def _options(task: Task, pinned: frozenset[str]) -> list[frozenset[str]]:
    ids = [pick.adapter_id for pick in task.picks]
    always = pinned & set(ids)
    choices = [frozenset([i]) for i in ids] + [frozenset(ids), frozenset()]
    return list(dict.fromkeys(choice | always for choice in choices))


def _shuffled(options: list[list[frozenset[str]]], seed: int) -> Iterator[Mask]:
    total = prod(len(choices) for choices in options)
    for number in _permutation(total, seed):
        yield Mask(frozenset().union(*_digits(number, options)))


def _digits(number: int, options: list[list[frozenset[str]]]) -> Iterator[frozenset[str]]:
    """The number's digits in mixed radix, each as its task's choice."""
    for choices in options:
        number, digit = divmod(number, len(choices))
        yield choices[digit]


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
