"""What latents look like, fast: a linear map from a latent to the colour of its place.

The map is fitted to the checkpoint's own encoder, once, on patches of random colours; so it
needs no table of numbers for each kind of autoencoder. Where the settings name a tiny decoder
(https://github.com/madebyollin/taesd), that draws sharper ones.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint

#: Latents along a patch of one colour: encoders look some way around each.
_PATCH = 4
_PATCHES = 8
#: Pixels of a shown image's longer side.
SIDE = 160
_QUALITY = 80
_HIDDEN = (128, 128, 128)

#: Whether each image must be hidden.
Hides = Callable[[Sequence[Image.Image]], Sequence[bool]]


class Previewer:
    """Shows latents of one checkpoint. Call it from the thread that renders."""

    def __init__(self, checkpoint: Checkpoint, decoder: Any = None) -> None:
        """`decoder` is an AutoencoderTiny for latents as the checkpoint's UNet has them."""
        self._checkpoint = checkpoint
        self._decoder = decoder.to(checkpoint.device) if decoder is not None else None
        self._map: Tensor | None = None

    def show(self, latents: Tensor, hides: Hides | None = None) -> bytes:
        """A JPEG file with the images beside each other, of latents (images, channels, ...).

        `hides` says which of them nobody may see; those stay grey.
        """
        images = [self._image(one) for one in self._colours(latents)]
        hidden = hides(images) if hides else [False] * len(images)
        grey = Image.new("RGB", images[0].size, _HIDDEN)
        pairs = zip(images, hidden, strict=True)
        return _strip([grey if unfit else image for image, unfit in pairs])

    def _colours(self, latents: Tensor) -> Tensor:
        """(images, height, width, 3), 0 to 1."""
        if self._decoder is not None:
            scaled = latents.to(self._decoder.dtype) / self._decoder.config.scaling_factor
            pixels: Tensor = self._decoder.decode(scaled, return_dict=False)[0]
            return (pixels.float().movedim(1, -1) / 2 + 0.5).clamp(0, 1)
        if self._map is None:
            self._map = self._fit()
        cells = _with_one(latents.float().movedim(1, -1))
        return (cells @ self._map / 2 + 0.5).clamp(0, 1)

    def _fit(self) -> Tensor:
        """(channels + 1, 3): from a latent and 1 to the colour, -1 to 1."""
        place = self._checkpoint
        source = torch.Generator().manual_seed(0)
        colours = torch.rand(1, 3, _PATCHES, _PATCHES, generator=source) * 2 - 1
        cells = colours.repeat_interleave(_PATCH, 2).repeat_interleave(_PATCH, 3)
        unit = place.latent_pixels
        pixels = cells.repeat_interleave(unit, 2).repeat_interleave(unit, 3)
        latents = place.encode(pixels.to(place.device), source).float().cpu()
        known = _with_one(latents.movedim(1, -1)).flatten(0, 2)
        solution: Tensor = torch.linalg.lstsq(known, cells.movedim(1, -1).flatten(0, 2)).solution
        return solution.to(place.device)

    def _image(self, colours: Tensor) -> Image.Image:
        pixels = (colours * 255).round().to(torch.uint8).cpu().numpy()
        image = Image.fromarray(pixels)
        scale = SIDE / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        return image.resize(size, Image.Resampling.BICUBIC)


def _with_one(cells: Tensor) -> Tensor:
    """A last number 1 in every cell, which the constant part is multiplied with."""
    return torch.cat([cells, torch.ones_like(cells[..., :1])], -1)


def _strip(images: Sequence[Image.Image]) -> bytes:
    width = images[0].width
    strip = Image.new("RGB", (width * len(images), images[0].height))
    for number, image in enumerate(images):
        strip.paste(image, (number * width, 0))
    file = io.BytesIO()
    strip.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
