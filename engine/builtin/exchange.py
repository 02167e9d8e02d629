"""Adapter files in the formats that people have: kohya's and peft's."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.builtin import checkpoint
from engine.builtin.merged import Changes, Factors
from engine.builtin.vendor_peft import LoraLayer


def layers_of(model: nn.Module, name: str) -> dict[str, Any]:
    """Layers of the model that carry the adapter, by module path."""
    return {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, LoraLayer) and name in module.lora_A
    }


def _models(pipe: Any) -> dict[str, nn.Module]:
    return {"unet": pipe.unet, "text_encoder": pipe.text_encoder}


def _as_kohya(factors: Factors, alpha: float) -> dict[str, Tensor]:
    prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}
    tensors = {}
    for name, (down, up) in factors.items():
        part, path = name.split(".", 1)
        key = prefix[part] + path.removeprefix("text_model.").replace(".", "_")
        tensors[f"{key}.lora_down.weight"] = down
        tensors[f"{key}.lora_up.weight"] = up
        tensors[f"{key}.alpha"] = torch.tensor(alpha)
    return tensors


def _as_peft(factors: Factors) -> dict[str, Tensor]:
    tensors = {}
    for name, (down, up) in factors.items():
        tensors[f"{name}.lora_A.weight"] = down
        tensors[f"{name}.lora_B.weight"] = up
    return tensors


def save(factors: Factors, path: Path, form: str, alpha: float) -> None:
    """Write the adapter in half precision; `form` is "kohya" or "peft" (there alpha = rank)."""
    tensors = _as_kohya(factors, alpha) if form == "kohya" else _as_peft(factors)
    half = {key: value.detach().half().contiguous() for key, value in tensors.items()}
    save_file(half, str(path), metadata={"format": "pt"})


def _foreign_layers() -> dict[str, int]:
    """Stems and widths of the blocks that look at the text in the UNet of Stable Diffusion 1.5."""
    widths = {f"down_blocks_{block}": 320 * 2**block for block in range(3)}
    layers = {f"{stem}_attentions_{i}": w for stem, w in widths.items() for i in range(2)}
    layers["mid_block_attentions_0"] = 1280
    for block, width in ((1, 1280), (2, 640), (3, 320)):
        layers.update({f"up_blocks_{block}_attentions_{i}": width for i in range(3)})
    return layers


def save_foreign(path: Path, rank: int) -> None:
    """Write a well-formed kohya file for Stable Diffusion 1.5, whose layers are not ours."""
    noise = torch.Generator().manual_seed(rank)
    tensors: dict[str, Tensor] = {}
    for stem, width in _foreign_layers().items():
        for part in ("to_k", "to_v"):
            key = f"lora_unet_{stem}_transformer_blocks_0_attn2_{part}"
            down = torch.randn(rank, 768, generator=noise)
            up = torch.randn(width, rank, generator=noise)
            tensors[f"{key}.lora_down.weight"] = (down / rank).half()
            tensors[f"{key}.lora_up.weight"] = (up * 0.01).half()
            tensors[f"{key}.alpha"] = torch.tensor(float(rank)).half()
    save_file(tensors, str(path), metadata={"format": "pt"})


def read(path: Path, base: Path) -> dict[str, Tensor]:
    """What the file adds to the weight of each layer at strength 1, loaded by diffusers.

    By "unet." or "text_encoder." and the layer's path, as matrices (out, in).
    """
    pipe = checkpoint.load(base)
    pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name="read")
    return {
        f"{part}.{name}": change_of(layer, "read")
        for part, model in _models(pipe).items()
        for name, layer in layers_of(model, "read").items()
    }


def check(path: Path, base: Path, trained: Changes) -> None:
    """Raise unless the file, loaded by diffusers into a fresh base, is the adapter as trained.

    Counting layers is not idle: a wrongly named half of them is dropped in silence, and images
    hardly show it.
    """
    loaded = read(path, base)
    if set(loaded) != set(trained):
        raise ValueError(f"{path.name}: {len(loaded)} of {len(trained)} layers loaded")
    for key, change in trained.items():
        if float((change - loaded[key]).abs().max()) > 2e-2 * float(change.abs().max()):
            raise ValueError(f"{path.name}: {key} does not load as it was trained")


def change_of(layer: Any, name: str) -> Tensor:
    """What the adapter adds to the layer's weight at strength 1, as a matrix."""
    down, up = layer.lora_A[name].weight.flatten(1), layer.lora_B[name].weight.flatten(1)
    change: Tensor = (up @ down).detach() * (layer.lora_alpha[name] / layer.r[name])
    return change
