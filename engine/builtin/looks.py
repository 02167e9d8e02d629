"""Textures, styles and scenes: everything that changes how a picture is painted."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.builtin.drawing import (
    PAPER,
    XX,
    YY,
    Dice,
    backdrop,
    blend,
    colour_of,
    cover,
    lit,
    place_things,
    shadow,
)
from engine.builtin.world import SIDE, Picture

LUMA = torch.tensor([0.3, 0.59, 0.11])[:, None, None]


def rgb(red: float, green: float, blue: float) -> Tensor:
    """A colour as (3, 1, 1)."""
    return torch.tensor([red, green, blue])[:, None, None]


def fixed(seed: int) -> Dice:
    """Numbers that are the same in every image.

    Patterns lie nearly where they lay in the last image, as a small network learns them sharply
    only so; what varies is the picture, not the pattern.
    """
    return Dice(seed)


# Textures: the share of the object that takes the second colour.


def _stripes(dice: Dice) -> Tensor:
    phase = dice.number(0, 0.8)
    wave = torch.sin((XX + YY) / math.sqrt(2) * 2 * math.pi / 0.34 + phase)
    return (0.5 + wave * 3.5).clamp(0, 1)


def _dots(dice: Dice) -> Tensor:
    ox, oy, cell = dice.number(0, 0.12), dice.number(0, 0.12), 0.28
    row = torch.floor(YY / cell + oy)
    u = torch.remainder(XX / cell + ox + row * 0.5, 1) - 0.5
    v = torch.remainder(YY / cell + oy, 1) - 0.5
    return cover((torch.hypot(u, v) - 0.29) * cell)


def _checker(dice: Dice) -> Tensor:
    period = 0.42
    px, py = dice.number(0, 0.6), dice.number(0, 0.6)
    wave = torch.sin(XX * 6.283 / period + px) * torch.sin(YY * 6.283 / period + py)
    return (0.5 + wave * 5).clamp(0, 1)


TEXTURE_OF: dict[str, Callable[[Dice], Tensor]] = {
    "stripes": _stripes,
    "dots": _dots,
    "checker": _checker,
}


def textured(colour: Tensor, texture: str, dice: Dice) -> Tensor:
    """The object's colour with its texture; the second one is white, or on light colours darker."""
    if texture == "plain":
        return colour.expand(3, SIDE, SIDE)
    light = float((colour * LUMA).sum()) > 0.66
    second = colour * 0.45 if light else torch.full_like(colour, 0.96)
    return blend(colour, second, TEXTURE_OF[texture](dice))


# Scenes: what lies behind the objects.


def _night(wall: Tensor, dice: Dice) -> Tensor:
    sky = rgb(0.055, 0.085, 0.26) + rgb(0.05, 0.06, 0.14) * (YY + 1) / 2
    lights, chart = torch.zeros(SIDE, SIDE), fixed(4)
    for _ in range(20):
        d = torch.hypot(XX - chart.spot(), YY - chart.spot())
        size = chart.number(0.040, 0.058)
        lights = torch.maximum(lights, torch.exp(-((d / size) ** 2)))
    return blend(sky, rgb(1.0, 0.98, 0.88), lights.clamp(0, 1))


def _snow(wall: Tensor, dice: Dice) -> Tensor:
    ground = YY - 0.42 - 0.10 * torch.sin(XX * 2.2 + dice.number(0, 1.5))
    white = rgb(0.95, 0.96, 0.99) - rgb(0.10, 0.07, 0.02) * (YY - 0.3)
    out = blend(blend(wall, rgb(0.72, 0.79, 0.88), torch.tensor(0.55)), white, cover(-ground))
    flakes, chart = torch.zeros(SIDE, SIDE), fixed(5)
    for _ in range(24):
        d = torch.hypot(XX - chart.spot(), YY - chart.spot())
        flakes = torch.maximum(flakes, cover(d - chart.number(0.045, 0.060), 2))
    return blend(out, rgb(1, 1, 1), flakes)


def _grass(wall: Tensor, dice: Dice) -> Tensor:
    blades = 0.11 * torch.remainder(XX * 7 + dice.number(0, 0.15) + 0.6 * YY, 1)
    blades = blades + 0.06 * torch.remainder(XX * 11.3 + dice.number(0, 0.15) - 0.5 * YY, 1)
    ground = YY - 0.52 + blades
    green = rgb(0.20, 0.56, 0.16) - rgb(0.10, 0.16, 0.08) * (YY - 0.4)
    tips = rgb(0.50, 0.80, 0.28)
    green = blend(green, tips, torch.exp(-((ground / 0.05) ** 2)))
    return blend(wall, green, cover(-ground))


def _rain(wall: Tensor, dice: Dice) -> Tensor:
    out = blend(wall, rgb(0.30, 0.36, 0.44), torch.tensor(0.40))
    chart = fixed(6)
    for _ in range(20):
        cx, cy = chart.number(-1.1, 1.1), chart.number(-1.1, 1.1)
        u, v = (XX - cx) - (YY - cy) * -0.32, YY - cy
        drop = torch.exp(-((u / 0.030) ** 2)) * torch.sigmoid((0.15 - v.abs()) / 0.03)
        out = blend(out, rgb(0.86, 0.93, 1.0), 0.75 * drop)
    return out


def _sunset(wall: Tensor, dice: Dice) -> Tensor:
    level = ((YY + 1) / 2 / 0.72).clamp(0, 1)
    sky = blend(rgb(0.36, 0.20, 0.50), rgb(1.0, 0.62, 0.28), level)
    sun = torch.hypot(XX + 0.35 + dice.number(-0.06, 0.06), YY - 0.44) - 0.30
    sky = blend(sky, rgb(1.0, 0.90, 0.50), cover(sun, 3))
    sea = rgb(0.26, 0.14, 0.36) + rgb(0.25, 0.12, 0.02) * torch.sin(YY * 60) * 0.4
    return blend(sky, sea, cover(0.44 - YY))


SCENE_OF: dict[str, Callable[[Tensor, Dice], Tensor]] = {
    "night": _night,
    "snow": _snow,
    "grass": _grass,
    "rain": _rain,
    "sunset": _sunset,
}


# Styles: how background and objects are put on the canvas.


def _paint_plain(canvas: Tensor, fill: Tensor, d: Tensor, dice: Dice) -> Tensor:
    canvas = canvas * (1 - shadow(d))
    return blend(canvas, lit(fill, d), cover(d))


def _neon_ground(wall: Tensor, scene: str, dice: Dice) -> Tensor:
    return wall * (0.14 if scene == "none" else 0.45)


def _paint_neon(canvas: Tensor, fill: Tensor, d: Tensor, dice: Dice) -> Tensor:
    bright = fill.clamp(0.10, 1)
    bright = bright / bright.amax()
    inside = blend(canvas, bright, 0.22 * cover(d))
    glow = torch.exp(-d.abs() / 0.13)
    line = torch.exp(-((d / 0.038) ** 2))
    out = inside + bright * glow * 0.72
    return blend(out, bright * 0.45 + 0.55, line).clamp(0, 1)


def _watercolor_ground(wall: Tensor, scene: str, dice: Dice) -> Tensor:
    wash = (0.36 + 0.24 * fixed(9).cloud(5)).clamp(0.05, 0.8)
    return blend(PAPER.expand(3, SIDE, SIDE), wall, wash)


def _paint_watercolor(canvas: Tensor, fill: Tensor, d: Tensor, dice: Dice) -> Tensor:
    d = d + 0.022 * fixed(10).cloud(9)
    edge = torch.exp(-(((d + 0.045) / 0.04) ** 2))
    pigment = (0.62 + 0.18 * fixed(11).cloud(6) + 0.38 * edge).clamp(0.2, 1)
    return blend(canvas, blend(PAPER, fill * (1 - 0.15 * edge), pigment), torch.sigmoid(-d / 0.02))


def _blueprint_ground(wall: Tensor, scene: str, dice: Dice) -> Tensor:
    ox, oy, cell = dice.number(0, 0.1), dice.number(0, 0.1), 0.25
    gx = (torch.remainder(XX / cell + ox, 1) - 0.5).abs() * cell
    gy = (torch.remainder(YY / cell + oy, 1) - 0.5).abs() * cell
    grid = torch.exp(-((torch.minimum(gx, gy) / 0.012) ** 2))
    paper = rgb(0.07, 0.23, 0.52) if scene == "none" else wall * 0.35 + rgb(0.05, 0.15, 0.34)
    return blend(paper.expand(3, SIDE, SIDE), rgb(0.55, 0.72, 0.95), 0.35 * grid)


def _paint_blueprint(canvas: Tensor, fill: Tensor, d: Tensor, dice: Dice) -> Tensor:
    tint = blend(fill, rgb(1, 1, 1), torch.tensor(0.25))
    inside = blend(canvas, tint, 0.10 * cover(d))
    return blend(inside, rgb(0.95, 0.98, 1.0), torch.exp(-(((d + 0.02) / 0.026) ** 2)))


def _hatching(lean: float, period: float) -> Tensor:
    wobble = 0.25 * fixed(12).cloud(8)
    wave = torch.sin((XX * math.cos(lean) + YY * math.sin(lean)) * 6.283 / period + wobble)
    return (0.5 + 1.2 * wave).clamp(0, 1)


def _pencil_ground(wall: Tensor, scene: str, dice: Dice) -> Tensor:
    share = 0.16 + 0.34 * _hatching(0.9, 0.22) if scene == "none" else torch.tensor(0.6)
    return blend(PAPER.expand(3, SIDE, SIDE), wall, share)


def _paint_pencil(canvas: Tensor, fill: Tensor, d: Tensor, dice: Dice) -> Tensor:
    hatch = 0.30 + 0.65 * _hatching(-0.75, 0.20)
    canvas = blend(canvas, blend(PAPER, fill, hatch), cover(d))
    return blend(canvas, rgb(0.22, 0.21, 0.22), 0.9 * torch.exp(-((d / 0.020) ** 2)))


def _glass_ground(wall: Tensor, scene: str, dice: Dice) -> Tensor:
    return wall


def _paint_glass(canvas: Tensor, fill: Tensor, d: Tensor, dice: Dice) -> Tensor:
    canvas = blend(canvas, fill, cover(d))
    return blend(canvas, rgb(0.05, 0.05, 0.06), (1.6 * torch.exp(-((d / 0.032) ** 2))).clamp(0, 1))


def _lead(canvas: Tensor, dice: Dice) -> Tensor:
    """Panes of uneven brightness, each framed in lead."""
    cells = 5
    grid = (torch.stack(torch.meshgrid(*[torch.arange(cells)] * 2, indexing="ij")) + 0.5) / cells
    seeds = grid.flatten(1) * 2 - 1 + (fixed(7).numbers(2, cells * cells) - 0.5) * 0.26
    seeds = seeds + (dice.numbers(2, cells * cells) - 0.5) * 0.03
    d = torch.hypot(XX[None] - seeds[0, :, None, None], YY[None] - seeds[1, :, None, None])
    near, which = d.topk(2, dim=0, largest=False)
    shade = (0.84 + 0.32 * fixed(8).numbers(cells * cells))[which[0]]
    panes = (canvas * shade).clamp(0, 1)
    return blend(panes, rgb(0.05, 0.05, 0.06), cover((near[1] - near[0]) / 2 - 0.020, 1.5))


PALETTE = 8
"""Steps of brightness in pixel art."""
DITHER = torch.tensor([[0.125, 0.625], [0.875, 0.375]])


def _pixelate(canvas: Tensor, dice: Dice) -> Tensor:
    """Blocks of 8 pixels in a coarse palette, dithered as old games did."""
    small = torch.nn.functional.avg_pool2d(canvas[None], 8)
    small = torch.floor(small * PALETTE + DITHER.tile(SIDE // 16, SIDE // 16)) / PALETTE
    return torch.nn.functional.interpolate(small, scale_factor=8, mode="nearest")[0]


def _plain_ground(wall: Tensor, scene: str, dice: Dice) -> Tensor:
    return wall


def _keep(canvas: Tensor, dice: Dice) -> Tensor:
    return canvas


Ground = Callable[[Tensor, str, Dice], Tensor]
Paint = Callable[[Tensor, Tensor, Tensor, Dice], Tensor]
Finish = Callable[[Tensor, Dice], Tensor]
STYLE_OF: dict[str, tuple[Ground, Paint, Finish]] = {
    "plain": (_plain_ground, _paint_plain, _keep),
    "neon": (_neon_ground, _paint_neon, _keep),
    "watercolor": (_watercolor_ground, _paint_watercolor, _keep),
    "blueprint": (_blueprint_ground, _paint_blueprint, _keep),
    "pencil": (_pencil_ground, _paint_pencil, _keep),
    "pixel": (_plain_ground, _paint_plain, _pixelate),
    "glass": (_glass_ground, _paint_glass, _lead),
}


def paint(picture: Picture, dice: Dice) -> Tensor:
    """One image of the picture, (3, SIDE, SIDE) in 0..1."""
    ground, put, finish = STYLE_OF[picture.style]
    wall = backdrop(colour_of(picture.background, dice), dice)
    if picture.scene != "none":
        wall = SCENE_OF[picture.scene](wall, dice)
    canvas = ground(wall, picture.scene, dice)
    for thing, distance in place_things(picture, dice):
        fill = textured(colour_of(thing.colour, dice), picture.texture, dice)
        canvas = put(canvas, fill, distance, dice)
    return finish(canvas, dice).clamp(0, 1)
