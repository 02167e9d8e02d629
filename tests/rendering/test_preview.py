"""Previews look like the images, and cost a small part of a step."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from torch import Tensor

from engine import builtin
from engine.checkpoints import CheckpointSource
from engine.errors import CheckpointUnavailable
from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.decode import decode_image
from engine.rendering.pool import Limits, Pool
from engine.rendering.preview import SIDE, Previewer
from engine.values import Sampling

from .toys import latents_of, plan

PLANS = (plan(0, {}, "a red circle on a blue background"), plan(1, {}, "a yellow square"))


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return load_checkpoint("builtin", str(builtin.CHECKPOINT), "cpu")


@pytest.fixture(scope="module")
def latents(small: Checkpoint) -> Tensor:
    return latents_of(small, PLANS, {}, Sampling("builtin", 128, 64, "DDIM", 6, 4.0))


def test_images_are_beside_each_other_in_their_shape(small: Checkpoint, latents: Tensor) -> None:
    with torch.inference_mode():
        shown = Image.open(io.BytesIO(Previewer(small).show(latents)))
    assert (shown.format, shown.size) == ("JPEG", (2 * SIDE, SIDE // 2))


def test_colours_are_those_of_the_finished_images(small: Checkpoint, latents: Tensor) -> None:
    with torch.inference_mode():
        shown = Image.open(io.BytesIO(Previewer(small).show(latents)))
        finished = [decode_image(small, latents[n : n + 1], n) for n in range(2)]
    strip = Image.new("RGB", (256, 64))
    for number, image in enumerate(finished):
        strip.paste(image, (number * 128, 0))
    size = (32, 8)
    ours, theirs = (np.asarray(one.resize(size), dtype=float) for one in (shown, strip))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9


def test_a_tiny_decoder_draws_what_it_was_given(model_folder: Path, tmp_path: Path) -> None:
    tiny: Any = AutoencoderTiny
    widths = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    counts = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    torch.manual_seed(0)
    decoder = tiny(**widths, **counts, upsampling_scaling_factor=2).eval()
    decoder.save_pretrained(tmp_path / "tiny")
    sources = [CheckpointSource("toy", str(model_folder), "cpu", "float32")]
    limits = Limits(adapters=2**20, slots=2**20, checkpoints=2**30, images=4)
    latents = torch.randn(1, 4, SIDE // 2, SIDE // 2, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        previewer = Pool(sources, limits, decoders={"toy": str(tmp_path / "tiny")}).model("toy")
        assert previewer.previewer
        shown = Image.open(io.BytesIO(previewer.previewer.show(latents)))
        pixels = (decoder.decode(latents).sample[0].movedim(0, -1) / 2 + 0.5).clamp(0, 1)
    assert shown.size == (SIDE, SIDE)
    assert np.abs(np.asarray(shown, dtype=float) / 255 - pixels.numpy()).mean() < 0.05
    gone = Pool(sources, limits, decoders={"toy": str(tmp_path / "none")})
    with pytest.raises(CheckpointUnavailable, match=r"preview decoder of checkpoint “toy”.*none"):
        gone.model("toy")


def test_any_autoencoder_will_do(checkpoint: Checkpoint) -> None:
    with torch.inference_mode():
        shown = Previewer(checkpoint).show(torch.randn(3, 4, 8, 8))
    assert Image.open(io.BytesIO(shown)).size == (3 * SIDE, SIDE)
