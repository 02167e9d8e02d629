"""Samplers by name."""

import inspect
from collections.abc import Sequence
from typing import Any

import diffusers
import torch
from torch import Tensor

from engine.errors import BadOption

#: Euler as adapters of the Lightning kind were distilled with: its steps end at pure noise, where
#: most checkpoints' own settings leave the last ones out (arXiv 2402.13929, section 4).
TRAILING = "EulerTrailing"
#: diffusers' schedulers that turn a text-to-image model's noise into an image, in a number of
#: steps that the asker gives, and that need no further package.
NAMES = (
    "DDIM",
    "DDPM",
    "DEISMultistep",
    "DPMSolverMultistep",
    "DPMSolverSinglestep",
    "EulerAncestralDiscrete",
    "EulerDiscrete",
    TRAILING,
    "HeunDiscrete",
    "KDPM2AncestralDiscrete",
    "KDPM2Discrete",
    "LCM",
    "PNDM",
    "UniPCMultistep",
)


def new_scheduler(name: str, config: dict[str, Any]) -> Any:
    """diffusers' scheduler of that name, one of NAMES, with the checkpoint's configuration."""
    trailing = {"timestep_spacing": "trailing"} if name == TRAILING else {}
    kind = "EulerDiscrete" if name == TRAILING else name
    return getattr(diffusers, f"{kind}Scheduler").from_config(config, **trailing)


class Scheduler:
    """A diffusers scheduler with its steps set, and a generator for each image.

    Raises BadOption for an unknown name and for a number of steps that the scheduler refuses.
    """

    def __init__(
        self,
        name: str,
        config: dict[str, Any],
        steps: int,
        device: torch.device,
        generators: Sequence[torch.Generator],
        strength: float = 1.0,
    ) -> None:
        if name not in NAMES:
            raise BadOption(f"There is no scheduler “{name}”: use one of {', '.join(NAMES)}.")
        self._scheduler: Any = new_scheduler(name, config)
        try:
            self._scheduler.set_timesteps(steps, device=device)
        except (ValueError, IndexError, AssertionError) as error:
            raise BadOption(
                f"Scheduler {name} cannot take {steps} steps: give another number of steps."
            ) from error
        self._first = self._begin(steps, strength)
        takes_generator = "generator" in inspect.signature(self._scheduler.step).parameters
        self._extra = {"generator": list(generators)} if takes_generator else {}

    @property
    def timesteps(self) -> list[Tensor]:
        """One timestep for each call of the UNet; some schedulers need two calls a step."""
        return list(self._scheduler.timesteps[self._first :])

    def _begin(self, steps: int, strength: float) -> int:
        """Passes over the first steps, of a picture that is there already, and says how many.

        As diffusers' image-to-image pipelines do it, with one step at least.
        """
        done_over = min(max(1, int(steps * strength)), steps)
        first = (steps - done_over) * int(self._scheduler.order)
        if first and hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(first)
        return first

    def noised(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """Clean latents with as much noise as there is at that timestep."""
        times = timestep.reshape(1).repeat(len(clean))
        latents: Tensor = self._scheduler.add_noise(clean, noise, times)
        return latents

    def start(self, noise: Tensor) -> Tensor:
        """The latents to start from, for noise of variance 1."""
        started: Tensor = noise * self._scheduler.init_noise_sigma
        return started

    def scaled(self, latents: Tensor, timestep: Tensor) -> Tensor:
        """The latents as the UNet wants them at that timestep."""
        scaled: Tensor = self._scheduler.scale_model_input(latents, timestep)
        return scaled

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """The latents after one step."""
        after: Tensor = self._scheduler.step(
            prediction, timestep, latents, return_dict=False, **self._extra
        )[0]
        return after
