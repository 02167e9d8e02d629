"""Controls: pictures that have nothing to do with an adapter, and what it does to them.

An adapter that burns them, or after which the model no longer finds in them what their prompts
say, would saturate other people's images or block their ideas (Stylus, section 4.5). It is used at
the first weight at which it does neither.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Parts of the card's weight that are tried, in this order.
PARTS = (1.0, 0.5, 0.25, 0.125)
#: Share of pixels whose colour may begin to clip: twice what the worst of the shelf's good adapters
#: does on four sets of seeds (0.025).
MOST_BURNT = 0.05
#: Share of the controls that must still show what their prompts say.
LEAST_KEPT = 0.75


@dataclass(frozen=True, slots=True)
class ControlPrompts:
    """What controls are drawn from."""

    #: They differ in one thing only, so that a model must recognise it to tell them apart.
    things: tuple[str, ...]
    #: Together they have all colours.
    colours: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """The things, then the colours."""
        return self.things + self.colours


_SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
_PROMPTS = {
    "stylus-small": ControlPrompts(
        tuple(f"an orange {shape} on a gray background" for shape in _SHAPES),
        (
            "a red circle on a blue background",
            "a green square on a pink background",
            "a yellow triangle on a purple background",
            "a brown ring on a cyan background",
            "a blue cross on an orange background",
            "a purple diamond on a yellow background",
        ),
    )
}
_PHOTOS = ControlPrompts(
    tuple(f"a photo of a {thing}" for thing in ("dog", "car", "house", "tree", "boat", "cup")),
    (
        "a photo of red roses in a garden",
        "a photo of a yellow field below a blue sky",
        "a photo of a green parrot",
        "a photo of oranges on a purple cloth",
        "a photo of a street at night",
        "a photo of an old man",
    ),
)


def control_prompts(family: str) -> ControlPrompts:
    """Returns prompts of things that the family's models know."""
    return _PROMPTS.get(family, _PHOTOS)


@dataclass(frozen=True, slots=True)
class Control:
    """What an adapter did to the controls, by our own renders with and without it."""

    #: At which it was tried, and which part of the card's that is.
    weight: float
    part: float
    #: By how much the share of pixels grew whose colour clips.
    burnt: float
    #: Share of the controls that the model still recognises, of those that it recognises without
    #: the adapter; None where nobody can tell.
    kept: float | None

    @property
    def harmless(self) -> bool:
        """Whether other ideas live beside it."""
        return self.burnt <= MOST_BURNT and (self.kept is None or self.kept >= LEAST_KEPT)

    @property
    def document(self) -> Mapping[str, Any]:
        """It as the catalogue keeps it."""
        return {k: v if v is None else round(v, 4) for k, v in asdict(self).items()}
