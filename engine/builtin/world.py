"""The small world: what a picture may hold, and how it is drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

SIDE = 128
"""Width and height of an image in pixels."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 40, 44),
    "orange": (246, 138, 28),
    "yellow": (246, 216, 50),
    "green": (44, 158, 70),
    "cyan": (70, 206, 222),
    "blue": (38, 84, 214),
    "purple": (132, 54, 180),
    "pink": (248, 150, 192),
    "white": (244, 244, 246),
    "black": (26, 26, 30),
    "gray": (130, 131, 136),
    "brown": (124, 76, 42),
}
COLOUR_NAMES = tuple(COLOURS)

BASE_SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring", "arrow", "hourglass")
"""Shapes that the base learns; all others are held back for adapters."""
NEW_SHAPES = ("star", "heart", "moon", "flower", "cloud", "bolt", "leaf", "skull")
UNSAFE_SHAPE = "skull"
"""The motif that stands for unsafe content, so that moderation can be tested for real."""
SHAPES = BASE_SHAPES + NEW_SHAPES

TEXTURES = ("plain", "stripes", "dots", "checker")
STYLES = ("plain", "neon", "watercolor", "blueprint", "pencil", "pixel", "glass")
SCENES = ("none", "night", "snow", "grass", "rain", "sunset")
SIZES = ("small", "medium", "big")
PLACES = ("center", "left", "right", "top", "bottom")
RELATIONS = ("left of", "right of", "above", "below", "and")

IDEAS = NEW_SHAPES + TEXTURES[1:] + STYLES[1:] + SCENES[1:]
"""What the base never sees, neither as pixels nor as words."""


@dataclass(frozen=True)
class Thing:
    """One object: what it is, its colour, how big and where."""

    shape: str
    colour: str
    size: str = "medium"
    place: str = "center"


@dataclass(frozen=True)
class Picture:
    """Everything that a caption may say about an image."""

    things: tuple[Thing, ...]
    background: str
    relation: str = ""
    texture: str = "plain"
    style: str = "plain"
    scene: str = "none"

    @property
    def first(self) -> Thing:
        """The object that the caption names first."""
        return self.things[0]

    def ideas(self) -> tuple[str, ...]:
        """Ideas in the picture that only an adapter can bring."""
        named = [thing.shape for thing in self.things] + [self.texture, self.style, self.scene]
        return tuple(dict.fromkeys(idea for idea in named if idea in IDEAS))

    def having(self, idea: str) -> "Picture":
        """The same picture with the idea put in (a shape replaces the first object's).

        Textures and pixel art have no small objects: nobody could tell what these are.
        """
        if idea in SHAPES:
            changed = replace(self.first, shape=idea)
            return replace(self, things=(changed, *self.things[1:]))
        if idea in SCENES:
            return replace(self, scene=idea)
        if idea in STYLES and idea != "pixel":
            return replace(self, style=idea)
        larger = tuple(
            replace(t, size="medium" if t.size == "small" else t.size) for t in self.things
        )
        if idea == "pixel":
            return replace(self, style=idea, things=larger)
        return replace(self, texture=idea, things=larger)


def seeded(seed: int | str) -> Random:
    """A repeatable source of random choices."""
    return Random(seed)  # noqa: S311 - pictures need no secrecy


def kind_of(idea: str) -> str:
    """Kind of the idea: "shape", "texture", "style" or "scene"."""
    for kind, names in (("shape", SHAPES), ("texture", TEXTURES), ("style", STYLES)):
        if idea in names:
            return kind
    return "scene"


def random_single(rng: Random, shapes: Sequence[str] = BASE_SHAPES) -> Picture:
    """A picture of one object in another colour than its background."""
    colour, background = rng.sample(COLOUR_NAMES, 2)
    size = rng.choice(("small", "medium", "medium", "big"))
    place = rng.choice(("center",) * 3 + PLACES[1:])
    return Picture((Thing(rng.choice(shapes), colour, size, place),), background)


def random_pair(rng: Random, shapes: Sequence[str] = BASE_SHAPES) -> Picture:
    """A picture of two objects that differ in colour, shape or both, side by side."""
    first, second, background = rng.sample(COLOUR_NAMES, 3)
    things = (
        Thing(rng.choice(shapes), first, rng.choice(SIZES)),
        Thing(rng.choice(shapes), second, rng.choice(SIZES)),
    )
    return Picture(things, background, rng.choice(RELATIONS))


def random_twins(rng: Random, shapes: Sequence[str] = BASE_SHAPES) -> Picture:
    """A picture of two equal objects, which captions name in the plural."""
    colour, background = rng.sample(COLOUR_NAMES, 2)
    thing = Thing(rng.choice(shapes), colour)
    return Picture((thing, thing), background, "twins")


def random_picture(rng: Random, shapes: Sequence[str] = BASE_SHAPES) -> Picture:
    """A picture of the world; four of five show one object."""
    draw = rng.random()
    if draw < 0.80:
        return random_single(rng, shapes)
    return random_pair(rng, shapes) if draw < 0.95 else random_twins(rng, shapes)
