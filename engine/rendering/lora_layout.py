"""Which tensors of a LoRA file make up which layer, decided from the header alone.

Every refusal that needs no data happens here: other kinds of adapter, another base model,
unknown keys, halves that are missing, shapes that do not fit.
"""

from collections import defaultdict
from math import prod

import torch

from engine.errors import BadLora
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_keys import base_of, other_kind, parse, text_width
from engine.rendering.lora_kinds import Role, is_plain, missing, part_of, rank_of
from engine.rendering.lora_numbers import named
from engine.rendering.safetensors_header import Entry, Header

MAX_RANK = 1024
#: Where diffusers keeps a PEFT configuration in a file's metadata, as JSON.
PEFT_METADATA = "lora_adapter_metadata"

#: The tensors of one layer by what they are.
Group = dict[Role, Entry]

_BASE_NAMES = {"sd15": "SD 1.x", "sd21": "SD 2.x", "sdxl": "SDXL"}


def layout_of(header: Header, layers: Layers, title: str) -> dict[str, Group]:
    """The tensors by full layer name; each group is whole, of one kind, and fits its layer.

    `title` names the adapter in sentences. Raises BadLora.
    """
    header = named(header, layers, title)
    _check_kind(header, title)
    groups = _group(header, layers, title)
    for name, group in groups.items():
        _check_whole(name, group, title)
        weight = tuple(weight_of(layers.modules[name]).shape)
        if is_plain(group):
            _check_rank(name, group, title)
            fits = _fits(group, weight)
        else:
            fits = _fits_multiplied(group, weight)
        if not fits:
            raise _misfit(header, layers, title, name, group)
    return groups


def _check_kind(header: Header, title: str) -> None:
    kind = other_kind(header.tensors)
    if kind is not None:
        raise BadLora(f"“{title}” is of the kind {kind}, which cannot be loaded: choose a LoRA.")


def _group(header: Header, layers: Layers, title: str) -> dict[str, Group]:
    groups: dict[str, Group] = defaultdict(dict)
    unknown: list[str] = []
    for name, entry in header.tensors.items():
        key = parse(name)
        layer = None if key is None else layers.find(key.part, key.path, key.underscored)
        if key is None or layer is None:
            unknown.append(name)
        elif key.role in groups[layer]:
            raise BadLora(f"“{title}” has two adapters for the layer {layer}: split the file.")
        else:
            groups[layer][key.role] = entry
    if unknown:
        raise _unknown(header, layers, title, unknown)
    return groups


def _check_whole(name: str, group: Group, title: str) -> None:
    lacking = missing(group)
    if lacking is None:
        raise BadLora(
            f"“{title}” has matrices of two kinds of adapter for {name}: get the file again."
        )
    if lacking:
        raise BadLora(f"“{title}” lacks the {min(lacking)} matrix of {name}: get the file again.")
    if "alpha" in group and prod(group["alpha"].shape) != 1:
        raise BadLora(f"“{title}” has an alpha that is no number in {name}: get the file again.")


def _check_rank(name: str, group: Group, title: str) -> None:
    down, up = group["down"].shape, group["up"].shape
    if len(down) < 2 or len(up) < 2 or down[0] != up[1] or down[0] < 1:
        raise BadLora(
            f"“{title}” has matrices of the shapes {down} and {up} for {name}, whose ranks "
            "disagree: get the file again."
        )
    if down[0] > MAX_RANK:
        raise BadLora(
            f"“{title}” has rank {down[0]:,} in {name} and {MAX_RANK:,} is allowed: "
            "choose a smaller LoRA."
        )


def _fits(group: Group, weight: tuple[int, ...]) -> bool:
    """Whether `up @ down` has the weight's shape; trailing 1 x 1 may be written or left out."""
    down, up = _trimmed(group["down"].shape), _trimmed(group["up"].shape)
    return down[1:] == _trimmed(weight)[1:] and up == (weight[0], group["down"].shape[0])


def _fits_multiplied(group: Group, weight: tuple[int, ...]) -> bool:
    """Whether the matrices go together and make a difference of the weight's shape.

    Tried with tensors that have a shape only.
    """
    shapes = {role: entry.shape for role, entry in group.items()}
    try:
        tensors = {role: torch.empty(shape, device="meta") for role, shape in shapes.items()}
        rank = rank_of(shapes)
        part = part_of(tensors, 1.0, len(weight))
        delta = part.delta(torch.empty(weight, device="meta"))
    except (RuntimeError, IndexError):  # torch's words for shapes that do not fit
        return False
    fits = tuple(delta.shape) == (weight[0], prod(weight[1:]))
    return fits and (rank is None or 1 <= rank <= MAX_RANK) and _magnitudes_fit(shapes, weight)


def _magnitudes_fit(shapes: dict[Role, tuple[int, ...]], weight: tuple[int, ...]) -> bool:
    """One for each output, or for each input as older files have it."""
    own = _trimmed(shapes.get("dora_scale", (weight[0], 1)))
    return (
        own in {(weight[0], 1), (1, weight[1])}
        and prod(shapes.get("magnitude", weight[:1])) == weight[0]
    )


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:2] if shape[2:] == (1, 1) else shape


def _misfit(header: Header, layers: Layers, title: str, name: str, group: Group) -> BadLora:
    base = _foreign_base(header, layers)
    if base is not None:
        return _wrong_base(title, base, layers)
    shapes = [str(entry.shape) for role, entry in group.items() if role != "alpha"]
    return BadLora(
        f"“{title}” has matrices of the shapes {', '.join(shapes[:-1])} and {shapes[-1]}, "
        f"which do not fit {name} of {layers.checkpoint}: choose a LoRA for {layers.family}."
    )


def _unknown(header: Header, layers: Layers, title: str, unknown: list[str]) -> BadLora:
    base = _foreign_base(header, layers)
    if base is not None:
        return _wrong_base(title, base, layers)
    keys = "1 key that fits" if len(unknown) == 1 else f"{len(unknown)} keys that fit"
    return BadLora(
        f"“{title}” has {keys} no layer of {layers.checkpoint}, the first is "
        f"{unknown[0]}: choose a LoRA for {layers.family}."
    )


def _wrong_base(title: str, base: str, layers: Layers) -> BadLora:
    return BadLora(
        f"“{title}” seems to be for {base} and {layers.checkpoint} is of the family "
        f"{layers.family}: choose a LoRA for {layers.family}."
    )


def _foreign_base(header: Header, layers: Layers) -> str | None:
    """The base that the file seems to be for; None where that is the checkpoint's or unknown."""
    widths = {text_width(name, entry.shape) for name, entry in header.tensors.items()}
    base = base_of(header.tensors, [width for width in widths if width is not None])
    return None if base == _BASE_NAMES.get(layers.family) else base
