"""Adapters of random numbers, as large as people train them: they take as long as trained ones."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine import builtin
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_file import Lora
from engine.rendering.lora_parts import Decomposed, Hadamard, Kronecker, Part

#: As people train them.
RANK = 32
LOHA_RANK = 8
LOKR_FACTOR = 8
KINDS = ("LoRA", "LoHa", "LoKr", "DoRA")


def trained_layers(layers: Layers) -> list[str]:
    """What kohya's trainer adapts by default: the UNet's transformers and all of the text encoders.

    264 layers of SD 1.5 and 986 of SDXL.
    """
    inside = ("unet", ".attentions."), ("text_encoder", ".layers.")
    return [n for n in layers.modules if any(n.startswith(a) and b in n for a, b in inside)]


def write_random(layers: Layers, names: Sequence[str], rank: int, path: Path) -> Path:
    """Writes an adapter of random numbers in kohya's format and returns its path."""
    first = "te1" if any(name.startswith("text_encoder_2.") for name in layers.modules) else "te"
    tensors: dict[str, Tensor] = {}
    for name in names:
        shape = weight_of(layers.modules[name]).shape
        stem = name.replace("text_encoder_2.", "te2_text_model_", 1)
        stem = stem.replace("text_encoder.", f"{first}_text_model_", 1).replace(".", "_")
        up = torch.randn(shape[0], rank, *(1 for _ in shape[2:]))
        tensors[f"lora_{stem}.lora_down.weight"] = (torch.randn(rank, *shape[1:]) / 100).half()
        tensors[f"lora_{stem}.lora_up.weight"] = (up / 100).half()
        tensors[f"lora_{stem}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path)
    return path


def three_adapters(checkpoint: Checkpoint, layers: Layers, folder: Path) -> list[Path]:
    """Files of three: the built-in checkpoint's own, or random ones written into the folder."""
    if checkpoint.family == builtin.FAMILY:
        names = ("five-point-star", "neon-tubes", "night-sky")
        return [builtin.LORAS / f"{name}.safetensors" for name in names]
    trained = trained_layers(layers)
    return [write_random(layers, trained, RANK, folder / f"{n}.safetensors") for n in range(3)]


def kinds_like(lora: Lora, layers: Layers) -> dict[str, Lora]:
    """The adapter itself as "LoRA", and random parts of each other kind for the same layers."""
    made: dict[str, dict[str, Part]] = {kind: {} for kind in KINDS}
    for name, part in lora.layers.items():
        weight = weight_of(layers.modules[name])
        out, into = weight.flatten(1).shape
        half = (torch.randn(out, LOHA_RANK).half(), torch.randn(LOHA_RANK, into).half())
        small = math.gcd(math.gcd(out, weight.shape[1]), LOKR_FACTOR)
        whole = torch.randn(out // small, into // small).half()
        made["LoRA"][name] = part
        made["LoHa"][name] = Hadamard(half, half, 1e-3)
        made["LoKr"][name] = Kronecker((torch.randn(small, small).half(),), (whole,), 1e-3)
        made["DoRA"][name] = Decomposed(part, torch.ones(out, 1, 1))
    return {kind: Lora(kind, parts) for kind, parts in made.items()}
