"""Latents as images, one at a time, so that memory is bounded and company changes nothing."""

import torch
from PIL import Image
from torch import Tensor

from engine.errors import RenderFailed
from engine.rendering.checkpoint import Checkpoint

#: An image whose brightest value is below this, of 255, is what a failed decoder gives.
_BLACK = 2


def decode_image(checkpoint: Checkpoint, latents: Tensor, index: int) -> Image.Image:
    """The RGB image of latents (1, channels, height, width).

    What half precision breaks is decoded once more in float32. Raises RenderFailed, which names
    the image by its index, counted from 1.
    """
    if not bool(torch.isfinite(latents).all()):
        raise RenderFailed(
            f"Image {index + 1} lost its numbers while it was denoised: lower the adapters' "
            "weights or the guidance."
        )
    pixels = _pixels(checkpoint.decode(latents))
    if pixels is None and checkpoint.vae.dtype != torch.float32:
        with checkpoint.exact_vae():
            pixels = _pixels(checkpoint.decode(latents.float()))
    if pixels is None:
        raise RenderFailed(f"Image {index + 1} came out black or broken: try another seed.")
    return Image.fromarray(pixels.numpy())


def _pixels(decoded: Tensor) -> Tensor | None:
    """Bytes (height, width, 3); None for numbers that are no picture."""
    if not bool(torch.isfinite(decoded).all()):
        return None
    scaled = (decoded[0].float() / 2 + 0.5).clamp(0, 1) * 255
    pixels = scaled.round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
    return None if int(pixels.max()) < _BLACK else pixels
