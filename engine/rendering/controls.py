"""The weight at which an adapter does no harm: found on pictures that have nothing to do with it.

They are drawn without and with it. What burns is counted; what is displaced is asked of the
checkpoint itself, with the adapter on, by `recognition`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from engine.library.controls import PARTS, Control
from engine.rendering.job import Batch, Job
from engine.values import ImagePlan, PlannedAdapter

#: Renders a `samples.sample_job` of the prompts. Raises a StylusError.
Draw = Callable[[Sequence[str], PlannedAdapter], tuple[Job, Batch]]
#: Which of the prompts each image shows, with the plan's adapters on; None where nobody can tell.
Recognise = Callable[[Job, ImagePlan, Sequence[Image.Image], Sequence[str]], Sequence[int] | None]
#: Channel values, 0 to 1, below the one or above the other count as burnt.
_ENDS = (0.02, 0.98)


def find_steady(
    adapter: PlannedAdapter, prompts: Sequence[str], draw: Draw, recognise: Recognise
) -> Control:
    """Returns what the adapter does at the first part of its weight that does no harm, else at
    the last one tried. `prompts` are controls. Raises a StylusError."""
    for part in PARTS:
        weight = adapter.weight * part
        drawn = draw(prompts, replace(adapter, weight=weight))
        control = Control(weight, part, *_look(*drawn, prompts, recognise))
        if control.harmless:
            break
    return control


def _look(
    job: Job, batch: Batch, prompts: Sequence[str], recognise: Recognise
) -> tuple[float, float | None]:
    """By how much the controls burn, and which share is kept; images that failed are left out."""
    count = len(prompts)
    images = {one.index: one.image for one in batch.images}
    both = [n for n in range(count) if n in images and n + count in images]
    if not both:
        return 1.0, 0.0
    without, with_it = ([images[n + row] for n in both] for row in (0, count))
    burnt = burnt_share(with_it) - burnt_share(without)
    seen = recognise(job, job.plans[0], without, prompts)
    seen_with = recognise(job, job.plans[count], with_it, prompts)
    if seen is None or seen_with is None:
        return burnt, None
    known = [place for place, n in enumerate(both) if seen[place] == n]
    kept = [seen_with[place] == both[place] for place in known]
    return burnt, float(np.mean(kept)) if kept else None


def burnt_share(images: Sequence[Image.Image]) -> float:
    """Share of channel values at the very ends of their range, mean of the images."""
    low, high = _ENDS
    pixels = [np.asarray(image.convert("RGB"), np.float32) / 255 for image in images]
    return float(np.mean([((some < low) | (some > high)).mean() for some in pixels]))
