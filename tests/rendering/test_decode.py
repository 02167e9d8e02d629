"""Latents become images, and pictures latents; what breaks is tried once more in float32."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import RenderFailed
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.decode import decode_image

from .toys import vae

LATENTS = torch.randn((2, 4, 8, 8), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def own(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """The toy with an autoencoder of its own, to break."""
    torch.manual_seed(3)
    with torch.inference_mode():
        yield replace(checkpoint, vae=vae().eval())


def test_images_are_the_decoders(own: Checkpoint) -> None:
    image = decode_image(own, LATENTS[1:], 1)
    assert image.size == (16, 16)
    pixels = np.asarray(image, dtype=np.float32)
    decoded = own.vae.decode(LATENTS[1:] / own.vae.config.scaling_factor).sample[0]
    expected = ((decoded / 2 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    assert np.abs(pixels - expected).max() <= 0.5 + 1e-3
    assert pixels.std() > 0


def test_latents_that_are_no_numbers(own: Checkpoint) -> None:
    broken = LATENTS[:1].clone()
    broken[0, 0, 0, 0] = float("nan")
    with pytest.raises(RenderFailed, match="Image 4 lost its numbers"):
        decode_image(own, broken, 3)


def test_a_black_image(own: Checkpoint) -> None:
    own.vae.decoder.conv_out.bias.fill_(-100.0)
    with pytest.raises(RenderFailed, match="Image 1 came out black"):
        decode_image(own, LATENTS[:1], 0)


def test_an_autoencoder_that_gives_no_numbers(own: Checkpoint) -> None:
    own.vae.decoder.conv_out.bias.fill_(float("inf"))
    with pytest.raises(RenderFailed, match="Image 1 came out black or broken"):
        decode_image(own, LATENTS[:1], 0)


def test_half_precision_that_overflows_is_decoded_in_float32(own: Checkpoint) -> None:
    # Within the numbers of float16, yet sums of products are not; group norms scale it back.
    own.vae.decoder.conv_in.weight.mul_(20_000.0)
    half = replace(own, vae=own.vae.to(torch.float16), dtype=torch.float16)
    assert not half.decode(LATENTS.half()).isfinite().all()
    image = decode_image(half, LATENTS[:1].half(), 0)
    assert np.asarray(image).std() > 0
    assert half.vae.dtype == torch.float16


def test_pictures_that_overflow_half_precision_are_encoded_in_float32(own: Checkpoint) -> None:
    own.vae.encoder.conv_in.weight.mul_(200_000.0)
    pixels = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(2)) * 2 - 1
    exact = own.encode(pixels, torch.Generator().manual_seed(1))
    half = replace(own, vae=own.vae.to(torch.float16), dtype=torch.float16)
    assert not half.vae.encode(pixels.half()).latent_dist.mean.isfinite().all()
    latents = half.encode(pixels, torch.Generator().manual_seed(1))
    assert latents.dtype == half.vae.dtype == torch.float16
    assert (latents - exact).abs().max() < 0.05
