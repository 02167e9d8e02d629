"""Images that start from a picture: as diffusers' own pipelines have it, and nothing else moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import denoise
from engine.rendering.job import Job
from engine.rendering.renderer import Renderer
from engine.rendering.start import Start
from engine.values import ImagePlan, Sampling

from .toys import SAMPLING, batch_of, plan

# diffusers 0.42 and numpy 2.4 exchange tensors in ways that numpy wants written otherwise.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{words}:DeprecationWarning")
    for words in (
        "__array__ implementation doesn't accept a copy keyword",
        "__array_wrap__ must accept context and return_scalar arguments",
    )
]

PLANS = (plan(0, {}, "a fox", "blurry"), plan(1, {}, "a red cat"))
SCHEDULERS = ("DDIM", "EulerAncestralDiscrete", "HeunDiscrete", "DPMSolverMultistep", "LCM")
#: diffusers also encodes what a mask leaves over, which this kind of UNet does not read, and draws
#: noise for it; so later noise is other noise there.
WITHOUT_NOISE = ("DDIM", "HeunDiscrete", "DPMSolverMultistep")
STEPS = 5


def picture(side: int = 16) -> Image.Image:
    source = np.random.default_rng(3)
    return Image.fromarray(source.integers(0, 255, (side, side, 3), dtype=np.uint8))


def half(side: int = 16) -> Image.Image:
    """White on the right."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[:, side // 2 :] = 255
    return Image.fromarray(pixels)


def latents(checkpoint: Checkpoint, sampling: Sampling, start: Start) -> Tensor:
    with torch.inference_mode():
        return denoise(checkpoint, sampling, PLANS, lambda *_: None, lambda: False, [start] * 2)


def pipeline(kind: str, folder: Path, scheduler: str) -> Any:
    made = getattr(diffusers, kind).from_pretrained(folder, safety_checker=None)
    made.set_progress_bar_config(disable=True)
    own = getattr(diffusers, f"{scheduler}Scheduler")
    made.scheduler = own.from_config(made.scheduler.config)
    return made


def reference(made: Any, strength: float, **options: Any) -> Tensor:
    found: Tensor = made(
        [one.prompt for one in PLANS],
        negative_prompt=[one.negative for one in PLANS],
        num_inference_steps=STEPS,
        guidance_scale=SAMPLING.guidance,
        strength=strength,
        generator=[torch.Generator().manual_seed(one.seed) for one in PLANS],
        output_type="latent",
        **options,
    ).images
    return found


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("strength", [0.45, 1.0])
def test_translating_is_diffusers_image_to_image(
    scheduler: str, strength: float, checkpoint: Checkpoint, model_folder: Path
) -> None:
    sampling = replace(SAMPLING, scheduler=scheduler, steps=STEPS)
    made = pipeline("StableDiffusionImg2ImgPipeline", model_folder, scheduler)
    expected = reference(made, strength, image=[picture()] * 2)
    ours = latents(checkpoint, sampling, Start(picture(), strength))
    assert (ours - expected).abs().max() < 1e-4 * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize("scheduler", WITHOUT_NOISE)
@pytest.mark.parametrize("strength", [0.45, 1.0])
def test_inpainting_is_diffusers_own(
    scheduler: str, strength: float, checkpoint: Checkpoint, model_folder: Path
) -> None:
    sampling = replace(SAMPLING, scheduler=scheduler, steps=STEPS)
    made = pipeline("StableDiffusionInpaintPipeline", model_folder, scheduler)
    options = {"image": [picture()] * 2, "mask_image": [half()] * 2, "width": 16, "height": 16}
    expected = reference(made, strength, **options)
    ours = latents(checkpoint, sampling, Start(picture(), strength, half()))
    assert (ours - expected).abs().max() < 1e-4 * expected.abs().max().clamp(min=1)


def test_a_latent_that_the_mask_only_touches_is_painted_too(checkpoint: Checkpoint) -> None:
    pixels = np.zeros((16, 16), np.uint8)
    pixels[5, 7] = 255
    start = Start(picture(), 1.0, Image.fromarray(pixels))
    moved = latents(checkpoint, SAMPLING, start) - latents(
        checkpoint, replace(SAMPLING, guidance=6.0), start
    )
    assert moved.abs().amax((0, 1)).nonzero().tolist() == [[2, 3]]


def _render(checkpoint: Checkpoint, start: Start, plans: list[ImagePlan]) -> list[Image.Image]:
    batch = batch_of(Renderer(checkpoint), Job(SAMPLING, plans, lambda _: Path(), start=start))
    return [rendered.image for rendered in batch.images]


@pytest.mark.parametrize("side", [16, 40])
def test_outside_of_the_mask_no_pixel_changes_whatever_its_size(
    side: int, checkpoint: Checkpoint
) -> None:
    start = Start(picture(side), 1.0, half(side))
    for image in _render(checkpoint, start, [plan(0, {}), plan(1, {})]):
        assert image.size == (side, side)
        before, after = np.asarray(start.image), np.asarray(image)
        assert np.array_equal(before[:, : side // 2], after[:, : side // 2])
        assert not np.array_equal(before[:, side // 2 :], after[:, side // 2 :])


def test_the_strength_says_how_much_changes(checkpoint: Checkpoint) -> None:
    little, much = (
        _render(checkpoint, Start(picture(), strength), [plan(0, {})])[0]
        for strength in (0.25, 1.0)
    )
    again = _render(checkpoint, Start(picture(), 0.25), [plan(0, {})])[0]
    assert little.tobytes() == again.tobytes()
    assert little.tobytes() != much.tobytes()
    other = _render(checkpoint, Start(picture().rotate(90), 0.25), [plan(0, {})])[0]
    assert other.tobytes() != little.tobytes()


def test_progress_counts_only_the_steps_that_are_done(checkpoint: Checkpoint) -> None:
    told: list[tuple[int, int]] = []
    job = Job(
        SAMPLING,
        [plan(0, {})],
        lambda _: Path(),
        on_step=lambda done, steps: told.append((done, steps)),
        start=Start(picture(), 0.5),
    )
    batch_of(Renderer(checkpoint), job)
    assert told == [(1, 2), (2, 2)]
