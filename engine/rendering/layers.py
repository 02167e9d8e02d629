"""The checkpoint's layers that a LoRA can touch, under the names that LoRA files use."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.original_names import original_name

#: CLIP's text model is flat in transformers 5 and sits in "text_model" before; LoRA files have
#: either. Names without it are the ones used here.
TEXT_WRAPPER = "text_model."


@dataclass(frozen=True, slots=True)
class Layers:
    """Linear layers and convolutions by full name, such as "unet.mid_block...to_q"."""

    family: str
    checkpoint: str
    modules: dict[str, nn.Module]
    #: The full name by the name with "_" for ".", which is all that kohya's files have.
    underscored: dict[str, str]

    @property
    def device(self) -> torch.device:
        """Where all of them are."""
        return weight_of(next(iter(self.modules.values()))).device

    @property
    def on_gpu(self) -> bool:
        """Whether what goes to the layers should lie in memory that a GPU reads by itself."""
        return self.device.type == "cuda"

    def find(self, part: str, path: str, underscored: bool) -> str | None:
        """The full name of a layer; None where this checkpoint has no such layer.

        An empty `part` means that the file does not say which model it is for.
        """
        parts = (part,) if part else ("unet", "text_encoder", "text_encoder_2")
        for candidate in parts:
            name = self._find_in(candidate, path, underscored)
            if name is not None:
                return name
        return None

    def _find_in(self, part: str, path: str, underscored: bool) -> str | None:
        if underscored:
            return self.underscored.get(f"{part}_{path.removeprefix('text_model_')}")
        name = f"{part}.{path.removeprefix(TEXT_WRAPPER)}"
        return name if name in self.modules else None


def layers_of(checkpoint: Checkpoint) -> Layers:
    """All patchable layers of a checkpoint's two models."""
    modules = {f"unet.{name}": module for name, module in _patchable(checkpoint.unet)}
    encoders = ("text_encoder", "text_encoder_2")
    for part, (_, encoder) in zip(encoders, checkpoint.encoders, strict=False):
        for name, module in _patchable(encoder):
            modules[f"{part}.{name.removeprefix(TEXT_WRAPPER)}"] = module
    underscored = {name.replace(".", "_"): name for name in modules}
    if checkpoint.family == "sdxl":  # whose adapters may have the first code's names
        unet: Any = checkpoint.unet  # nn.Module types its attributes loosely
        per_block = unet.config.layers_per_block
        first = {name: original_name(name, per_block) for name in modules}
        underscored |= {own.replace(".", "_"): name for name, own in first.items() if own}
    return Layers(checkpoint.family, checkpoint.name, modules, underscored)


def _patchable(model: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, module) for name, module in model.named_modules() if _is_patchable(module)]


def _is_patchable(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.padding_mode == "zeros"
    return isinstance(module, nn.Linear)


def weight_of(module: nn.Module) -> torch.Tensor:
    """The weight of a patchable layer: (out, in) or (out, in, height, width)."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)  # nn.Module types its attributes loosely
    return weight
