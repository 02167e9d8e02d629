"""Sample images of an adapter: the same images without and with it, and what was measured."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.library.controls import Control
from engine.library.samples import Measured, Shown
from engine.rendering.job import Batch, Job
from engine.rendering.safety import ImageGate
from engine.values import ImagePlan, PlannedAdapter, Sampling

#: Pixels of a sample's longer side on the sheet.
SIDE = 256
_GREY = (128, 128, 128)
#: An image whose brightness varies by less shows nothing (0 to 1).
_FLAT = 0.02
#: Share of pixels at an end of the range from which on an image is burnt.
_BURNT = 0.75

_Pixels = NDArray[np.float32]


def sample_job(
    prompts: Sequence[str],
    seed: int,
    rows: Sequence[PlannedAdapter | None],
    file: Path,
    sampling: Sampling,
) -> Job:
    """Returns the job: all prompts once for each row, with its adapter if it has one, on the same
    seeds in every row."""
    plans = [
        ImagePlan(n + row * len(prompts), seed + n, prompt, "", () if one is None else (one,))
        for row, one in enumerate(rows)
        for n, prompt in enumerate(prompts)
    ]
    return Job(sampling, plans, fetch=lambda _: file)


def show_samples(batch: Batch, count: int, gate: ImageGate, control: Control) -> Shown:
    """Returns the sheet of a finished `sample_job` of `count` prompts in two rows, without and with
    the adapter, and what it tells.

    Raises `RenderFailed` where nobody can look at the images.
    """
    images = {one.index: one.image for one in batch.images}
    found = [images.get(n) for n in range(2 * count)]
    hidden = _hidden(found, gate)
    tiles = [None if unfit else one for one, unfit in zip(found, hidden, strict=True)]
    without, with_it = found[:count], found[count:]
    measured = measure(without, with_it)
    return Shown(_sheet(tiles, count), measured, control, any(hidden[count:]))


def _hidden(found: Sequence[Image.Image | None], gate: ImageGate) -> list[bool]:
    looked = iter(gate.look([one for one in found if one is not None]))
    return [one is not None and gate.withholds(next(looked)) for one in found]


def _sheet(tiles: Sequence[Image.Image | None], columns: int) -> bytes:
    size = next((tile.size for tile in tiles if tile is not None), (SIDE, SIDE))
    scale = SIDE / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    sheet = Image.new("RGB", (columns * width, 2 * height), _GREY)
    for number, tile in enumerate(tiles):
        if tile is not None:
            place = (number % columns * width, number // columns * height)
            sheet.paste(tile.resize((width, height), Image.Resampling.LANCZOS), place)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def measure(
    without: Sequence[Image.Image | None], with_it: Sequence[Image.Image | None]
) -> Measured:
    """Returns what changes between two rows of images; None stands for one that failed."""
    pairs = [(_pixels(a), _pixels(b)) for a, b in zip(without, with_it, strict=True) if a and b]
    moved = [float(np.abs(a - b).mean()) for a, b in pairs]
    strength = float(np.mean(moved)) if moved else 0.0
    spread = float(np.std(moved)) / strength if strength else 0.0
    gains = [_saturation(b) - _saturation(a) for a, b in pairs]
    broken = sum(
        after is None or (_is_broken(_pixels(after)) and not _was_broken(before))
        for before, after in zip(without, with_it, strict=True)
    )
    return Measured(
        strength=strength,
        evenness=max(0.0, 1 - spread),
        saturation=float(np.mean(gains)) if gains else 0.0,
        images=len(with_it),
        broken=broken,
    )


def _pixels(image: Image.Image) -> _Pixels:
    return np.asarray(image.convert("RGB"), dtype=np.float32) / np.float32(255)


def _saturation(pixels: _Pixels) -> float:
    return float((pixels.max(-1) - pixels.min(-1)).mean())


def _was_broken(image: Image.Image | None) -> bool:
    return image is None or _is_broken(_pixels(image))


def _is_broken(pixels: _Pixels) -> bool:
    """Flat in all channels, or most pixels are all black or fully burnt in some channel."""
    flat = float(pixels.std(axis=(0, 1)).max()) < _FLAT
    ends = ((pixels <= 1 / 255) | (pixels >= 254 / 255)).all(-1).mean()
    return flat or float(ends) > _BURNT
