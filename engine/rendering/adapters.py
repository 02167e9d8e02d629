"""Per-image adapters on one batch, exact.

For a layer that some adapters of the batch touch, the factors of all of them are concatenated
along the rank: one product with the downs gives every adapter's rank activations, each row is
multiplied by its own image's scales, zero where an adapter is off, and one product with the
ups adds them up. That is the same sum as one adapter at a time, whatever each row's set is.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import BadOption
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_file import Factors, Lora

MAX_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Use:
    """One adapter in one image."""

    lora: Lora
    weight: float


def check_weight(weight: float, title: str) -> None:
    """Refuses weights that nobody means, with BadOption."""
    if not math.isfinite(weight) or abs(weight) > MAX_WEIGHT:
        raise BadOption(
            f"Adapter “{title}” has the weight {weight:g}: give a number from "
            f"-{MAX_WEIGHT:g} to {MAX_WEIGHT:g}."
        )


@contextmanager
def applied(layers: Layers, images: Sequence[Sequence[Use]]) -> Iterator[None]:
    """While open, row i of every batch goes through the adapters of image i modulo the images.

    So a batch may hold each image once, or all negative rows and then all positive rows, as
    classifier-free guidance has them. Only layers that an adapter touches are patched, and they
    are as before once the context is left, in whatever way.
    """
    loras = list({use.lora.sha256: use.lora for uses in images for use in uses}.values())
    weights = _weights(loras, images)
    with ExitStack() as stack:
        for name in dict.fromkeys(name for lora in loras for name in lora.layers):
            module = layers.modules[name]
            patch = _patch(module, [lora.layers.get(name) for lora in loras], weights)
            stack.callback(module.register_forward_hook(patch).remove)
        yield


def _weights(loras: Sequence[Lora], images: Sequence[Sequence[Use]]) -> Tensor:
    """(images, loras) in float32; two adapters with one file add up."""
    columns = {lora.sha256: column for column, lora in enumerate(loras)}
    weights = torch.zeros(len(images), len(loras))
    for row, uses in enumerate(images):
        for use in uses:
            weights[row, columns[use.lora.sha256]] += use.weight
    return weights


class _Patch:
    """A forward hook that adds the low-rank part to a layer's output."""

    def __init__(self, down: Tensor, up: Tensor, scales: Tensor) -> None:
        self._down = down
        self._up = up
        #: (images, total rank)
        self._scales = scales

    def __call__(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        rows = args[0]
        scales = self._scales.repeat(rows.shape[0] // self._scales.shape[0], 1)
        if isinstance(module, nn.Conv2d):
            ranks = functional.conv2d(
                rows, self._down, None, module.stride, module.padding, module.dilation
            )
            return output + functional.conv2d(ranks * scales[:, :, None, None], self._up)
        ranks = functional.linear(rows, self._down)
        middle = (1,) * (rows.dim() - 2)
        return output + functional.linear(ranks * scales.view(len(scales), *middle, -1), self._up)


def _patch(module: nn.Module, factors: Sequence[Factors | None], weights: Tensor) -> _Patch:
    """The hook of one layer. `factors` has one entry a column of `weights`."""
    weight = weight_of(module)
    touching = [(column, f) for column, f in enumerate(factors) if f is not None]
    down = torch.cat([f.down.to(weight.device, weight.dtype) for _, f in touching])
    up = torch.cat([f.up.to(weight.device, weight.dtype) for _, f in touching], dim=1)
    scales = torch.cat(
        [(weights[:, column, None] * f.scale).expand(-1, f.rank) for column, f in touching], dim=1
    )
    return _Patch(down, up, scales.to(weight.device, weight.dtype))
