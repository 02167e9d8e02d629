"""The weight at which an adapter does no harm: found on pictures that have nothing to do with it.

They are drawn without and with it. What burns is counted; what is displaced is asked of the
checkpoint itself, with the adapter on, by `recognition`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from engine.library.controls import PARTS, Control, ControlPrompts
from engine.rendering.job import Batch, Job
from engine.values import ImagePlan, PlannedAdapter

#: Renders a `samples.sample_job` of the prompts. Raises a StylusError.
Draw = Callable[[Sequence[str], PlannedAdapter], tuple[Job, Batch]]
#: Which of the prompts each image shows, with the plan's adapters on; None where nobody can tell.
Recognise = Callable[[Job, ImagePlan, Sequence[Image.Image], Sequence[str]], Sequence[int] | None]
#: Channels, 0 to 1, are empty below the one and full above the other.
_ENDS = (0.02, 0.98)


def find_steady(
    adapter: PlannedAdapter, prompts: ControlPrompts, draw: Draw, recognise: Recognise
) -> Control:
    """Returns what the adapter does at the first part of its weight that does no harm, else at
    the last one tried. Raises a StylusError."""
    for part in PARTS:
        weight = adapter.weight * part
        drawn = draw(prompts.all, replace(adapter, weight=weight))
        control = Control(weight, part, *_look(*drawn, prompts, recognise))
        if control.harmless:
            break
    return control


def _look(
    job: Job, batch: Batch, prompts: ControlPrompts, recognise: Recognise
) -> tuple[float, float | None]:
    """By how much the colours burn, and which share of the things is kept, as in `Control`;
    images that failed are left out."""
    things, count = prompts.things, len(prompts.all)
    images = {one.index: one.image for one in batch.images}
    both = [n for n in range(count) if n in images and n + count in images]
    shown = [n for n in both if n < len(things)]
    coloured = [n for n in both if n >= len(things)]
    if not shown or not coloured:
        return 1.0, 0.0
    burnt = burnt_share([images[n + count] for n in coloured])
    burnt -= burnt_share([images[n] for n in coloured])
    seen = recognise(job, job.plans[0], [images[n] for n in shown], things)
    seen_with = recognise(job, job.plans[count], [images[n + count] for n in shown], things)
    if seen is None or seen_with is None:
        return burnt, None
    known = [place for place, n in enumerate(shown) if seen[place] == n]
    kept = [seen_with[place] == shown[place] for place in known]
    return burnt, float(np.mean(kept)) if kept else None


def burnt_share(images: Sequence[Image.Image]) -> float:
    """Share of pixels that are as colourful as a screen can show: one channel full, another
    empty. The white of paper and the black of a night do not count."""
    low, high = _ENDS
    pixels = [np.asarray(image.convert("RGB"), np.float32) / 255 for image in images]
    return float(np.mean([((p.min(-1) < low) & (p.max(-1) > high)).mean() for p in pixels]))
