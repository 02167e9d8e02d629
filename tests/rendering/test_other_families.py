"""A family without a UNet is rendered by diffusers' own pipeline, with its own adapters."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import CLIPTextModelWithProjection

from engine.checkpoints import CheckpointSource
from engine.errors import BadLora, BadOption, CheckpointUnavailable, RequestCancelled, StylusError
from engine.rendering.job import Batch, Job
from engine.rendering.pool import Limits, Pool
from engine.values import ImagePlan, PlannedAdapter, Sampling

from .toys import plan, save, text_config, vae, words_of

SAMPLING = Sampling(
    "three", width=16, height=16, scheduler="FlowMatchEulerDiscrete", steps=3, guidance=3.0
)
LIMITS = Limits(adapters=2**20, slots=2**20, checkpoints=2**30, images=4)
LAYER = "transformer.transformer_blocks.0.attn.to_q"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion 3 without its third text encoder, with random weights."""
    path = tmp_path_factory.mktemp("three")
    torch.manual_seed(0)
    words = words_of(path / "words")
    pipeline: Any = StableDiffusion3Pipeline
    encoder: Any = CLIPTextModelWithProjection
    denoiser: Any = SD3Transformer2DModel
    pictures = vae()
    pictures.register_to_config(shift_factor=0.0)
    scheduler: Any = FlowMatchEulerDiscreteScheduler
    pipeline(
        transformer=denoiser(
            sample_size=8,
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=32,
            caption_projection_dim=32,
            pooled_projection_dim=32,
        ),
        scheduler=scheduler(),
        vae=pictures,
        text_encoder=encoder(text_config(words, 16)),
        tokenizer=words,
        text_encoder_2=encoder(text_config(words, 16)),
        tokenizer_2=words,
        text_encoder_3=None,
        tokenizer_3=None,
    ).save_pretrained(path / "model")
    return path / "model"


@pytest.fixture
def pool(folder: Path) -> Pool:
    return Pool([CheckpointSource("three", str(folder), "cpu", "float32")], LIMITS)


@pytest.fixture
def ink(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    return save(
        tmp_path / "ink.safetensors",
        {
            f"{LAYER}.lora_A.weight": torch.randn(4, 32),
            f"{LAYER}.lora_B.weight": torch.randn(32, 4),
        },
    )


def job(file: Path, *plans: ImagePlan, sampling: Sampling = SAMPLING, **more: Any) -> Job:
    def fetch(_adapter: PlannedAdapter) -> Path:
        return file

    return Job(sampling, plans, fetch, **more)


def batch(pool: Pool, one: Job) -> Batch:
    (outcome,) = pool.render([one])
    assert isinstance(outcome, Batch), outcome
    return outcome


def refused(pool: Pool, one: Job) -> StylusError:
    (outcome,) = pool.render([one])
    assert isinstance(outcome, StylusError), outcome
    return outcome


def pixels(made: Batch) -> list[np.ndarray]:
    return [np.asarray(one.image).astype(int) for one in made.images]


def test_images_are_those_of_diffusers_with_peft(pool: Pool, folder: Path, ink: Path) -> None:
    made = batch(pool, job(ink, plan(0, {"ink": 0.7}, "a fox"), plan(1, {}, "a cat", "red")))
    kind: Any = StableDiffusion3Pipeline
    pipeline = kind.from_pretrained(folder, text_encoder_3=None, tokenizer_3=None)
    options: dict[str, Any] = {
        "width": 16, "height": 16, "num_inference_steps": 3, "guidance_scale": 3.0,
    }  # fmt: skip
    seed = torch.Generator().manual_seed
    plain = pipeline("a cat", negative_prompt="red", generator=seed(101), **options).images[0]
    pipeline.load_lora_weights(str(ink.parent), weight_name=ink.name, adapter_name="ink")
    pipeline.set_adapters(["ink"], [0.7])
    inked = pipeline("a fox", negative_prompt="", generator=seed(100), **options).images[0]
    for got, wanted in zip(pixels(made), (inked, plain), strict=True):
        assert np.abs(got - np.asarray(wanted).astype(int)).max() <= 1
    (loaded,) = made.images[0].loaded
    assert (loaded.adapter_id, loaded.weight, loaded.layers) == ("ink", 0.7, 1)
    assert not made.images[1].loaded


def test_adapters_show_and_leave_nothing_behind(pool: Pool, ink: Path) -> None:
    before, inked, after = (
        pixels(batch(pool, job(ink, plan(0, weights))))[0] for weights in ({}, {"ink": 1.5}, {})
    )
    assert np.abs(before - inked).max() > 2
    assert np.array_equal(before, after)
    assert pool.is_warm(job(ink, plan(0, {})))
    assert not pool.is_warm(job(ink, plan(0, {"ink": 1.5})))


@pytest.mark.parametrize("keys", [{f"{LAYER}.lora_A.weight": (4, 32)}, {"nothing": (2, 2)}])
def test_an_adapter_that_does_not_fit_is_skipped_with_a_sentence(
    keys: dict[str, tuple[int, ...]], pool: Pool, tmp_path: Path
) -> None:
    file = save(
        tmp_path / "odd.safetensors", {key: torch.ones(*size) for key, size in keys.items()}
    )
    made = batch(pool, job(file, plan(0, {"odd": 1.0})))
    (skipped,) = made.images[0].skipped
    assert skipped.reason == (
        "“odd” does not fit checkpoint “three” (sd3): choose a LoRA made for it."
    )
    with pytest.raises(BadLora, match="does not fit"):
        pool.examine(file, "odd")


def test_an_adapter_with_keys_beside_its_own_is_refused(pool: Pool, ink: Path) -> None:
    sha256, family = pool.examine(ink, "ink")
    assert (len(sha256), family) == (64, "sd3")
    more = {
        f"{LAYER}.lora_A.weight": torch.ones(4, 32),
        f"{LAYER}.lora_B.weight": torch.ones(32, 4),
        "transformer.elsewhere.to_q.lora_A.weight": torch.ones(4, 32),
        "transformer.elsewhere.to_q.lora_B.weight": torch.ones(32, 4),
    }
    with pytest.raises(BadLora, match="does not fit"):
        pool.examine(save(ink.with_name("more.safetensors"), more), "more")


def test_steps_are_told_and_cancelling_takes_effect_within_one(pool: Pool, ink: Path) -> None:
    told: list[tuple[int, int]] = []
    plans = (plan(0, {}), plan(1, {}))
    batch(pool, job(ink, *plans, on_step=lambda *step: told.append(step)))
    assert told == [(n, 6) for n in range(1, 7)]
    told.clear()
    stopped = job(
        ink, *plans, on_step=lambda *step: told.append(step), cancelled=lambda: len(told) == 4
    )
    assert isinstance(refused(pool, stopped), RequestCancelled)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: replace(s, scheduler="DDIM"), "scheduler of its own, FlowMatchEulerDiscrete"),
        (lambda s: replace(s, draft=True), "has no drafts"),
        (lambda s: replace(s, width=17), "cannot render this"),
    ],
)
def test_what_it_cannot_do_gets_a_sentence(
    change: Callable[[Sampling], Sampling], says: str, pool: Pool, ink: Path
) -> None:
    error = refused(pool, job(ink, plan(0, {}), sampling=change(SAMPLING)))
    assert isinstance(error, BadOption)
    assert says in str(error)


def test_a_folder_with_a_part_missing_is_told(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    (broken / "model_index.json").write_text((folder / "model_index.json").read_text())
    pool = Pool([CheckpointSource("three", str(broken), "cpu", "float32")], LIMITS)
    with pytest.raises(CheckpointUnavailable, match="“three” cannot be loaded"):
        pool.model("three")
