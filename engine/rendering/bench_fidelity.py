"""`stylus bench fidelity`: images of one batch beside those of diffusers with PEFT, one at a time.

Four images, each with its own adapters, from the same noise: in float32, where both must agree,
and in half precision, where both round, each at other places. How much that is worth is seen beside
what half precision changes of diffusers' own images. The pictures go into one sheet, for the eye.
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from engine.checkpoints import CheckpointSource
from engine.operations.figures import Figure
from engine.rendering.adapters import Use, applied
from engine.rendering.bench_masks import MASKS, PROMPT, WEIGHT
from engine.rendering.checkpoint import Checkpoint, device_of, load_checkpoint
from engine.rendering.decode import decode_image
from engine.rendering.denoise import denoise
from engine.rendering.latents import generators_of, noise_of
from engine.rendering.layers import layers_of
from engine.rendering.lora_file import read_lora
from engine.rendering.memory import mapped, release
from engine.rendering.random_loras import three_adapters
from engine.rendering.reference import reference_of
from engine.values import ImagePlan, Sampling

EXACT = "float32"
#: Largest difference of a latent in float32.
GOAL = 1e-4
#: Of what half precision changes of diffusers' images; two that round apart may differ by both.
ROUNDING = 1.5
#: Pixels of a picture's side, and of what is written above a row of them, in the sheet.
_SIDE, _LINE = 128, 18


@dataclass(frozen=True, slots=True)
class Drawn:
    """The images of one way: latents (images, channels, height, width) and RGB pictures."""

    latents: Tensor
    pictures: Sequence[Image.Image]


def measure(
    source: CheckpointSource, sampling: Sampling, sheet: Path | None, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns how far the images lie apart, of 255, and writes the sheet where one is named.

    Raises Unavailable where PEFT is not installed, and OutOfMemory.
    """
    half = "float16" if device_of(source.device).type == "cuda" else "bfloat16"
    ours: dict[str, Drawn] = {}
    theirs: dict[str, Drawn] = {}
    files: list[Path] = []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), mapped():
        for precision in (EXACT, half):
            checkpoint = load_checkpoint(*source._replace(precision=precision))
            files = files or three_adapters(checkpoint, layers_of(checkpoint), Path(folder))
            ours[precision] = draw(checkpoint, sampling, files)
            theirs[precision] = draw_alone(checkpoint, sampling, files)
            del checkpoint
            release()
            tell(precision)
    if sheet is not None:
        rows = {f"{p}, diffusers with PEFT": theirs[p].pictures for p in theirs}
        rows |= {f"{p}, in one batch": ours[p].pictures for p in ours}
        compose_sheet(rows).save(sheet)
    return _figures(ours, theirs, half)


def draw(checkpoint: Checkpoint, sampling: Sampling, files: Sequence[Path]) -> Drawn:
    """All images in one batch, by the renderer."""
    layers = layers_of(checkpoint)
    loras = [read_lora(file, layers, file.name) for file in files]
    uses = [[Use(loras[n], WEIGHT) for n in mask] for mask in MASKS]
    plans = [ImagePlan(n, n, PROMPT, "", ()) for n in range(len(MASKS))]
    with applied(layers, uses):
        latents = denoise(checkpoint, sampling, plans, lambda *_: None, lambda: False)
    pictures = [decode_image(checkpoint, one[None], n) for n, one in enumerate(latents)]
    return Drawn(latents.float().cpu(), pictures)


def draw_alone(checkpoint: Checkpoint, sampling: Sampling, files: Sequence[Path]) -> Drawn:
    """One image after the other, by diffusers with PEFT."""
    pipeline = reference_of(checkpoint, files)
    unit = checkpoint.latent_pixels
    size = checkpoint.latent_channels, sampling.height // unit, sampling.width // unit
    # diffusers draws other noise for a seed in half precision; the pictures would be others.
    noise = noise_of(generators_of(range(len(MASKS))), *size)
    latents: list[Tensor] = []
    pictures = []
    for mask, own in zip(MASKS, noise, strict=True):
        seen: list[Tensor] = []

        def see(
            _pipe: Any, _step: int, _time: Any, told: dict[str, Any], seen: list[Tensor] = seen
        ) -> dict[str, Any]:
            seen.append(told["latents"])
            return told

        pipeline.set_adapters([f"a{n}" for n in mask], [WEIGHT] * len(mask))
        made = pipeline(
            PROMPT,
            width=sampling.width,
            height=sampling.height,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance,
            latents=own[None].to(checkpoint.device, checkpoint.dtype),
            callback_on_step_end=see,
        )
        latents.append(seen[-1].float().cpu())
        pictures.append(made.images[0])
    return Drawn(torch.cat(latents), pictures)


def apart(some: Sequence[Image.Image], others: Sequence[Image.Image]) -> float:
    """Mean difference of two rows of pictures, of 255."""
    pairs = zip(some, others, strict=True)
    pixels = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs]
    return float(np.mean([np.abs(a - b).mean() for a, b in pixels]))


def peak_ratio(some: Sequence[Image.Image], others: Sequence[Image.Image]) -> float:
    """Peak signal-to-noise ratio in decibels, of the worst pair; infinite where all are equal."""
    pairs = zip(some, others, strict=True)
    pixels = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs]
    worst = max(float(np.square(a - b).mean()) for a, b in pixels)
    return math.inf if worst == 0 else 10 * math.log10(255**2 / worst)


def _figures(ours: Mapping[str, Drawn], theirs: Mapping[str, Drawn], half: str) -> list[Figure]:
    gap = float((ours[EXACT].latents - theirs[EXACT].latents).abs().max())
    figures = [Figure(f"largest difference of a latent in {EXACT}", gap, "", GOAL)]
    rounding = ROUNDING * apart(theirs[half].pictures, theirs[EXACT].pictures)
    pairs = {
        f"in {EXACT}, ours against PEFT": (ours[EXACT], theirs[EXACT]),
        f"in {half}, ours against PEFT": (ours[half], theirs[half]),
        f"PEFT in {half} against {EXACT}": (theirs[half], theirs[EXACT]),
        f"ours in {half} against PEFT in {EXACT}": (ours[half], theirs[EXACT]),
    }
    for name, (one, other) in pairs.items():
        figures += [
            Figure(
                f"pixels {name}",
                apart(one.pictures, other.pictures),
                "of 255",
                rounding if one is ours[half] else None,
            ),
            Figure("... worst image", peak_ratio(one.pictures, other.pictures), "dB"),
        ]
    return figures


def compose_sheet(rows: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """One picture with a named row for each way."""
    width = _SIDE * max(map(len, rows.values()))
    sheet = Image.new("RGB", (width, (_SIDE + _LINE) * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (name, pictures) in enumerate(rows.items()):
        top = place * (_SIDE + _LINE)
        pen.text((4, top + 3), name, fill="black")
        for column, picture in enumerate(pictures):
            sheet.paste(picture.resize((_SIDE, _SIDE)), (column * _SIDE, top + _LINE))
    return sheet
