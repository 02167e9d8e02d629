"""Seeds as noise."""

from collections.abc import Sequence

import torch
from torch import Tensor


def generators_of(seeds: Sequence[int]) -> list[torch.Generator]:
    """One random generator an image.

    On the CPU, whatever renders: so an image's noise depends on its own seed only, and neither
    on its place in the batch nor on the machine.
    """
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def noise_of(
    generators: Sequence[torch.Generator], channels: int, height: int, width: int
) -> Tensor:
    """Normal noise (images, channels, height, width) in float32; sizes are in latents."""
    return torch.stack(
        [torch.randn((channels, height, width), generator=own) for own in generators]
    )
