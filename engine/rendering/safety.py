"""The safety check on finished images.

A check takes images and gives for each the probability, 0 to 1, that it shows what must not be
shown. What follows from that is not decided here: the number goes with the image.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from engine.builtin import judge
from engine.builtin.world import SIDE

Check = Callable[[Sequence[Image.Image]], list[float]]


def safety_check(name: str) -> Check | None:
    """The check of that name: "builtin" knows the built-in world; None for "none"."""
    return _Judge() if name == "builtin" else None


class _Judge:
    """Sees the motif that stands for unsafe content in the built-in checkpoint's world."""

    def __init__(self) -> None:
        self._judge = judge.load()

    def __call__(self, images: Sequence[Image.Image]) -> list[float]:
        rows = [np.asarray(image.resize((SIDE, SIDE)), dtype=np.float32) for image in images]
        pixels = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2) / 255
        probabilities: list[float] = self._judge.unsafe(pixels).tolist()
        return probabilities
