"""Pictures that images start from, as latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.schedulers import Scheduler
from engine.values import Sampling


@dataclass(frozen=True, slots=True)
class Start:
    """The picture that one image starts from."""

    #: RGB of any size.
    image: Image.Image
    #: Share of the denoising that is done over.
    strength: float
    #: Black and white, of the picture's size; white is painted anew. None: all of it.
    mask: Image.Image | None = None

    def finish(self, image: Image.Image) -> Image.Image:
        """What is shown of a rendered image: outside of the mask the picture, to the pixel."""
        if self.mask is None:
            return image
        fitted = image.resize(self.image.size, Image.Resampling.LANCZOS)
        return Image.composite(fitted, self.image, self.mask)


def clean_latents(
    checkpoint: Checkpoint,
    sampling: Sampling,
    starts: Sequence[Start],
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Latents (starts, channels, height, width) of the pictures in the sampling's size."""
    rows = [
        checkpoint.encode(_pixels(start.image, sampling).to(checkpoint.device), generator)
        for start, generator in zip(starts, generators, strict=True)
    ]
    return torch.cat(rows)


def _pixels(image: Image.Image, sampling: Sampling) -> Tensor:
    """(1, 3, height, width), -1 to 1."""
    sized = image.resize((sampling.width, sampling.height), Image.Resampling.LANCZOS)
    bytes_ = torch.from_numpy(np.array(sized, dtype=np.float32))
    return (bytes_ / 127.5 - 1).permute(2, 0, 1)[None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies under the latents of images that start from pictures."""

    #: (images, channels, height, width), and the noise of the same shape.
    clean: Tensor
    noise: Tensor
    #: (images, 1, height, width), 1 where it is painted anew; None: everywhere.
    painted: Tensor | None
    #: Nothing of what is painted over shows through.
    whole: bool

    @classmethod
    def of(cls, starts: Sequence[Start], clean: Tensor, noise: Tensor) -> "Ground":
        """`clean` are the latents of the pictures."""
        painted = None
        if any(start.mask is not None for start in starts):
            rows = [_painted(start, (clean.shape[2], clean.shape[3])) for start in starts]
            painted = torch.stack(rows).to(clean.device, clean.dtype)
        return cls(clean, noise, painted, painted is not None and starts[0].strength == 1)

    def begin(self, scheduler: Scheduler) -> Tensor:
        """The latents to start from."""
        if self.whole:
            return scheduler.start(self.noise)
        return scheduler.noised(self.clean, self.noise, scheduler.timesteps[0])

    def keep(self, scheduler: Scheduler, latents: Tensor, next_: Sequence[Tensor]) -> Tensor:
        """The latents with the pictures' own, as noisy as they are then, outside of the mask.

        `next_` holds the timestep that follows, and nothing after the last one.
        """
        if self.painted is None:
            return latents
        own = scheduler.noised(self.clean, self.noise, next_[0]) if next_ else self.clean
        return torch.lerp(own, latents, self.painted)


def _painted(start: Start, size: tuple[int, int]) -> Tensor:
    """1 for every latent that the mask touches anywhere: (1, *size)."""
    if start.mask is None:
        return torch.ones(1, *size)
    white = torch.from_numpy(np.array(start.mask, dtype=np.float32)) / 255
    return functional.adaptive_max_pool2d(white[None], size)
