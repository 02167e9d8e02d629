"""Adapters are exact for each image, whoever shares its batch, and leave nothing behind."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from engine.rendering.adapters import SLOT_BYTES, Use, applied
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_file import Lora, read_lora

from .toys import SAMPLING, kohya, latents_of, plan, random_parts, save

PLANS = (
    plan(0, {"ink": 1.0}, "a fox"),
    plan(1, {"neon": 0.7}, "a red fox", "blurry"),
    plan(2, {"ink": -0.4, "neon": 1.5}, "a cat"),
    plan(3, {}, "two cats"),
)


@pytest.fixture
def loras(tmp_path: Path, layers: Layers) -> dict[str, Lora]:
    """Two adapters that share some layers and not others."""
    ink = random_parts(layers, _some(layers, "to_q", "conv1", "fc1"), rank=2, seed=1)
    neon = random_parts(layers, _some(layers, "to_q", "to_v", "proj_in"), rank=5, seed=2)
    parts = {"ink": ink, "neon": neon}
    paths = {name: save(tmp_path / name, kohya(part)) for name, part in parts.items()}
    return {name: read_lora(path, layers, name) for name, path in paths.items()}


def _some(layers: Layers, *ends: str) -> list[str]:
    return [name for name in layers.modules if name.endswith(ends)]


def _patched(layers: Layers) -> set[str]:
    return {name for name, module in layers.modules.items() if "forward" in vars(module)}


def test_company_and_order_change_nothing(checkpoint: Checkpoint, loras: dict[str, Lora]) -> None:
    together = latents_of(checkpoint, PLANS, loras)
    backwards = latents_of(checkpoint, PLANS[::-1], loras).flip(0)
    alone = torch.cat([latents_of(checkpoint, [one], loras) for one in PLANS])
    assert (together - backwards).abs().max() < 1e-4
    assert (together - alone).abs().max() < 1e-4


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("slot_bytes", [0, SLOT_BYTES])
@pytest.mark.parametrize("order", [(0, 0, 0), (1, 1, 2), (2, 1, 1, 0, 2), (3, 0, 0, 3)])
def test_both_forms_are_exact_however_masks_are_shared(
    order: tuple[int, ...],
    slot_bytes: int,
    guidance: float,
    checkpoint: Checkpoint,
    loras: dict[str, Lora],
) -> None:
    sampling = replace(SAMPLING, guidance=guidance)
    plans = [replace(PLANS[mask], index=i, seed=i) for i, mask in enumerate(order)]
    together = latents_of(checkpoint, plans, loras, sampling, slot_bytes)
    alone = torch.cat([latents_of(checkpoint, [one], loras, sampling) for one in plans])
    assert (together - alone).abs().max() < 1e-4


def test_wide_adapters_of_convolutions_are_merged(
    checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    names = _some(layers, "conv1", "conv_in", "downsamplers.0.conv")
    path = save(tmp_path / "wide", kohya(random_parts(layers, names, rank=24)))
    loras = {"wide": read_lora(path, layers, "wide")}
    plans = [plan(0, {"wide": 0.3}), plan(1, {}), plan(2, {})]
    together = latents_of(checkpoint, plans, loras)
    alone = torch.cat([latents_of(checkpoint, [one], loras) for one in plans])
    assert (together - alone).abs().max() < 1e-4


@pytest.mark.parametrize("side", [1, 2, 16])
def test_a_convolution_is_exact_at_every_size(
    side: int, layers: Layers, loras: dict[str, Lora]
) -> None:
    """Small pictures go by factors and large ones by merged weights."""
    name = _some(layers, "conv1")[0]
    conv, part = layers.modules[name], loras["ink"].layers[name]
    assert isinstance(conv, nn.Conv2d)
    rows = torch.randn(4, conv.in_channels, side, side, generator=torch.Generator().manual_seed(1))
    images = [[Use(loras["ink"], weight)] for weight in (0.5, 1.0)]
    with torch.inference_mode(), applied(layers, images):
        got = conv(rows)
    with torch.inference_mode():
        delta = part.delta(conv.weight).view(conv.weight.shape)
        wanted = [
            functional.conv2d(pair, conv.weight + weight * delta, conv.bias, padding=1)
            for pair, weight in zip((rows[:2], rows[2:]), (0.5, 1.0), strict=True)
        ]
    assert (got - torch.cat(wanted)).abs().max() < 1e-4
    assert (got - conv(rows)).abs().max() > 1e-2


class Convolved(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the weights of all convolutions."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.weights: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "conv" in str(func):
            self.weights.append(args[1])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("side", [1, 16])
def test_weights_lie_in_memory_as_the_layers_own(
    side: int, layers: Layers, loras: dict[str, Lora]
) -> None:
    """A GPU reads them by channels, and would turn others round at every step."""
    name = _some(layers, "conv1")[0]
    conv: Any = deepcopy(layers.modules[name])
    turned = replace(layers, modules=layers.modules | {name: conv})
    conv.to(memory_format=torch.channels_last)
    rows = torch.randn(4, conv.in_channels, side, side).to(memory_format=torch.channels_last)
    images = [[Use(loras["ink"], weight)] for weight in (0.5, 1.0)]
    with torch.inference_mode(), applied(turned, images), Convolved() as seen:
        conv(rows)
    assert seen.weights
    assert all(
        one.is_contiguous(memory_format=torch.channels_last) and not one.is_contiguous()
        for one in seen.weights
    )


class Merging(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of weights that are merged."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.bytes += made.nbytes if "baddbmm" in str(func) else 0
        return made


@pytest.mark.parametrize(("room", "merged"), [(4, 4), (3, 0)])
def test_merged_weights_take_no_more_memory_than_there_is_for_them(
    room: int, merged: int, layers: Layers, loras: dict[str, Lora]
) -> None:
    linear = {n: part for n, part in loras["ink"].layers.items() if not n.endswith("conv1")}
    images = [[Use(Lora("ink", linear), weight)] for weight in (0.2, 0.4, 0.6, 0.8)]
    slot = sum(weight_of(layers.modules[name]).nbytes for name in linear)
    with torch.inference_mode(), Merging() as seen, applied(layers, images, room * slot):
        pass
    assert seen.bytes == merged * slot


@pytest.mark.parametrize("slot_bytes", [0, SLOT_BYTES])
def test_half_precision_and_channels_last_are_close(
    slot_bytes: int, checkpoint: Checkpoint, loras: dict[str, Lora]
) -> None:
    unet: Any = deepcopy(checkpoint.unet)
    text_encoder: Any = deepcopy(checkpoint.text_encoder)
    last = unet.to(torch.bfloat16, memory_format=torch.channels_last)
    half = replace(
        checkpoint,
        unet=last,
        text_encoder=text_encoder.to(torch.bfloat16),
        dtype=torch.bfloat16,
    )
    rendered = latents_of(half, PLANS, loras, slot_bytes=slot_bytes).float()
    exact = latents_of(checkpoint, PLANS, loras)
    assert ((rendered - exact).abs().mean((1, 2, 3)) < 0.05 * exact.abs().mean((1, 2, 3))).all()


def test_the_same_batch_twice_is_the_same_to_the_bit(
    checkpoint: Checkpoint, loras: dict[str, Lora]
) -> None:
    assert torch.equal(latents_of(checkpoint, PLANS, loras), latents_of(checkpoint, PLANS, loras))


def test_an_adapter_shows_in_its_own_image_only(
    checkpoint: Checkpoint, loras: dict[str, Lora]
) -> None:
    plans = [plan(index, {"ink": 1.0} if index == 1 else {}) for index in range(3)]
    plain = [plan(index, {}) for index in range(3)]
    change = (latents_of(checkpoint, plans, loras) - latents_of(checkpoint, plain, {})).abs()
    assert change[1].max() > 1e-2
    assert change[[0, 2]].max() < 1e-4


def test_two_adapters_with_one_file_add_up(checkpoint: Checkpoint, loras: dict[str, Lora]) -> None:
    ink = loras["ink"]
    twice = latents_of(checkpoint, [plan(0, {"a": 0.3, "b": 0.5})], {"a": ink, "b": ink})
    once = latents_of(checkpoint, [plan(0, {"a": 0.8})], {"a": ink})
    assert (twice - once).abs().max() < 1e-5


def test_only_touched_layers_are_patched(layers: Layers, loras: dict[str, Lora]) -> None:
    with applied(layers, [[Use(loras["ink"], 1.0)], []]):
        assert _patched(layers) == set(loras["ink"].layers)
    with applied(layers, [[], []]):
        assert _patched(layers) == set()


def test_the_layers_are_restored_after_an_exception(
    checkpoint: Checkpoint, layers: Layers, loras: dict[str, Lora]
) -> None:
    before = latents_of(checkpoint, PLANS, loras)
    with pytest.raises(ZeroDivisionError), applied(layers, [[Use(loras["ink"], 1.0)]]):
        raise ZeroDivisionError
    assert _patched(layers) == set()
    assert torch.equal(latents_of(checkpoint, PLANS, loras), before)


def test_the_layers_are_restored_when_patching_fails(
    layers: Layers, loras: dict[str, Lora]
) -> None:
    last = list(loras["ink"].layers)[-1]
    other = {**loras["ink"].layers, last: loras["neon"].layers[_some(layers, "proj_in")[0]]}
    broken = Lora("another file", other)
    with (
        pytest.raises(RuntimeError),
        applied(layers, [[Use(loras["ink"], 1.0), Use(broken, 1.0)]]),
    ):
        pytest.fail("Factors of two shapes were put together.")
    assert _patched(layers) == set()


def test_a_weight_of_zero_is_no_adapter(checkpoint: Checkpoint, loras: dict[str, Lora]) -> None:
    off = latents_of(checkpoint, [plan(0, {"ink": 0.0})], loras)
    plain = latents_of(checkpoint, [plan(0, {})], {})
    assert torch.equal(off, plain)


def test_no_adapter_is_registered_as_a_module(
    checkpoint: Checkpoint, layers: Layers, loras: dict[str, Lora]
) -> None:
    def names(model: nn.Module) -> list[str]:
        return [*model.state_dict(), *(name for name, _ in model.named_modules())]

    before = names(checkpoint.unet)
    with applied(layers, [[Use(loras["ink"], 1.0)]]):
        assert names(checkpoint.unet) == before
