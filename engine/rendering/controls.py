"""The weight at which an adapter does no harm: found on pictures that have nothing to do with it.

They are drawn without and with it. What burns is counted; what is displaced is asked of the
checkpoint itself, with the adapter on, by `recognition`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.library.controls import PARTS, Control, ControlPrompts
from engine.rendering.job import Batch, Job
from engine.values import ImagePlan, PlannedAdapter

#: Draws the prompts on fixed seeds, with the adapter if there is one. Raises a StylusError.
Draw = Callable[[Sequence[str], PlannedAdapter | None], "Drawn"]
#: Which of the prompts each image shows, with the plan's adapters on; None where nobody can tell.
Recognise = Callable[[Job, ImagePlan, Sequence[Image.Image], Sequence[str]], Sequence[int] | None]
#: Channels, 0 to 1, are empty below the one and full above the other.
_ENDS = (0.02, 0.98)
#: Pixels are colourful whose channels lie further apart, 0 to 1.
_COLOURFUL = 0.5


@dataclass(frozen=True, slots=True)
class Drawn:
    """The images of some prompts."""

    job: Job
    batch: Batch

    @property
    def images(self) -> dict[int, Image.Image]:
        """By the prompt's number; those that failed are missing."""
        return {one.index: one.image for one in self.batch.images}

    def of(self, numbers: Sequence[int]) -> list[Image.Image]:
        """The images of these prompts."""
        images = self.images
        return [images[number] for number in numbers]


def find_steady(
    adapter: PlannedAdapter, prompts: ControlPrompts, draw: Draw, recognise: Recognise
) -> Control:
    """Returns what the adapter does at the first part of its weight that does no harm, else at
    the last one tried. Raises a StylusError."""
    plain = draw(prompts.all, None)
    known = _recognised(plain, prompts, recognise)
    for part in PARTS:
        weight = adapter.weight * part
        changed = draw(prompts.all, replace(adapter, weight=weight))
        burnt = _burnt_more(plain, changed, len(prompts.things))
        control = Control(weight, part, burnt, _kept(known, changed, prompts, recognise))
        if control.harmless:
            break
    return control


def _recognised(
    drawn: Drawn, prompts: ControlPrompts, recognise: Recognise
) -> frozenset[int] | None:
    """The things that the images show as their prompts say; None where nobody can tell."""
    things = [number for number in range(len(prompts.things)) if number in drawn.images]
    if not things:
        return frozenset()
    seen = recognise(drawn.job, drawn.job.plans[0], drawn.of(things), prompts.things)
    if seen is None:
        return None
    return frozenset(number for number, one in zip(things, seen, strict=True) if number == one)


def _kept(
    known: frozenset[int] | None, changed: Drawn, prompts: ControlPrompts, recognise: Recognise
) -> float | None:
    """The share of what was known that still is; an image that failed shows nothing."""
    if not known:
        return None
    still = _recognised(changed, prompts, recognise)
    return None if still is None else len(known & still) / len(known)


def _burnt_more(plain: Drawn, changed: Drawn, things: int) -> float:
    """By how much the colours burn; all of it where none of their images came out."""
    both = sorted(plain.images.keys() & changed.images.keys())
    coloured = [number for number in both if number >= things]
    if not coloured:
        return 1.0
    return burnt_share(changed.of(coloured)) - burnt_share(plain.of(coloured))


def burnt_share(images: Sequence[Image.Image]) -> float:
    """Share of pixels whose colour clips: colourful ones with a channel that is empty or full, so
    that shades are lost. The white of paper and the black of a night do not count."""
    pixels = [np.asarray(image.convert("RGB"), np.float32) / np.float32(255) for image in images]
    return float(np.mean([_clips(one).mean() for one in pixels]))


def _clips(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    low, high = _ENDS
    least, most = pixels.min(-1), pixels.max(-1)
    clips: NDArray[np.bool_] = ((least < low) | (most > high)) & (most - least > _COLOURFUL)
    return clips
