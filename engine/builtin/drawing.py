"""Draws pictures of the world from signed distances: anti-aliased, softly lit, repeatable."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.builtin.shapes import SHAPE_OF
from engine.builtin.world import COLOURS, SIDE, Picture, Thing

_RAMP = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
YY, XX = torch.meshgrid(_RAMP, _RAMP, indexing="ij")
"""Pixel centres from -1 (left, top) to 1, each (SIDE, SIDE)."""
PAPER = torch.tensor([0.98, 0.965, 0.93])[:, None, None]
CELLS = 16
"""Cells of the latents each way: small marks in their middle come out sharp."""
RADIUS = {"small": 0.36, "medium": 0.54, "big": 0.74}
PAIR_RADIUS = {"small": 0.25, "medium": 0.34, "big": 0.43}
TWIN_RADIUS = 0.36
OFFSET = {
    "center": (0.0, 0.0),
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "top": (0.0, -1.0),
    "bottom": (0.0, 1.0),
}
SIDES = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}


class Dice:
    """Random numbers of one image."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def number(self, low: float, high: float) -> float:
        """One number between low and high."""
        return float(torch.rand((), generator=self.generator)) * (high - low) + low

    def spot(self) -> float:
        """The middle of a random latent cell, counted along one axis from -1 to 1."""
        return (int(self.number(0, CELLS)) + 0.5) / CELLS * 2 - 1

    def numbers(self, *shape: int) -> Tensor:
        """Numbers between 0 and 1 in the given shape."""
        return torch.rand(*shape, generator=self.generator)

    def cloud(self, cells: int) -> Tensor:
        """Smooth noise of about unit deviation, (SIDE, SIDE), `cells` bumps across."""
        rough = torch.randn(1, 1, cells, cells, generator=self.generator)
        return torch.nn.functional.interpolate(rough, size=(SIDE, SIDE), mode="bicubic")[0, 0]


def cover(distance: Tensor, soft: float = 1.0) -> Tensor:
    """Share of each pixel inside the shape; distance in image units, edge `soft` pixels wide."""
    return (0.5 - distance * (SIDE / 2) / soft).clamp(0, 1)


def colour_of(name: str, dice: Dice) -> Tensor:
    """The colour as (3, 1, 1) in 0..1, a little off each time."""
    exact = torch.tensor(COLOURS[name]) / 255
    return (exact + (dice.numbers(3) - 0.5) * 0.05).clamp(0, 1)[:, None, None]


def distance_to(thing: Thing, cx: float, cy: float, radius: float, turn: float) -> Tensor:
    """Signed distance to the object in image units, (SIDE, SIDE)."""
    c, s = math.cos(turn), math.sin(turn)
    dx, dy = (XX - cx) / radius, (YY - cy) / radius
    return SHAPE_OF[thing.shape](c * dx + s * dy, c * dy - s * dx) * radius


def _single_spot(thing: Thing, dice: Dice) -> tuple[float, float, float]:
    radius = RADIUS[thing.size] * dice.number(0.95, 1.05)
    reach = (0.90 - radius) * 0.85
    ox, oy = OFFSET[thing.place]
    return (
        ox * reach + dice.number(-0.05, 0.05),
        oy * reach + dice.number(-0.05, 0.05),
        radius,
    )


def _pair_spots(picture: Picture, dice: Dice) -> list[tuple[float, float, float]]:
    if picture.relation == "twins":
        sx, sy = -1, 0
        radii = [TWIN_RADIUS * dice.number(0.95, 1.05)] * 2
    else:
        sx, sy = SIDES.get(picture.relation, (-1, 0))
        radii = [PAIR_RADIUS[t.size] * dice.number(0.95, 1.05) for t in picture.things]
    spots = []
    for side, radius in zip((1, -1), radii, strict=True):
        cx, cy = sx * side * 0.47, sy * side * 0.47
        spots.append((cx + dice.number(-0.03, 0.03), cy + dice.number(-0.03, 0.03), radius))
    return spots


def place_things(picture: Picture, dice: Dice) -> list[tuple[Thing, Tensor]]:
    """Each object with its signed distance in image units."""
    if len(picture.things) == 1:
        spots = [_single_spot(picture.first, dice)]
    else:
        spots = _pair_spots(picture, dice)
    placed = []
    for thing, (cx, cy, radius) in zip(picture.things, spots, strict=True):
        turn = dice.number(-0.08, 0.08)
        placed.append((thing, distance_to(thing, cx, cy, radius, turn)))
    return placed


def backdrop(colour: Tensor, dice: Dice) -> Tensor:
    """A wall of the colour with a gentle slope of light, (3, SIDE, SIDE)."""
    slope = dice.number(0.03, 0.07)
    return (colour * (1 - slope * YY) + 0.02 * (0.3 - YY)).clamp(0, 1)


def lit(colour: Tensor, distance: Tensor) -> Tensor:
    """The object's colour, lighter above than below and a little darker at its rim."""
    rim = 0.10 * torch.exp(distance / 0.035)
    return (colour * (1.04 - rim - 0.09 * YY) + 0.025 * (0.2 - YY)).clamp(0, 1)


def shadow(distance: Tensor) -> Tensor:
    """Soft darkness of an object's shadow, (SIDE, SIDE) in 0..1."""
    fallen = torch.roll(distance, (5, 2), (0, 1))
    return 0.20 * torch.sigmoid(-fallen / 0.035)


def blend(under: Tensor, over: Tensor, share: Tensor) -> Tensor:
    """`over` laid on `under` where `share` is 1."""
    return under + (over - under) * share


def draw(pictures: Sequence[Picture], seed: int = 0) -> Tensor:
    """Images of the pictures, (n, 3, SIDE, SIDE) in 0..1; equal seeds give equal images."""
    from engine.builtin.looks import paint  # looks builds on this module

    return torch.stack([paint(p, Dice(seed * 1_000_003 + i)) for i, p in enumerate(pictures)])
