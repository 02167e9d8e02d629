"""Recognition: which of some prompts an image shows, by the checkpoint itself.

A diffusion model predicts noise best where it is told what is in the picture, so it tells prompts
apart without any training (Li et al. 2023, “Your Diffusion Model is Secretly a Zero-Shot
Classifier”, arXiv 2303.16203). With an adapter on that swallows or burns all it touches, it no
longer can; with a style on, however strong, it still does.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler
from PIL import Image
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import predict
from engine.rendering.latents import generators_of, noise_of
from engine.rendering.start import Start, clean_latents
from engine.rendering.text import encode_texts
from engine.values import Sampling

#: How noisy images are looked at, as shares of the training's timesteps.
LEVELS = (0.5, 0.8)
_SEED = 5


def recognise(
    checkpoint: Checkpoint, images: Sequence[Image.Image], prompts: Sequence[str], size: Sampling
) -> list[int]:
    """Returns, for each image, the number of the prompt that it shows most likely.

    Run inside of `adapters.applied` with one image's adapters, and they look as well.
    """
    seeds = generators_of([_SEED] * len(images))
    clean = clean_latents(checkpoint, size, [Start(image, 1.0) for image in images], seeds)
    texts = encode_texts(checkpoint, prompts, size)
    schedulers: Any = DDPMScheduler
    scheduler = schedulers.from_config(checkpoint.scheduler_config)
    errors = torch.zeros(len(images), len(prompts), device=checkpoint.device)
    for level in LEVELS:
        # The same noise for all prompts and images: only the words make a difference.
        noise = noise_of(seeds[:1], *clean.shape[1:]).to(clean).expand_as(clean)
        time = torch.tensor(int(level * scheduler.config.num_train_timesteps))
        times = time.repeat(len(images)).to(checkpoint.device)
        noisy = scheduler.add_noise(clean, noise, times)
        wanted = _wanted(scheduler, clean, noise, times)
        for number in range(len(prompts)):
            told = texts.repeated(number, len(images))
            predicted = predict(checkpoint, told, noisy, times[0])
            errors[:, number] += (predicted - wanted).float().square().mean(dim=(1, 2, 3))
    found: list[int] = errors.argmin(1).tolist()
    return found


def _wanted(scheduler: Any, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """What a model of the scheduler's kind is to predict."""
    velocity: Tensor = scheduler.get_velocity(clean, noise, times)
    kinds = {"epsilon": noise, "v_prediction": velocity, "sample": clean}
    return kinds[scheduler.config.prediction_type]
