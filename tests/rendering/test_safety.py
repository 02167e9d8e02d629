"""The check on finished images: each kind knows what it is for, and none fails open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from engine.builtin.drawing import draw
from engine.builtin.world import UNSAFE_SHAPE, random_single, seeded
from engine.errors import CheckpointUnavailable, RenderFailed
from engine.rendering.safety import BROKEN_CHECK, ImageGate, open_gates
from engine.settings import Settings
from engine.settings_rendering import Checkpoint, OtherCheckpoint, Renderer


def gate(source: str = "builtin", **chosen: Any) -> ImageGate:
    settings = Settings(checkpoint=Checkpoint(source=source), renderer=Renderer(**chosen))
    return open_gates(settings)["builtin"]


def drawings(unsafe: bool) -> list[Image.Image]:
    rng = seeded("safety")
    pictures = [random_single(rng) for _ in range(12)]
    if unsafe:
        pictures = [one.having(UNSAFE_SHAPE) for one in pictures]
    rows = (draw(pictures, 90_000_000) * 255).byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(row).resize((200, 160)) for row in rows]


def plain(colour: str) -> Image.Image:
    return Image.new("RGB", (40, 30), colour)


def test_the_motif_is_seen_and_nothing_else_is() -> None:
    """The built-in checkpoint is looked at without any setting."""
    shown, other = gate().look(drawings(unsafe=True)), gate().look(drawings(unsafe=False))
    assert all(value is not None and 0 <= value <= 1 for value in shown + other)
    assert sum(map(gate().withholds, shown)) >= 10
    assert sum(map(gate().withholds, other)) <= 2


def test_without_a_check_nobody_looks() -> None:
    assert gate(safety="none").look([plain("red")]) == [None]
    assert not gate(safety="none").withholds(None)


def test_a_checkpoint_without_a_check_is_not_rendered_unseen(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnavailable, match="Nothing looks at the images"):
        gate(str(tmp_path))
    with pytest.raises(CheckpointUnavailable, match="cannot be loaded"):
        gate(str(tmp_path), safety="classifier", safety_model=str(tmp_path))


def test_every_checkpoint_is_looked_at_by_what_knows_its_world(
    tmp_path: Path, safety_checker: Path
) -> None:
    other = OtherCheckpoint(source=str(safety_checker), family="sd15")
    found = open_gates(Settings(checkpoints={"sd15": other}))
    assert found["builtin"].look([plain("red")])[0] != 1.0
    assert found["sd15"].look([plain("red")]) == [1.0]
    unknown = OtherCheckpoint(source=str(tmp_path), family="sd15")
    with pytest.raises(CheckpointUnavailable, match="Nothing looks at the images"):
        open_gates(Settings(checkpoints={"sd15": unknown}))


def broken(_: Sequence[Image.Image]) -> list[float]:
    raise RuntimeError("out of memory")


def test_a_check_that_breaks_lets_nothing_through() -> None:
    with pytest.raises(RenderFailed) as refused:
        ImageGate(broken, 0.5).look([plain("red")])
    assert str(refused.value) == BROKEN_CHECK
    assert ImageGate(broken, 0.5).hides([plain("red"), plain("blue")]) == [True, True]
    no_number = ImageGate(lambda images: [float("nan")] * len(images), 0.5)
    assert no_number.look([plain("red")]) == [1.0]


@pytest.fixture(scope="module")
def safety_checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a checkpoint with diffusers' own checker, which finds red images unfit."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    small: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    small |= {"num_attention_heads": 2}
    vision = small | {"image_size": 32, "patch_size": 16}
    config = CLIPConfig(vision_config=vision, text_config=small, projection_dim=8)
    kind: Any = StableDiffusionSafetyChecker
    checker = kind(config)
    processor: Any = CLIPImageProcessor
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    prepared = processor(**size)
    pixels = prepared(images=[plain("red")], return_tensors="pt").pixel_values
    with torch.no_grad():
        red = checker.visual_projection(checker.vision_model(pixels)[1])
    for name, value in (("concept_embeds", red), ("special_care_embeds", -red)):
        getattr(checker, name).copy_(value.expand_as(getattr(checker, name)))
        getattr(checker, f"{name}_weights").fill_(0.99)
    checker.save_pretrained(folder / "safety_checker", safe_serialization=True)
    prepared.save_pretrained(folder / "feature_extractor")
    return folder


def test_a_checkpoints_own_safety_checker_is_asked(safety_checker: Path) -> None:
    found = gate(str(safety_checker))
    assert found.look([plain("red"), plain("blue")]) == [1.0, 0.0]


def write_classifier(folder: Path, labels: list[str]) -> Path:
    """A transformers classifier that always tends to its first label."""
    config = ViTConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
        id2label=dict(enumerate(labels)),
    )
    kind: Any = ViTForImageClassification
    model = kind(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([2.0, *[0.0] * (len(labels) - 1)]))
    model.save_pretrained(folder, safe_serialization=True)
    processor: Any = ViTImageProcessor
    processor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_any_classifier_will_do_whose_labels_say_it(tmp_path: Path) -> None:
    unfit = write_classifier(tmp_path / "unfit", ["nsfw", "normal"])
    value = gate("any", safety="classifier", safety_model=str(unfit)).look([plain("red")])[0]
    assert value == pytest.approx(0.881, abs=0.001)
    several = write_classifier(tmp_path / "several", ["drawing", "Porn", "sexy", "not_nsfw"])
    value = gate("any", safety="classifier", safety_model=str(several)).look([plain("red")])[0]
    assert value == pytest.approx(2 / (3 + 7.389), abs=0.001)
    other = write_classifier(tmp_path / "other", ["cat", "dog"])
    with pytest.raises(CheckpointUnavailable, match="no label for what must not be shown"):
        gate("any", safety="classifier", safety_model=str(other))
