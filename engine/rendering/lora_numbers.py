"""Layers by number, as cloneofsimo/lora wrote them in early 2023: "unet:4:down" and the like.

The numbers count the linear layers inside modules of some classes, which the metadata names, in the
order in which that code met them: of a UNet the way down, the way up and the middle, of a block its
self-attention, its feed-forward and its cross-attention. The shapes in real files bear that out.
There is no alpha: what the factors make is added as it is.
"""

import json
import re
from collections.abc import Collection
from dataclasses import replace

from engine.errors import BadLora
from engine.rendering.layers import Layers
from engine.rendering.safetensors_header import Header

_NUMBERED = re.compile(r"(unet|text_encoder):(\d{1,4}):(up|down)")
_ROLES = {"down": "lora_A", "up": "lora_B"}
#: What files say of the classes that were counted; others count other layers.
_COUNTED = {"unet": {"CrossAttention", "Attention", "GEGLU"}, "text_encoder": {"CLIPAttention"}}
#: The counted layers of a transformer block, and of a layer of the text encoder, in order.
_BLOCK = (
    *(f"attn1.{layer}" for layer in ("to_q", "to_k", "to_v", "to_out.0")),
    "ff.net.0.proj",
    *(f"attn2.{layer}" for layer in ("to_q", "to_k", "to_v", "to_out.0")),
)
_TEXT_LAYER = tuple(f"self_attn.{layer}_proj" for layer in ("k", "v", "q", "out"))
_WAYS = ("unet.down", "unet.up", "unet.mid")


def named(header: Header, layers: Layers, title: str) -> Header:
    """The header with names for numbers; the same one where there are none or others count.

    Raises BadLora where there are more or fewer of them than the checkpoint has layers.
    """
    found = {name: _NUMBERED.fullmatch(name) for name in header.tensors}
    if not found or not all(found.values()):
        return header
    numbered = {name: match for name, match in found.items() if match}
    parts = {match[1] for match in numbered.values()}
    if any(_classes(header, part) != _COUNTED[part] for part in parts):
        return header
    own = {part: _in_order(part, layers.modules) for part in parts}
    for part in parts:
        count = len({match[2] for match in numbered.values() if match[1] == part})
        if count != len(own[part]):
            raise BadLora(
                f"“{title}” has {count} numbered layers where {layers.checkpoint} has "
                f"{len(own[part])}: choose a LoRA for {layers.family}."
            )
    tensors = {}
    for name, match in numbered.items():
        part, number, role = match.groups()
        if int(number) >= len(own[part]):
            return header
        tensors[f"{own[part][int(number)]}.{_ROLES[role]}.weight"] = header.tensors[name]
    return replace(header, tensors=tensors)


def _classes(header: Header, part: str) -> set[str]:
    try:
        told = json.loads(header.metadata.get(part, "[]"))
    except ValueError:
        return set()
    return {str(one) for one in told} if isinstance(told, list) else set()


def _in_order(part: str, modules: Collection[str]) -> list[str]:
    """Full names of the layers that are counted."""
    within = _BLOCK if part == "unet" else _TEXT_LAYER
    first = f".{within[0]}"
    ours = [name for name in modules if name.startswith(f"{part}.") and name.endswith(first)]
    blocks = [name.removesuffix(within[0]) for name in ours]
    return [block + layer for block in sorted(blocks, key=_place) for layer in within]


def _place(block: str) -> tuple[int, list[int]]:
    way = next((n for n, start in enumerate(_WAYS) if block.startswith(start)), 0)
    return way, [int(number) for number in re.findall(r"\.(\d+)(?=\.)", block)]
