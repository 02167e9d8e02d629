"""What more images in a batch cost, and what follows for jobs that come while one is under way.

Two jobs of equal size, the second at a random moment of the first one's steps. Where it waits, the
first takes all its steps alone, and so does the second after it: 1 and 1.5 of a batch's time on
average. Where it joined at the next step, both would take half of their steps alone and half
together. Merging anew for the adapters that come and go is not counted: joining looks better here
than it would be.
"""

import time
from collections.abc import Callable
from statistics import median

import torch

from engine.operations.figures import Figure
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import denoise
from engine.values import ImagePlan, Sampling

COUNTS = (1, 2, 4, 8)


def measure(
    checkpoint: Checkpoint, sampling: Sampling, turns: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns the seconds of a step by images, and joining against waiting."""
    seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
    for turn in range(turns + 1):  # the first one warms up
        for count in COUNTS:
            taken = _step(checkpoint, sampling, count)
            if turn:
                seconds[count].append(taken)
        tell(f"steps: {turn} of {turns}")
    step = {count: median(values) for count, values in seconds.items()}
    figures = [Figure(f"a step of {count} images", step[count], "s") for count in COUNTS]
    for count in (1, 4):
        # Mean time of both jobs: a half alone and a half together, against 1 and 1.5 alone.
        joining = (step[count] + step[2 * count]) / 2
        waiting = 1.25 * step[count]
        name = f"joining at a step against waiting, {count} and {count} images"
        figures.append(Figure(name, joining / waiting, "x"))
    return figures


def _step(checkpoint: Checkpoint, sampling: Sampling, count: int) -> float:
    plans = [ImagePlan(n, n, "a red star on a starry night sky", "", ()) for n in range(count)]
    marks: list[float] = []

    def mark(*_told: object) -> None:
        if checkpoint.device.type == "cuda":
            torch.cuda.synchronize(checkpoint.device)
        marks.append(time.perf_counter())

    with torch.inference_mode():
        denoise(checkpoint, sampling, plans, mark, lambda: False)
    return (marks[-1] - marks[0]) / (len(marks) - 1)
