"""What base and adapters share in training: a pool of pictures and the loss."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor

from engine.builtin import autoencoder
from engine.builtin.checkpoint import STEPS, new_scheduler
from engine.builtin.drawing import draw
from engine.builtin.world import SIDE, Picture, seeded

CELLS = SIDE // autoencoder.PATCH


class Pool:
    """Pictures with their latents; grows to its capacity, then replaces the oldest."""

    def __init__(
        self,
        vae: Any,
        make: Callable[[Random], Picture],
        capacity: int,
        seed: int,
        finish: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.vae, self.make, self.seed, self.finish = vae, make, seed, finish
        self.rng = seeded(seed)
        self.pictures: list[Picture] = []
        self.latents = torch.zeros(capacity, autoencoder.CHANNELS, CELLS, CELLS)
        self.drawn = 0

    def add(self, count: int) -> None:
        """Draw `count` new pictures into the pool."""
        pictures = [self.make(self.rng) for _ in range(count)]
        images = draw(pictures, self.seed * 7919 + self.drawn)
        if self.finish:
            images = self.finish(images)
        latents = autoencoder.encode(self.vae, images)
        for picture, latent in zip(pictures, latents, strict=True):
            place = self.drawn % len(self.latents)
            self.latents[place] = latent
            if place < len(self.pictures):
                self.pictures[place] = picture
            else:
                self.pictures.append(picture)
            self.drawn += 1

    def sample(self, count: int) -> tuple[list[Picture], Tensor]:
        """`count` random pictures and their latents (count, CHANNELS, CELLS, CELLS)."""
        places = [self.rng.randrange(len(self.pictures)) for _ in range(count)]
        return [self.pictures[p] for p in places], self.latents[torch.tensor(places)]


def emphasis(latents: Tensor) -> Tensor:
    """Weights (n, 1, h, w) of mean 1 that count objects and their rims more than walls."""
    off_wall = (latents[:, :3] - latents[:, :3, :1, :1]).abs().sum(1, keepdim=True) > 0.35
    wide = torch.nn.functional.max_pool2d(off_wall.float(), 3, 1, 1)
    weight = 1 + 4 * wide
    return weight / weight.mean()


class Noiser:
    """Noises latents and knows the velocity that the UNet must predict."""

    def __init__(self) -> None:
        self.alphas = new_scheduler().alphas_cumprod

    def __call__(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noised latents, their timesteps (n,) and the velocities."""
        noise = torch.randn_like(latents)
        # The power leans towards strong noise, where shapes are decided.
        steps = ((STEPS - 1e-3) * torch.rand(len(latents)) ** 0.8).long()
        alpha = self.alphas[steps][:, None, None, None]
        noised = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        return noised, steps, velocity
