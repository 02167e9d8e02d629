"""The loop: each image by its own seed and prompts, every scheduler, progress and cancelling."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from engine.errors import BadOption, RequestCancelled
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.denoise import denoise
from engine.rendering.schedulers import NAMES
from engine.values import Sampling

from .toys import SAMPLING, latents_of, plan

# diffusers 0.42 and numpy 2.4 exchange tensors in ways that numpy wants written otherwise.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{words}:DeprecationWarning")
    for words in (
        "__array__ implementation doesn't accept a copy keyword",
        "__array_wrap__ must accept context and return_scalar arguments",
    )
]

PLANS = (plan(0, {}, "a fox", "blurry"), plan(1, {}, "a cat"), plan(2, {}, "a red fox"))


def _run(
    checkpoint: Checkpoint,
    sampling: Sampling = SAMPLING,
    on_step: Callable[[int, int, Tensor], None] = lambda *_: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Tensor:
    with torch.inference_mode():
        return denoise(checkpoint, sampling, PLANS, on_step, cancelled)


def test_the_image_follows_from_its_own_seed_and_prompts(checkpoint: Checkpoint) -> None:
    here = latents_of(checkpoint, PLANS, {})[2:]
    elsewhere = latents_of(checkpoint, [replace(PLANS[2], index=0), PLANS[0]], {})[:1]
    assert (here - elsewhere).abs().max() < 1e-4
    for other in (
        replace(PLANS[2], seed=7),
        replace(PLANS[2], prompt="a green fox"),
        replace(PLANS[2], negative="a green fox"),
    ):
        assert (latents_of(checkpoint, [other], {}) - here).abs().max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler(name: str, checkpoint: Checkpoint) -> None:
    sampling = replace(SAMPLING, scheduler=name)
    together = latents_of(checkpoint, PLANS, {}, sampling)
    assert torch.equal(together, latents_of(checkpoint, PLANS, {}, sampling))
    alone = torch.cat([latents_of(checkpoint, [one], {}, sampling) for one in PLANS])
    assert (together - alone).abs().max() < 1e-4 * together.abs().max().clamp(min=1)


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_is_diffusers_own(
    name: str, checkpoint: Checkpoint, model_folder: Any
) -> None:
    pipeline: Any = diffusers.StableDiffusionPipeline
    pipe = pipeline.from_pretrained(model_folder, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    extra = {"timestep_spacing": "trailing"} if name == "EulerTrailing" else {}
    kind = name.replace("Trailing", "Discrete")
    own = getattr(diffusers, f"{kind}Scheduler")
    pipe.scheduler = own.from_config(pipe.scheduler.config, **extra)
    expected = pipe(
        [one.prompt for one in PLANS],
        negative_prompt=[one.negative for one in PLANS],
        width=SAMPLING.width,
        height=SAMPLING.height,
        num_inference_steps=SAMPLING.steps,
        guidance_scale=SAMPLING.guidance,
        generator=[torch.Generator().manual_seed(one.seed) for one in PLANS],
        output_type="latent",
    ).images
    rendered = latents_of(checkpoint, PLANS, {}, replace(SAMPLING, scheduler=name))
    assert (rendered - expected).abs().max() < 1e-4 * expected.abs().max().clamp(min=1)


def test_an_unknown_scheduler_is_refused_with_the_known_ones(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadOption, match=r"no scheduler “Magic”: use one of DDIM, DDPM, .*UniPC"):
        _run(checkpoint, replace(SAMPLING, scheduler="Magic"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 15}, "size 15x16 does not fit toy: give multiples of 2"),
        ({"height": 0}, "size 16x0 does not fit"),
        ({"steps": 0}, "0 steps"),
        ({"steps": 1001}, "DDIM cannot take 1001 steps"),
        ({"guidance": float("nan")}, "guidance is nan"),
    ],
)
def test_what_cannot_be_sampled_is_refused(
    changes: dict[str, Any], words: str, checkpoint: Checkpoint
) -> None:
    with pytest.raises(BadOption, match=words):
        _run(checkpoint, replace(SAMPLING, **changes))


def test_the_size_is_the_asked_one(checkpoint: Checkpoint) -> None:
    latents = _run(checkpoint, replace(SAMPLING, width=24, height=8))
    assert latents.shape == (3, 4, 4, 12)


def _rows_seen(checkpoint: Checkpoint, guidance: float) -> set[int]:
    seen: set[int] = set()
    hook = checkpoint.unet.register_forward_pre_hook(lambda _unet, args: seen.add(len(args[0])))
    _run(checkpoint, replace(SAMPLING, guidance=guidance))
    hook.remove()
    return seen


def test_negative_rows_are_computed_only_where_they_count(checkpoint: Checkpoint) -> None:
    assert _rows_seen(checkpoint, 3.0) == {6}
    assert _rows_seen(checkpoint, 1.0) == {3}


def test_steps_are_told(checkpoint: Checkpoint) -> None:
    told: list[tuple[int, int]] = []
    _run(checkpoint, on_step=lambda done, steps, _: told.append((done, steps)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_cancelling_takes_effect_at_the_next_step(checkpoint: Checkpoint) -> None:
    told: list[int] = []
    with pytest.raises(RequestCancelled):
        _run(checkpoint, on_step=lambda done, *_: told.append(done), cancelled=lambda: 2 in told)
    assert told == [1, 2]
