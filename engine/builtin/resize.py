"""Takes a finished adapter over into another one of any rank, as a start for its training."""

from typing import Any

import torch
from torch import nn

from engine.builtin.exchange import change_of, layers_of


@torch.no_grad()
def take_over(model: nn.Module, source: str, target: str) -> int:
    """Set the model's adapter `target` to the nearest one of its rank to `source`.

    Layers that `source` does not have keep their start. Returns how many were set.
    """
    given, own = layers_of(model, source), layers_of(model, target)
    shared = sorted(given.keys() & own.keys())
    for path in shared:
        _set(own[path], target, change_of(given[path], source), given[path].r[source])
    return len(shared)


def _set(layer: Any, name: str, change: torch.Tensor, rank: int) -> None:
    """Write the strongest directions; beyond the source's rank there is nothing to write."""
    kept = min(rank, layer.r[name])
    left, strength, right = torch.linalg.svd(change, full_matrices=False)
    root = strength[:kept].sqrt()
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    down.view(len(down), -1)[:kept] = right[:kept] * root[:, None]
    scale = layer.lora_alpha[name] / layer.r[name]
    up.view(len(up), -1)[:, :kept] = left[:, :kept] * root / scale
