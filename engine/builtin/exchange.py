"""Adapter files in the formats that people have: kohya's and peft's."""

from pathlib import Path
from typing import Any

import torch
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.builtin import checkpoint
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


def _as_kohya(pipe: Any, name: str, alpha: float) -> dict[str, Tensor]:
    prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}
    tensors = {}
    for part, model in _models(pipe).items():
        for path, layer in layers_of(model, name).items():
            stem = path.removeprefix("text_model.").replace(".", "_")
            key = prefix[part] + stem
            tensors[f"{key}.lora_down.weight"] = layer.lora_A[name].weight
            tensors[f"{key}.lora_up.weight"] = layer.lora_B[name].weight
            tensors[f"{key}.alpha"] = torch.tensor(alpha)
    return tensors


def _as_peft(pipe: Any, name: str) -> dict[str, Tensor]:
    tensors = {}
    for part, model in _models(pipe).items():
        if layers_of(model, name):
            state = get_peft_model_state_dict(model, adapter_name=name)
            tensors.update({f"{part}.{key}": value for key, value in state.items()})
    return tensors


def save(pipe: Any, name: str, path: Path, form: str, alpha: float) -> None:
    """Write the adapter in half precision; `form` is "kohya" or "peft" (there alpha = rank)."""
    tensors = _as_kohya(pipe, name, alpha) if form == "kohya" else _as_peft(pipe, name)
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


def check(path: Path, base: Path, trained: Any, name: str) -> None:
    """Raise unless the file, loaded by diffusers into a fresh base, is the adapter in training.

    Counting layers is not idle: a wrongly named half of them is dropped in silence, and images
    hardly show it.
    """
    fresh = checkpoint.load(base)
    fresh.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name="read")
    for part, model in _models(trained).items():
        own = layers_of(model, name)
        read = layers_of(_models(fresh)[part], "read")
        if set(own) != set(read):
            raise ValueError(f"{path.name}: {len(read)} of {len(own)} layers of {part} loaded")
        for key, layer in own.items():
            difference = change_of(layer, name) - change_of(read[key], "read")
            if float(difference.abs().max()) > 2e-2 * float(change_of(layer, name).abs().max()):
                raise ValueError(f"{path.name}: {key} of {part} does not load as it was trained")


def change_of(layer: Any, name: str) -> Tensor:
    """What the adapter adds to the layer's weight at strength 1, as a matrix."""
    down, up = layer.lora_A[name].weight.flatten(1), layer.lora_B[name].weight.flatten(1)
    change: Tensor = (up @ down).detach() * (layer.lora_alpha[name] / layer.r[name])
    return change
