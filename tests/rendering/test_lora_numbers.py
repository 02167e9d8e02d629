"""Layers by number are those that the code which numbered them met in that order."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor

from engine.errors import BadLora
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers
from engine.rendering.lora_file import read_lora

from .toys import Parts, factors_of, kohya, random_parts, save

COUNTED = {
    "unet": json.dumps(["GEGLU", "CrossAttention", "Attention"]),
    "text_encoder": json.dumps(["CLIPAttention"]),
}


def met(checkpoint: Checkpoint) -> list[str]:
    """The UNet's layers by a walk through its modules."""
    unet: Any = checkpoint.unet
    found = []
    for name, module in unet.named_modules():
        if isinstance(module, BasicTransformerBlock):
            # The class had its feed-forward between the two attentions then.
            for inner in ("attn1", "ff.net.0", "attn2"):
                linear = [
                    f"unet.{name}.{inner}.{path}"
                    for path, one in module.get_submodule(inner).named_modules()
                    if isinstance(one, torch.nn.Linear)
                ]
                found += linear
    return found


def text_met(checkpoint: Checkpoint) -> list[str]:
    """The text encoder's, in the order of CLIPAttention's own code."""
    encoder: Any = checkpoint.text_encoder
    return [
        f"text_encoder.encoder.layers.{layer}.self_attn.{which}_proj"
        for layer in range(encoder.config.num_hidden_layers)
        for which in ("k", "v", "q", "out")
    ]


def numbered(parts: Parts, orders: dict[str, list[str]]) -> dict[str, Tensor]:
    tensors = {}
    for part, order in orders.items():
        for number, name in enumerate(order):
            tensors[f"{part}:{number}:up"] = parts[name].up
            tensors[f"{part}:{number}:down"] = parts[name].down
    return tensors


def test_numbers_are_the_layers_in_order(
    checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    orders = {"unet": met(checkpoint), "text_encoder": text_met(checkpoint)}
    parts = random_parts(layers, [name for order in orders.values() for name in order])
    plain = {name: part for name, part in kohya(parts).items() if not name.endswith(".alpha")}
    file = save(tmp_path / "numbers.safetensors", numbered(parts, orders), COUNTED)
    read = factors_of(read_lora(file, layers, "Numbers"))
    wanted = factors_of(read_lora(save(tmp_path / "plain.safetensors", plain), layers, "Plain"))
    assert read.keys() == wanted.keys() == set(parts)
    for name, factors in read.items():
        assert torch.equal(factors.up, wanted[name].up)
        assert torch.equal(factors.down, wanted[name].down)
        assert factors.scale == 1.0


def test_numbers_that_cannot_be_named_are_refused(
    checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    order = met(checkpoint)
    parts = random_parts(layers, order)
    whole = numbered(parts, {"unet": order})
    path = tmp_path / "numbers.safetensors"
    for tensors, metadata, sentence in (
        (whole, {}, "of the kind cloneofsimo's numbered layers"),
        (whole, {"unet": "no list"}, "of the kind cloneofsimo's numbered layers"),
        (whole, {"unet": '["ResnetBlock2D"]'}, "of the kind cloneofsimo's numbered layers"),
        (
            {name: one for name, one in whole.items() if not name.startswith("unet:1:")},
            COUNTED,
            f"has {len(order) - 1} numbered layers where toy has {len(order)}",
        ),
        (
            {name.replace(":1:", ":999:"): one for name, one in whole.items()},
            COUNTED,
            "of the kind cloneofsimo's numbered layers",
        ),
        (
            {name: one for name, one in whole.items() if name != "unet:1:up"},
            COUNTED,
            "lacks the up matrix of",
        ),
    ):
        with pytest.raises(BadLora, match=sentence):
            read_lora(save(path, tensors, metadata), layers, "Numbers")
