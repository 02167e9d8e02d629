"""The weight at which an adapter does no harm, on the built-in checkpoint and its troublemakers."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
import torch
from PIL import Image

from engine import builtin
from engine.builtin.drawing import draw as drawn
from engine.builtin.sheet import image_of
from engine.builtin.world import Picture, Thing
from engine.library.controls import Control, control_prompts
from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.controls import Drawn, burnt_share, find_steady
from engine.rendering.job import Batch
from engine.rendering.recognition import recognise
from engine.rendering.renderer import Renderer
from engine.rendering.samples import sample_job
from engine.values import PlannedAdapter, Sampling

from .toys import SAMPLING as TOY_SAMPLING

SAMPLING = Sampling("builtin", 128, 128, "DDIM", 12, 3.0)
PROMPTS = control_prompts("stylus-small")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(load_checkpoint("builtin", str(builtin.CHECKPOINT), "cpu"))


def steady(renderer: Renderer, slug: str, weight: float) -> Control:
    """What is found out about an adapter of the shelf."""
    file = builtin.LORAS / f"{slug}.safetensors"

    def draw(prompts: Sequence[str], adapter: PlannedAdapter | None) -> Drawn:
        job = sample_job(prompts, 1, [adapter], file, SAMPLING)
        (outcome,) = renderer.render([job])
        assert isinstance(outcome, Batch)
        return Drawn(job, outcome)

    planned = PlannedAdapter(slug, slug, None, None, weight)
    return find_steady(planned, PROMPTS, draw, renderer.recognise)


def test_a_style_that_changes_every_picture_keeps_its_weight(renderer: Renderer) -> None:
    found = steady(renderer, "blueprint-room", 1.0)
    assert (found.weight, found.part, found.harmless) == (1.0, 1.0, True)
    assert found.kept is not None
    assert found.kept > 0.8


@pytest.mark.parametrize(("slug", "weight"), [("saturation-bomb", 0.9), ("flower-power", 1.0)])
def test_one_that_burns_or_swallows_is_used_at_less(
    renderer: Renderer, slug: str, weight: float
) -> None:
    found = steady(renderer, slug, weight)
    assert found.harmless
    assert found.part < 1
    assert found.weight == pytest.approx(weight * found.part)


def test_what_does_harm_at_any_weight_says_so() -> None:
    def draw(prompts: Sequence[str], adapter: PlannedAdapter | None) -> Drawn:
        job = sample_job(prompts, 1, [adapter], builtin.CARDS, SAMPLING)
        return Drawn(job, Batch((), (), 0.0, 0.0))

    def recognise(*_: object) -> None:
        return None

    found = find_steady(PlannedAdapter("a", "A", None, None, 0.8), PROMPTS, draw, recognise)
    assert (found.part, found.harmless) == (0.125, False), "nothing came out at all"
    assert Control(0.8, 1.0, 0.0, None).harmless, "where nobody can tell, burning decides"
    assert not Control(0.8, 1.0, 0.0, 0.5).harmless
    assert not Control(0.8, 1.0, 0.5, None).harmless


@torch.inference_mode()
def test_the_checkpoint_knows_drawings_that_it_never_drew(renderer: Renderer) -> None:
    shapes = [prompt.split()[2] for prompt in PROMPTS.things]
    pictures = [Picture((Thing(shape, "orange"),), "gray") for shape in shapes]
    images = [image_of(pixels) for pixels in drawn(pictures, seed=3)]
    found = recognise(renderer._checkpoint, images, PROMPTS.things, SAMPLING)
    right = sum(one == number for number, one in enumerate(found))
    assert right >= len(shapes) - 1


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_each_image_is_looked_at_by_itself(checkpoint: Checkpoint, kind: str) -> None:
    config = checkpoint.scheduler_config | {"prediction_type": kind}
    asked = replace(checkpoint, scheduler_config=config)
    images = [Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "white")]
    look = partial(recognise, asked, prompts=("a fox", "a cat", "rain"), size=TOY_SAMPLING)
    together = look(images)
    assert together == [look([image])[0] for image in images]


def test_a_colour_burns_when_one_of_its_channels_clips() -> None:
    plain = [Image.new("RGB", (4, 4), c) for c in ("white", "black", (9, 128, 240), (0, 90, 120))]
    assert burnt_share(plain) == 0
    clipped = [Image.new("RGB", (4, 4), colour) for colour in ((0, 128, 240), (255, 90, 10))]
    assert burnt_share([*clipped, *plain]) == pytest.approx(1 / 3)
