"""Samples: what is shown of an adapter, and what is measured on it."""

import io

import numpy as np
import pytest
from PIL import Image

from engine.library.cards import read_card
from engine.library.controls import Control
from engine.library.samples import COUNT, Measured, sample_prompts
from engine.rendering.job import Batch, RenderedImage
from engine.rendering.safety import ImageGate
from engine.rendering.samples import SIDE, measure, show_samples
from tests.cards import card
from tests.samples import plan

OPEN = ImageGate(None, 0.5)
HARMLESS = Control(0.8, 1.0, 0.0, 1.0)


def noise(seed: int, share: float = 1.0) -> Image.Image:
    source = np.random.default_rng(seed).integers(0, 255, (32, 64, 3)) * share
    return Image.fromarray(source.astype(np.uint8))


def plain(colour: str) -> Image.Image:
    return Image.new("RGB", (64, 32), colour)


SAME = [noise(n) for n in range(COUNT)]


def test_nothing_changes_nothing() -> None:
    assert measure(SAME, SAME) == Measured(0.0, 1.0, 0.0, COUNT, 0)


def test_strength_evenness_and_colour() -> None:
    grey = [one.convert("L").convert("RGB") for one in SAME]
    measured = measure(grey, SAME)
    assert measured.strength > 0.1
    assert measured.evenness > 0.9
    assert measured.saturation > 0.3
    uneven = measure(SAME, [SAME[0], SAME[1], SAME[2], plain("white")])
    assert uneven.evenness < 0.5


@pytest.mark.parametrize("colour", ["black", "white", "red"])
def test_an_adapter_that_breaks_images_is_found(colour: str) -> None:
    measured = measure(SAME, [plain(colour)] * 2 + SAME[2:])
    assert (measured.broken, measured.breaks_images) == (2, True)
    assert not measure(SAME, [plain(colour), *SAME[1:]]).breaks_images
    assert measure(SAME, [None] * COUNT).broken == COUNT, "one that never comes out counts as well"
    assert measure([plain(colour)] * COUNT, [plain(colour)] * COUNT).broken == 0, "not its fault"


def batch(images: dict[int, Image.Image]) -> Batch:
    rendered = tuple(RenderedImage(plan(n), one, (), ()) for n, one in images.items())
    return Batch(rendered, (), 0.0, 0.0)


def test_the_sheet_has_both_rows_and_hides_what_must_not_be_shown() -> None:
    images = dict(enumerate([*SAME, *[plain("lime")] * COUNT]))
    del images[1]
    shown = show_samples(batch(images), COUNT, OPEN, HARMLESS)
    sheet = Image.open(io.BytesIO(shown.sheet)).convert("RGB")
    assert sheet.size == (COUNT * SIDE, SIDE)
    assert sheet.getpixel((SIDE + 5, 5)) == (128, 128, 128), "the missing one"
    assert sheet.getpixel((5, SIDE - 5)) == (0, 255, 0)
    assert not shown.unsafe
    last = ImageGate(lambda found: [0.0] * (len(found) - 1) + [1.0], 0.5)
    hidden = show_samples(batch(images), COUNT, last, HARMLESS)
    sheet = Image.open(io.BytesIO(hidden.sheet)).convert("RGB")
    assert sheet.getpixel((COUNT * SIDE - 5, SIDE - 5)) == (128, 128, 128)
    assert hidden.unsafe


def test_samples_show_what_the_card_shows() -> None:
    examples = ["a city <lora:neon:0.7>, night", "nude", " <lora:x:1> ", "rain"]
    asked = sample_prompts(read_card(card("a", "Neon", example_prompts=examples)))
    assert asked == ["a city , night", "rain", "a city , night", "rain"]
    plain_card = read_card(card("a", "Neon", trigger_words=["neonight", "glow"]))
    assert sample_prompts(plain_card) == ["neonight, Neon"] * COUNT
