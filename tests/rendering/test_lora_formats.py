"""Every naming of a LoRA is the same LoRA: what is merged into the weights by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers
from engine.rendering.lora_file import read_lora
from engine.values import ImagePlan

from .toys import (
    Part,
    Parts,
    dotted,
    factors_of,
    kohya,
    latents_of,
    merge,
    plan,
    random_parts,
    save,
    write_raw,
)

BLOCK = "unet.down_blocks.0.attentions.0.transformer_blocks.0"
TEXT = "text_encoder.encoder.layers.1"
LINEAR = f"{BLOCK}.attn1.to_out.0"
CONV_1 = "unet.mid_block.attentions.0.proj_in"
CONV_3 = "unet.down_blocks.0.downsamplers.0.conv"
NAMES = (
    f"{BLOCK}.attn2.to_k",
    LINEAR,
    f"{BLOCK}.ff.net.0.proj",
    "unet.time_embedding.linear_1",
    CONV_1,
    CONV_3,
    f"{TEXT}.self_attn.q_proj",
    f"{TEXT}.mlp.fc2",
)
UNET_NAMES = NAMES[:6]
ATTENTION_NAMES = (f"{BLOCK}.attn2.to_k", LINEAR)
PLANS = (plan(0, {"ink": 0.7}, "a fox", "blurry"), plan(1, {"ink": 1.3}))


def _wrapped_text(name: str) -> str:
    return name.replace("text_encoder.", "text_encoder.text_model.")


def _inner(name: str) -> str:
    return name.removeprefix("unet.")


def _processor(name: str) -> str:
    path, _, last = name.removesuffix(".0").rpartition(".")
    return f"{path}.processor.{last}"


def _bare_processor(name: str) -> str:
    return _inner(_processor(name))


FORMATS: dict[str, tuple[tuple[str, ...], Callable[[Parts], dict[str, Tensor]]]] = {
    "kohya": (NAMES, kohya),
    "peft": (
        NAMES,
        lambda parts: dotted(parts, ".lora_A.weight", ".lora_B.weight", lambda name: name),
    ),
    "peft, text_model": (
        NAMES,
        lambda parts: dotted(parts, ".lora_A.weight", ".lora_B.weight", _wrapped_text),
    ),
    "peft with the adapter's name": (
        NAMES,
        lambda parts: dotted(
            parts, ".lora_A.default.weight", ".lora_B.default.weight", lambda name: name
        ),
    ),
    "peft's own saving": (
        UNET_NAMES,
        lambda parts: dotted(
            parts,
            ".lora_A.weight",
            ".lora_B.weight",
            lambda name: f"base_model.model.{_inner(name)}",
        ),
    ),
    "peft's own saving of a text encoder": (
        NAMES[6:],
        lambda parts: dotted(
            parts,
            ".lora_A.weight",
            ".lora_B.weight",
            lambda name: name.replace("text_encoder.", "base_model.model.text_model."),
        ),
    ),
    "bare": (
        UNET_NAMES,
        lambda parts: dotted(parts, ".lora_A.weight", ".lora_B.weight", _inner),
    ),
    "diffusers": (
        NAMES,
        lambda parts: dotted(parts, ".lora.down.weight", ".lora.up.weight", _wrapped_text),
    ),
    "diffusers' linear layers": (
        NAMES,
        lambda parts: dotted(
            parts,
            ".lora_linear_layer.down.weight",
            ".lora_linear_layer.up.weight",
            _wrapped_text,
        ),
    ),
    "diffusers' processors": (
        ATTENTION_NAMES,
        lambda parts: dotted(parts, "_lora.down.weight", "_lora.up.weight", _processor),
    ),
    "diffusers' bare processors": (
        ATTENTION_NAMES,
        lambda parts: dotted(parts, "_lora.down.weight", "_lora.up.weight", _bare_processor),
    ),
}


def _merged(checkpoint: Checkpoint, layers: Layers, parts: Parts) -> Tensor:
    """The latents of PLANS with the adapter merged into the weights, an image at a time."""
    latents = []
    for one in PLANS:
        restore = merge(layers, parts, one.adapters[0].weight)
        latents.append(latents_of(checkpoint, [_without_adapters(one.index)], {}))
        restore()
    return torch.cat(latents)


def _without_adapters(index: int) -> ImagePlan:
    return plan(index, {}, PLANS[index].prompt, PLANS[index].negative)


@pytest.mark.parametrize("naming", FORMATS)
def test_a_format_renders_as_merged_weights(
    naming: str, checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    names, write = FORMATS[naming]
    alpha = 6.0 if naming == "kohya" else 3.0
    parts = random_parts(layers, names, rank=3, alpha=alpha)
    lora = read_lora(save(tmp_path / "ink", write(parts)), layers, "ink")
    assert set(lora.layers) == set(names)
    rendered = latents_of(checkpoint, PLANS, {"ink": lora})
    expected = _merged(checkpoint, layers, parts)
    assert (rendered - expected).abs().max() < 1e-4
    plain = latents_of(checkpoint, [_without_adapters(0), _without_adapters(1)], {})
    assert (rendered - plain).abs().max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_each_layer_kind_counts(
    name: str, checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    parts = random_parts(layers, [name], alpha=30.0)
    lora = read_lora(save(tmp_path / "ink", kohya(parts)), layers, "ink")
    rendered = latents_of(checkpoint, PLANS, {"ink": lora})
    assert (rendered - _merged(checkpoint, layers, parts)).abs().max() < 1e-4
    plain = latents_of(checkpoint, [_without_adapters(0), _without_adapters(1)], {})
    assert (rendered - plain).abs().max() > 1e-4


def test_alpha_is_divided_by_the_rank(layers: Layers, tmp_path: Path) -> None:
    parts = random_parts(layers, NAMES, rank=4, alpha=2.0)
    with_alpha = kohya(parts)
    without = {name: tensor for name, tensor in with_alpha.items() if "alpha" not in name}
    half = read_lora(save(tmp_path / "half", with_alpha), layers, "half")
    whole = read_lora(save(tmp_path / "whole", without), layers, "whole")
    assert {factors.scale for factors in factors_of(half).values()} == {0.5}
    assert {factors.scale for factors in factors_of(whole).values()} == {1.0}


def _peft_configuration(**fields: object) -> dict[str, str]:
    return {"lora_adapter_metadata": json.dumps({f"unet.{k}": v for k, v in fields.items()})}


@pytest.mark.parametrize(
    ("fields", "scale", "to_out"),
    [
        ({"lora_alpha": 8}, 2.0, 2.0),
        ({"lora_alpha": 8, "alpha_pattern": {"attn1.to_out.0": 2}}, 2.0, 0.5),
        ({"lora_alpha": 8, "use_rslora": True}, 4.0, 4.0),
        ({}, 1.0, 1.0),
    ],
)
def test_alpha_from_pefts_configuration(
    fields: dict[str, object], scale: float, to_out: float, layers: Layers, tmp_path: Path
) -> None:
    parts = random_parts(layers, UNET_NAMES, rank=4)
    tensors = dotted(parts, ".lora_A.weight", ".lora_B.weight", lambda name: name)
    path = save(tmp_path / "ink", tensors, _peft_configuration(**fields))
    read = factors_of(read_lora(path, layers, "ink"))
    assert read[LINEAR].scale == to_out
    assert read[CONV_3].scale == scale


def test_a_1x1_may_be_written_or_left_out(layers: Layers, tmp_path: Path) -> None:
    parts = random_parts(layers, [CONV_1, LINEAR])
    swapped = {
        CONV_1: Part(parts[CONV_1].down.flatten(1), parts[CONV_1].up.flatten(1), 6.0),
        LINEAR: Part(parts[LINEAR].down[..., None, None], parts[LINEAR].up[..., None, None], 6.0),
    }
    read = factors_of(read_lora(save(tmp_path / "ink", kohya(swapped)), layers, "ink"))
    for name, part in parts.items():
        assert torch.equal(read[name].down, part.down)
        assert torch.equal(read[name].up, part.up)


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2],
)
def test_number_types(dtype: torch.dtype, layers: Layers, tmp_path: Path) -> None:
    parts = random_parts(layers, NAMES)
    tensors = {name: tensor.to(dtype) for name, tensor in kohya(parts).items()}
    read = factors_of(read_lora(save(tmp_path / "ink", tensors), layers, "ink"))
    for name, part in parts.items():
        assert torch.equal(read[name].down.float(), part.down.to(dtype).float())


def test_a_file_whose_tensors_are_not_aligned(layers: Layers, tmp_path: Path) -> None:
    parts = random_parts(layers, [LINEAR], alpha=1.0)
    tensors = kohya(parts)
    alpha = next(name for name in tensors if name.endswith(".alpha"))
    tensors[alpha] = tensors[alpha].to(torch.float8_e4m3fn)
    # One byte of alpha comes first and moves all others off their places.
    path = write_raw(tmp_path / "ink", {alpha: tensors.pop(alpha), **tensors})
    read = factors_of(read_lora(path, layers, "ink"))
    assert torch.equal(read[LINEAR].down, parts[LINEAR].down)
