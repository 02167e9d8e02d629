"""Controls: pictures that have nothing to do with an adapter, and what it does to them.

An adapter that burns them, or after which the model no longer finds in them what their prompts
say, would saturate other people's images or block their ideas (Stylus, section 4.5). It is used at
the first weight at which it does neither.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Parts of the card's weight that are tried, in this order.
PARTS = (1.0, 0.5, 0.25)
#: By how much the share of channel values at the ends of their range may grow: the paper of a
#: watercolour makes it grow by 0.2.
MOST_BURNT = 0.3
#: Share of the controls that must still show what their prompts say.
LEAST_KEPT = 0.75

_PHOTOS = tuple(f"a photo of a {thing}" for thing in ("dog", "car", "house", "tree", "boat", "cup"))
_DRAWN = ("circle", "square", "triangle", "diamond", "cross", "ring")
_PROMPTS = {"stylus-small": tuple(f"an orange {shape} on a gray background" for shape in _DRAWN)}


def control_prompts(family: str) -> tuple[str, ...]:
    """Returns prompts that differ in one thing only, which the family's models know."""
    return _PROMPTS.get(family, _PHOTOS)


@dataclass(frozen=True, slots=True)
class Control:
    """What an adapter did to the controls, by our own renders with and without it."""

    #: At which it was tried, and which part of the card's that is.
    weight: float
    part: float
    #: By how much the share of channel values at the ends of their range grew.
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
