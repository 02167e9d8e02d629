"""Signed distances of the world's shapes, in units of the shape's radius (negative inside)."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Point = tuple[float, float]


def disc(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> Tensor:
    """Distance to a disc at (cx, cy) with radius r."""
    return torch.hypot(x - cx, y - cy) - r


def box(x: Tensor, y: Tensor, a: float, b: float) -> Tensor:
    """Distance to a box of half width a and half height b at the origin."""
    dx, dy = x.abs() - a, y.abs() - b
    outside = torch.hypot(dx.clamp(min=0), dy.clamp(min=0))
    return outside + torch.maximum(dx, dy).clamp(max=0)


def polygon(x: Tensor, y: Tensor, corners: Sequence[Point]) -> Tensor:
    """Distance to a closed polygon."""
    best: Tensor | None = None
    sign = torch.ones_like(x)
    for (ax, ay), (bx, by) in zip(corners, [*corners[-1:], *corners[:-1]], strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = x - ax, y - ay
        along = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        square = (wx - ex * along) ** 2 + (wy - ey * along) ** 2
        best = square if best is None else torch.minimum(best, square)
        above, before, side = y >= ay, y < by, ex * wy > ey * wx
        flip = (above & before & side) | (~above & ~before & ~side)
        sign = torch.where(flip, -sign, sign)
    assert best is not None
    return sign * best.sqrt()


def _star_corners() -> list[Point]:
    corners = []
    for k in range(10):
        radius, angle = (1.05 if k % 2 == 0 else 0.44), k * math.pi / 5
        corners.append((radius * math.sin(angle), 0.06 - radius * math.cos(angle)))
    return corners


STAR = _star_corners()
TRIANGLE = [(0.0, -0.98), (0.98, 0.76), (-0.98, 0.76)]
ARROW = [(-0.98, -0.27), (0.05, -0.27), (0.05, -0.78), (1.0, 0.0), (0.05, 0.78), (0.05, 0.27)]
ARROW = [*ARROW, (-0.98, 0.27)]
HOURGLASS = [(-0.78, -0.95), (0.78, -0.95), (0.1, 0.0), (0.78, 0.95), (-0.78, 0.95), (-0.1, 0.0)]
BOLT = [(0.3, -1.05), (-0.62, 0.16), (-0.06, 0.16), (-0.3, 1.05), (0.62, -0.22), (0.06, -0.22)]


def heart(x: Tensor, y: Tensor) -> Tensor:
    """A heart: two discs over a point."""
    lobes = torch.minimum(disc(x, y, -0.44, -0.34, 0.5), disc(x, y, 0.44, -0.34, 0.5))
    point = polygon(x, y, [(-0.83, -0.02), (0.0, -0.5), (0.83, -0.02), (0.0, 0.98)])
    return torch.minimum(lobes, point)


def flower(x: Tensor, y: Tensor) -> Tensor:
    """Six petals around a hole that shows the background."""
    angles = [k * math.pi / 3 for k in range(6)]
    petals = [disc(x, y, 0.6 * math.cos(a), 0.6 * math.sin(a), 0.36) for a in angles]
    whole = torch.stack([*petals, disc(x, y, 0, 0, 0.5)]).amin(0)
    return torch.maximum(whole, -disc(x, y, 0, 0, 0.24))


def cloud(x: Tensor, y: Tensor) -> Tensor:
    """Three puffs on a flat base."""
    puffs = [
        disc(x, y, -0.58, 0.16, 0.4),
        disc(x, y, 0.02, -0.14, 0.56),
        disc(x, y, 0.6, 0.2, 0.36),
    ]
    return torch.stack([*puffs, box(x, y - 0.36, 0.66, 0.2)]).amin(0)


def leaf(x: Tensor, y: Tensor) -> Tensor:
    """A pointed leaf with a slit for its midrib, leaning to the right."""
    u, v = (x - y) * 0.7071, (x + y) * 0.7071
    blade = torch.maximum(disc(u, v, 0.0, 0.75, 1.22), disc(u, v, 0.0, -0.75, 1.22))
    return torch.maximum(blade, -box(u + 0.35, v, 0.75, 0.055))


def skull(x: Tensor, y: Tensor) -> Tensor:
    """A skull: dome, jaw, eye holes and gaps between teeth."""
    solid = torch.minimum(disc(x, y, 0, -0.22, 0.76), box(x, y - 0.56, 0.44, 0.36))
    eyes = torch.minimum(disc(x, y, -0.3, -0.14, 0.22), disc(x, y, 0.3, -0.14, 0.22))
    gaps = torch.minimum(box(x.abs() - 0.17, y - 0.8, 0.055, 0.2), polygon(x, y, NOSE))
    return torch.maximum(solid, -torch.minimum(eyes, gaps))


NOSE = [(0.0, 0.12), (0.12, 0.34), (-0.12, 0.34)]

SHAPE_OF: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": lambda x, y: disc(x, y, 0, 0, 0.92),
    "square": lambda x, y: box(x, y, 0.8, 0.8),
    "triangle": lambda x, y: polygon(x, y, TRIANGLE),
    "diamond": lambda x, y: polygon(x, y, [(0, -1.08), (0.74, 0), (0, 1.08), (-0.74, 0)]),
    "cross": lambda x, y: torch.minimum(box(x, y, 0.29, 0.95), box(x, y, 0.95, 0.29)),
    "ring": lambda x, y: disc(x, y, 0, 0, 0.68).abs() - 0.26,
    "arrow": lambda x, y: polygon(x, y, ARROW),
    "hourglass": lambda x, y: polygon(x, y, HOURGLASS),
    "star": lambda x, y: polygon(x, y, STAR),
    "heart": heart,
    "moon": lambda x, y: torch.maximum(disc(x, y, -0.06, 0, 0.96), -disc(x, y, 0.4, -0.14, 0.76)),
    "flower": flower,
    "cloud": cloud,
    "bolt": lambda x, y: polygon(x, y, BOLT),
    "leaf": leaf,
    "skull": skull,
}
