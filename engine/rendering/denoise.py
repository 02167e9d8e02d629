"""The loop: plans become latents, all images of the batch in one call of the UNet a step."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from engine.errors import BadOption, RequestCancelled
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.latents import generators_of, noise_of
from engine.rendering.recording import Record, Recorded, Work
from engine.rendering.schedulers import Scheduler
from engine.rendering.start import Ground, Start, clean_latents
from engine.rendering.text import Conditioning, encode_texts
from engine.values import ImagePlan, Sampling

#: A guidance of 1 weighs the negative prompt with zero, so that it need not be computed.
_NO_GUIDANCE = 1.0


def denoise(
    checkpoint: Checkpoint,
    sampling: Sampling,
    plans: Sequence[ImagePlan],
    on_step: Callable[[int, int, Tensor], None],
    cancelled: Callable[[], bool],
    starts: Sequence[Start] = (),
    record: Record | None = None,
) -> Tensor:
    """Denoised latents (plans, channels, height, width), in the order of the plans.

    `starts` is empty, or has a picture for each plan, all of one strength. Run inside of
    `adapters.applied`, which gives each row its image's adapters. `on_step` is told the steps
    done, all steps and the latents. With `record`, see `recording`. Raises BadOption, and
    RequestCancelled within a step of `cancelled` turning true.
    """
    check_sampling(checkpoint, sampling)
    generators = generators_of([plan.seed for plan in plans])
    scheduler = Scheduler(
        sampling.scheduler,
        checkpoint.scheduler_config,
        sampling.steps,
        checkpoint.device,
        generators,
        starts[0].strength if starts else 1.0,
    )
    guided = sampling.guidance > _NO_GUIDANCE
    texts = _texts(checkpoint, sampling, plans, guided)
    timesteps = scheduler.timesteps
    predicted: Work = partial(predict, checkpoint, texts)
    if record:
        predicted = Recorded(predicted, record)
    # The pictures first: as in diffusers, an encoder that draws noise draws before the latents.
    clean = clean_latents(checkpoint, sampling, starts, generators) if starts else None
    noise = _noise(checkpoint, sampling, generators)
    ground = None if clean is None else Ground.of(starts, clean, noise)
    latents = ground.begin(scheduler) if ground else scheduler.start(noise)
    for index, timestep in enumerate(timesteps):
        if cancelled():
            raise RequestCancelled("The request was cancelled.")
        rows = latents.repeat_interleave(2, 0) if guided else latents
        prediction = predicted(scheduler.scaled(rows, timestep), timestep)
        if guided:
            prediction = _guide(prediction, sampling.guidance)
        latents = scheduler.step(prediction, timestep, latents)
        if ground:
            latents = ground.keep(scheduler, latents, timesteps[index + 1 : index + 2])
        on_step(index + 1, len(timesteps), latents)
    return latents


def check_sampling(checkpoint: Checkpoint, sampling: Sampling) -> None:
    """Refuses what this checkpoint cannot render, with BadOption."""
    unit = checkpoint.latent_pixels
    size = (sampling.width, sampling.height)
    if min(size) < unit or sampling.width % unit or sampling.height % unit:
        raise BadOption(
            f"The size {sampling.width}x{sampling.height} does not fit {checkpoint.name}: "
            f"give multiples of {unit}."
        )
    if sampling.steps < 1:
        raise BadOption(f"There are {sampling.steps} steps asked for: give 1 or more.")
    if not math.isfinite(sampling.guidance):
        raise BadOption(f"The guidance is {sampling.guidance}: give a number such as 7.")


def _texts(
    checkpoint: Checkpoint, sampling: Sampling, plans: Sequence[ImagePlan], guided: bool
) -> Conditioning:
    """Rows as the UNet's: an image's negative prompt, where it counts, and its prompt."""
    texts = [(plan.negative, plan.prompt) if guided else (plan.prompt,) for plan in plans]
    return encode_texts(checkpoint, [text for own in texts for text in own], sampling)


def _noise(
    checkpoint: Checkpoint, sampling: Sampling, generators: Sequence[torch.Generator]
) -> Tensor:
    unit = checkpoint.latent_pixels
    noise = noise_of(
        generators, checkpoint.latent_channels, sampling.height // unit, sampling.width // unit
    )
    return noise.to(checkpoint.device, checkpoint.dtype)


def predict(checkpoint: Checkpoint, texts: Conditioning, rows: Tensor, timestep: Tensor) -> Tensor:
    """What the UNet predicts of noisy latents (rows, channels, height, width), of their shape."""
    prediction: Tensor = checkpoint.unet(
        rows,
        timestep,
        encoder_hidden_states=texts.states,
        added_cond_kwargs=texts.added,
        return_dict=False,
    )[0]
    return prediction


def _guide(prediction: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans, arXiv 2207.12598)."""
    negative, positive = prediction[0::2], prediction[1::2]
    return negative + guidance * (positive - negative)
