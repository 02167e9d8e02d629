"""The autoencoder: an analytic encoder (principal components of patches) and a trained decoder.

Eight by eight pixels become one latent cell. The encoder's convolutions only regroup pixels and
project them, so latents can be used before the decoder has been trained at all.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from engine.builtin.drawing import draw
from engine.builtin.vendor import AutoencoderTiny
from engine.builtin.world import IDEAS, SHAPES, kind_of, random_picture, random_single, seeded

PATCH = 8
"""Pixels of an image per latent cell, each way."""
CHANNELS = 12
LEADING = 3
"""Channels that carry a patch's mean colour; finer ones have less of the variance."""
LATENT_STD = 0.8
"""Deviation of raw leading latents; AutoencoderTiny's decoder bends values beyond 3."""
WIDTH = 48
DECODER = 32


def varied_images(count: int, seed: int) -> Tensor:
    """Images for the autoencoder: half base pictures, half with one or two ideas."""
    rng = seeded(seed)
    pictures = []
    for index in range(count):
        picture = random_picture(rng, SHAPES)
        if index % 2:
            picture = random_single(rng, SHAPES)
            for idea in rng.sample(IDEAS, rng.choice((1, 1, 2))):
                picture = picture.having(idea) if kind_of(idea) != "shape" else picture
        pictures.append(picture)
    return draw(pictures, seed)


def patches(images: Tensor) -> Tensor:
    """Pixels regrouped to (n, 3 * PATCH * PATCH, h, w), as the encoder's convolutions do it."""
    for _ in range(int(math.log2(PATCH))):
        images = torch.cat([images[..., a::2, b::2] for a in (0, 1) for b in (0, 1)], 1)
    return images


def principal(images: Tensor, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Projection (channels, 192) and bias of the patches, and all variances, largest first.

    Pixels are taken in 0..1, as AutoencoderTiny gives them to its encoder's layers.
    """
    flat = patches(images).permute(0, 2, 3, 1).reshape(-1, 3 * PATCH * PATCH)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    # Fine details get more than their natural share, so that the diffusion model learns them.
    scale = (values[:channels] / values[0]).sqrt() ** 0.6 * values[0].sqrt()
    weight = (vectors[:, :channels] / scale).T
    return weight, -weight @ mean, values


def _wire_encoder(layers: Any, weight: Tensor, bias: Tensor) -> None:
    """Write the projection of patches into the encoder's convolutions."""
    for layer in layers:
        layer.weight.zero_()
    for colour in range(3):
        layers[0].weight[colour, colour, 1, 1] = 1
    layers[0].bias.zero_()
    for stage, width in ((1, 3), (2, 12)):
        for target in range(4 * width):
            place, channel = divmod(target, width)
            layers[stage].weight[target, channel, 1 + place // 2, 1 + place % 2] = 1
    # The last regrouping and the projection are one linear map: 4 places of 48 channels each.
    for place in range(4):
        part = weight[:, place * WIDTH : (place + 1) * WIDTH]
        layers[3].weight[: len(weight), :, 1 + place // 2, 1 + place % 2] = part
    for channel in range(len(weight)):
        layers[4].weight[channel, channel, 1, 1] = 1
    layers[4].bias.copy_(bias)


def _start_decoder(decoder: nn.Module) -> None:
    """Initial weights from which the decoder trains well (the default gets stuck)."""
    for name, layer in decoder.named_modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(
                layer.weight, nonlinearity="relu" if ".conv." in name else "linear"
            )
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            if name.endswith("conv.4"):
                layer.weight.data *= 0.2


def build(seed: int = 0) -> Any:
    """An autoencoder with a finished encoder and an untrained decoder."""
    torch.manual_seed(seed)
    images = varied_images(600, seed + 5)
    weight, bias, _ = principal(images, CHANNELS)
    model = AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 4,
        decoder_block_out_channels=(DECODER,) * 4,
        num_encoder_blocks=(0, 0, 0, 0),
        num_decoder_blocks=(3, 2, 1, 0),
        latent_channels=CHANNELS,
        act_fn="silu",
    )
    with torch.no_grad():
        _wire_encoder(model.encoder.layers, weight, bias)
        std = float(model.encode(images * 2 - 1).latents[:, :LEADING].std())
        factor = LATENT_STD / std
        model.encoder.layers[4].weight.mul_(factor)
        model.encoder.layers[4].bias.mul_(factor)
    model.register_to_config(scaling_factor=1 / LATENT_STD)
    _start_decoder(model.decoder)
    return model


def encode(model: Any, images: Tensor) -> Tensor:
    """Latents (n, CHANNELS, h/8, w/8) of images in 0..1: mean 0, LEADING of deviation 1."""
    # The encoder is one linear map of each patch: probing it costs less than an image does.
    inputs = 3 * PATCH * PATCH
    probes = torch.cat([torch.zeros(1, inputs), torch.eye(inputs)]).view(-1, 3, PATCH, PATCH)
    with torch.no_grad():
        answers = model.encode(probes).latents.flatten(1)
    kernel = (answers[1:] - answers[0]).T.reshape(-1, 3, PATCH, PATCH)
    codes = torch.nn.functional.conv2d(images * 2 - 1, kernel, answers[0], stride=PATCH)
    return codes * float(model.config.scaling_factor)


def decode(model: Any, latents: Tensor) -> Tensor:
    """Images in 0..1 of latents as `encode` gives them."""
    codes = latents / float(model.config.scaling_factor)
    with torch.no_grad():
        parts = [model.decode(chunk).sample for chunk in torch.split(codes, 64)]
    return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)
