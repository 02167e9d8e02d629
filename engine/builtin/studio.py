"""Draws prompts with the checkpoint and any of its adapters, for measuring and for pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.builtin import CHECKPOINT, LORAS, checkpoint

STEPS = 15
GUIDANCE = 3.0


class Studio:
    """The checkpoint with adapters that are loaded when first used."""

    def __init__(self, base: Path = CHECKPOINT, shelf: Path = LORAS) -> None:
        # Its layers are too small to be divided: beside other work, threads wait for each other.
        torch.set_num_threads(1)
        self.pipe: Any = checkpoint.load(base)
        self.shelf = shelf
        self.loaded: set[str] = set()

    def use(self, weights: Mapping[str, float]) -> None:
        """Switch on exactly these adapters, by slug."""
        for slug in weights:
            if slug not in self.loaded:
                self.pipe.load_lora_weights(
                    str(self.shelf), weight_name=f"{slug}.safetensors", adapter_name=slug
                )
                self.loaded.add(slug)
        if weights:
            self.pipe.enable_lora()
            self.pipe.set_adapters(list(weights), list(weights.values()))
        elif self.loaded:
            self.pipe.disable_lora()

    def forget(self) -> None:
        """Unload all adapters: each one that is loaded costs time even while it is off."""
        if self.loaded:
            self.pipe.unload_lora_weights()
            self.loaded.clear()

    def draw(
        self,
        prompts: Sequence[str],
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
        batch: int = 25,
    ) -> Tensor:
        """Images (n, 3, 128, 128) in 0..1; the i-th prompt has the seed `seed + i`."""
        self.use(weights or {})
        images = []
        for start in range(0, len(prompts), batch):
            some = list(prompts[start : start + batch])
            noise = [torch.Generator().manual_seed(seed + start + i) for i in range(len(some))]
            answer = self.pipe(
                some,
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=noise,
                output_type="pt",
            )
            images.append(answer.images.float())
        return torch.cat(images)
