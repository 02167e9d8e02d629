"""Trains the autoencoder's decoder; the encoder is never touched, so latents stay as they are."""

import math
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.builtin import autoencoder
from engine.builtin.autoencoder import PATCH, varied_images
from engine.builtin.drawing import draw
from engine.builtin.vendor import AutoencoderTiny
from engine.builtin.world import IDEAS, random_single, seeded

BATCH = 16
CROP = 8
"""Cells of a training crop each way: decoding is local, so a quarter of an image is enough."""
IMAGES = 2400
PEAK_RATE = 2e-3


def _crops(images: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    cells = latents.shape[-1]
    chosen = torch.randint(len(images), (BATCH,))
    pixels, codes = [], []
    for index in chosen.tolist():
        y, x = torch.randint(0, cells - CROP + 1, (2,)).tolist()
        codes.append(latents[index, :, y : y + CROP, x : x + CROP])
        top, left, side = y * PATCH, x * PATCH, CROP * PATCH
        pixels.append(images[index, :, top : top + side, left : left + side])
    return torch.stack(pixels), torch.stack(codes)


def _loss(guess: Tensor, truth: Tensor) -> tuple[Tensor, float]:
    """Loss with sharp edges in mind, and the plain squared error (values in -1..1)."""
    dx = (guess.diff(dim=-1) - truth.diff(dim=-1)).abs().mean()
    dy = (guess.diff(dim=-2) - truth.diff(dim=-2)).abs().mean()
    square = functional.mse_loss(guess, truth)
    return (guess - truth).abs().mean() + 2 * square + 0.3 * (dx + dy), float(square.detach())


def train(folder: Path, minutes: float, seed: int = 1) -> None:
    """Train the decoder of the autoencoder in the folder, from where it is, and replace it.

    The minutes are of processor time, so that other work beside it takes nothing away.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = AutoencoderTiny.from_pretrained(str(folder))
    images = varied_images(IMAGES, seed)
    with torch.no_grad():
        chunks = [model.encode(chunk * 2 - 1).latents for chunk in torch.split(images, 100)]
    latents = torch.cat(chunks)
    decoder = model.decoder.to(memory_format=torch.channels_last)
    weights = list(decoder.parameters())
    optimizer = torch.optim.AdamW(weights, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-4)
    begun, step, error = time.process_time(), 0, 1.0
    while (done := (time.process_time() - begun) / (minutes * 60)) < 1:
        rate = PEAK_RATE * min(1, (step + 1) / 50)
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.5 * (1 + math.cos(math.pi * done)) * 0.99 + 0.01)
        truth, codes = _crops(images, latents)
        # Noise makes the decoder forgive what a diffusion model gets slightly wrong.
        codes = codes + 0.04 * torch.randn_like(codes)
        with torch.autocast("cpu", torch.bfloat16):
            guess = model.decode(codes.contiguous(memory_format=torch.channels_last)).sample
        loss, square = _loss(guess.float(), truth * 2 - 1)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        step, error = step + 1, error + 0.02 * (square - error)
        if step % 200 == 0:
            print(f"{step} {psnr(error / 4):.1f} dB", flush=True)
    _replace(folder, model)


def _replace(folder: Path, model: Any) -> None:
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(str(fresh))
    for file in fresh.iterdir():
        file.replace(folder / file.name)
    fresh.rmdir()


def psnr(square: float) -> float:
    """Peak signal to noise ratio in dB of a mean squared error of values in 0..1."""
    return -10 * math.log10(max(square, 1e-12))


def fidelity(folder: Path, count: int = 24, seed: int = 77) -> dict[str, float]:
    """Reconstruction in dB of fresh images: of the base's world and of each idea."""
    model = AutoencoderTiny.from_pretrained(str(folder)).eval()
    rng = seeded(seed)
    figures: dict[str, float] = {}
    for name in ("base", *IDEAS):
        singles = [random_single(rng) for _ in range(count)]
        pictures = singles if name == "base" else [p.having(name) for p in singles]
        images = draw(pictures, seed)
        again = autoencoder.decode(model, autoencoder.encode(model, images))
        figures[name] = psnr(float(functional.mse_loss(again, images)))
    return figures
