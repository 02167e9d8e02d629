"""An adapter in training, merged into its model: the layers run on base + scale * up @ down.

Layers that carry their adapter beside them, as peft's do, make four more operations of each one,
and small layers cost by the operation. Here the model stays as it is: before each step its weights
are made anew, and after it the gradient of each weight is projected on the two factors
(d up = scale * G down^T, d down = scale * up^T G).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Changes = Mapping[str, Tensor]
"""What an adapter adds to the weights of layers (out, in), by their paths."""
Factors = Mapping[str, tuple[Tensor, Tensor]]
"""Factors of layers in the shapes that files have, by their paths."""


class Merged:
    """The layers of one adapter and those of finished ones that take part beside it."""

    def __init__(self, layers: Mapping[str, Any], own: set[str], rank: int, scale: float) -> None:
        """Take over `layers`, all that any adapter may change; `own` are those in training."""
        self.layers, self.rank, self.scale = layers, rank, scale
        self.base = {path: layer.weight.detach().clone() for path, layer in layers.items()}
        self.still = dict(self.base)
        self.own = sorted(own)
        for path, layer in layers.items():
            layer.to(torch.bfloat16)
            layer.weight.requires_grad_(path in own)
        widths = [self.base[path].flatten(1).shape for path in self.own]
        self.downs = nn.Parameter(torch.randn(sum(wide for _, wide in widths) * rank) / rank)
        self.ups = nn.Parameter(torch.zeros(sum(high for high, _ in widths) * rank))
        self.gradients = (torch.zeros_like(self.downs), torch.zeros_like(self.ups))
        self.downs.grad, self.ups.grad = self.gradients

    def _factors(self, downs: Tensor, ups: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Each layer's part of the two rows of numbers: (rank, in) and (out, rank)."""
        for path in self.own:
            high, wide = self.base[path].flatten(1).shape
            down, downs = downs[: self.rank * wide], downs[self.rank * wide :]
            up, ups = ups[: self.rank * high], ups[self.rank * high :]
            yield path, down.view(self.rank, wide), up.view(high, self.rank)

    @torch.no_grad()
    def start_from(self, changes: Changes) -> None:
        """Take over another adapter's changes, cut to this one's rank by singular values."""
        for path, down, up in self._factors(self.downs, self.ups):
            if path in changes:
                left, strength, right = torch.linalg.svd(changes[path], full_matrices=False)
                kept = min(self.rank, len(strength))
                root = strength[:kept].sqrt()
                down[:kept] = right[:kept] * root[:, None]
                up[:, :kept] = left[:, :kept] * root / self.scale

    @torch.no_grad()
    def accompany(self, changes: Changes, weight: float) -> None:
        """From now on, a finished adapter takes part with this weight, and no other one."""
        self.still = {
            path: base + weight * changes[path].view_as(base) if path in changes else base
            for path, base in self.base.items()
        }
        for path in self.layers.keys() - set(self.own):
            self.layers[path].weight.copy_(self.still[path])

    @torch.no_grad()
    def merge(self) -> None:
        """Write the weights of the layers in training."""
        for path, down, up in self._factors(self.downs, self.ups):
            still = self.still[path]
            weight = torch.addmm(still.flatten(1), up, down, alpha=self.scale)
            self.layers[path].weight.copy_(weight.view_as(still))

    @torch.no_grad()
    def project(self) -> None:
        """Turn the gradients of the weights into those of the factors."""
        parts = zip(
            self._factors(self.downs, self.ups), self._factors(*self.gradients), strict=True
        )
        for (path, down, up), (_, down_grad, up_grad) in parts:
            weight = self.layers[path].weight
            grad = weight.grad.float().flatten(1)
            weight.grad = None
            torch.mm(up.T, grad, out=down_grad)
            torch.mm(grad, down.T, out=up_grad)
        for gradient in self.gradients:
            gradient *= self.scale

    def changes(self) -> dict[str, Tensor]:
        """What the adapter adds to each layer's weight at strength 1, as a matrix."""
        with torch.no_grad():
            parts = self._factors(self.downs, self.ups)
            return {path: self.scale * (up @ down) for path, down, up in parts}

    def factors(self) -> Factors:
        """The factors in the shapes that files have: a convolution's down has its kernel."""
        made = {}
        for path, down, up in self._factors(self.downs.detach(), self.ups.detach()):
            weight = self.base[path]
            kernel = weight.shape[2:]
            ones = [1] * len(kernel)
            made[path] = down.view(self.rank, -1, *kernel), up.view(*up.shape, *ones)
        return made
