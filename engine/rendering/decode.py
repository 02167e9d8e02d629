"""Latents as images, one at a time, so that memory is bounded and company changes nothing."""

import torch
from PIL import Image
from torch import Tensor

from engine.errors import RenderFailed
from engine.rendering.checkpoint import Checkpoint

#: An image whose brightest value is below this, of 255, is what a failed decoder gives.
_BLACK = 2


def decode_images(checkpoint: Checkpoint, latents: Tensor) -> list[Image.Image]:
    """The RGB image of each row of `latents`. Raises RenderFailed for broken ones."""
    return [_decode(checkpoint, latents[row : row + 1], row) for row in range(len(latents))]


def _decode(checkpoint: Checkpoint, latents: Tensor, row: int) -> Image.Image:
    if not bool(torch.isfinite(latents).all()):
        raise RenderFailed(
            f"Image {row} lost its numbers while it was denoised: lower the adapters' weights "
            "or the guidance."
        )
    pixels = _pixels(checkpoint.decode(latents))
    if pixels is None and checkpoint.dtype != torch.float32:
        pixels = _pixels(_decode_in_float32(checkpoint, latents))
    if pixels is None:
        raise RenderFailed(f"Image {row} came out black or broken: try another seed.")
    return Image.fromarray(pixels.numpy())


def _pixels(decoded: Tensor) -> Tensor | None:
    """Bytes (height, width, 3); None for numbers that are no picture."""
    if not bool(torch.isfinite(decoded).all()):
        return None
    scaled = (decoded[0].float() / 2 + 0.5).clamp(0, 1) * 255
    pixels = scaled.round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
    return None if int(pixels.max()) < _BLACK else pixels


def _decode_in_float32(checkpoint: Checkpoint, latents: Tensor) -> Tensor:
    with checkpoint.exact_vae():
        return checkpoint.decode(latents.float())
