"""What an adapter adds to one layer, in every form that is exact.

    LoRA    scale * up @ down                        Hu et al., arXiv 2106.09685
    LoHa    scale * (up1 @ down1) . (up2 @ down2)    Hyeon-Woo et al., arXiv 2108.06098
    LoKr    scale * kron(first, second)              Yeh et al., arXiv 2309.14859
    DoRA    m * (weight + other) / |weight + other| - weight, of any of them
                                                     Liu et al., arXiv 2402.09353

All are differences that an adapter's weight multiplies, so that adapters add up and a weight of
zero is no adapter. For DoRA programs disagree below a weight of one: lycoris takes away only the
magnitudes and PEFT puts the weight into the norm, so that with both something stays at zero; we
take ComfyUI's reading, which is a share of the whole difference. At one all of them are the same.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import torch
from torch import Tensor

#: A matrix, or several whose product it is.
Matrix = tuple[Tensor, ...]


class Part(Protocol):
    """What one adapter adds to one layer."""

    @property
    def bytes(self) -> int:
        """Bytes of RAM that its numbers take."""

    def delta(self, weight: Tensor) -> Tensor:
        """The difference for the layer of that weight, which it is added to.

        (out, in) or (out, in * height * width), in float32 and on the weight's device.
        """


@dataclass(frozen=True, slots=True)
class Factors:
    """A LoRA's two factors, which need not be multiplied out."""

    #: (rank, in) for a linear layer, (rank, in, height, width) for a convolution.
    down: Tensor
    #: (out, rank) for a linear layer, (out, rank, 1, 1) for a convolution.
    up: Tensor
    #: Alpha divided by rank.
    scale: float

    @property
    def rank(self) -> int:
        """Number of rows of `down`."""
        return self.down.shape[0]

    @property
    def bytes(self) -> int:
        """As `Part`."""
        return self.down.nbytes + self.up.nbytes

    def delta(self, weight: Tensor) -> Tensor:
        """As `Part`."""
        return _product((self.up.flatten(1), self.down.flatten(1)), weight) * self.scale


@dataclass(frozen=True, slots=True)
class Hadamard:
    """A LoHa: two low-rank matrices, multiplied number by number."""

    first: Matrix
    second: Matrix
    scale: float

    @property
    def bytes(self) -> int:
        """As `Part`."""
        return _bytes(self.first) + _bytes(self.second)

    def delta(self, weight: Tensor) -> Tensor:
        """As `Part`."""
        return _product(self.first, weight) * _product(self.second, weight) * self.scale


@dataclass(frozen=True, slots=True)
class Kronecker:
    """A LoKr: every number of a small matrix times all of another."""

    first: Matrix
    second: Matrix
    scale: float

    @property
    def bytes(self) -> int:
        """As `Part`."""
        return _bytes(self.first) + _bytes(self.second)

    def delta(self, weight: Tensor) -> Tensor:
        """As `Part`."""
        first = _product(self.first, weight) * self.scale
        return torch.kron(first, _product(self.second, weight))


@dataclass(frozen=True, slots=True)
class Decomposed:
    """A DoRA: the merged weight gets magnitudes of its own, by output or by input."""

    part: Part
    #: (out, 1, 1), or (1, in, 1).
    magnitudes: Tensor

    @property
    def bytes(self) -> int:
        """As `Part`."""
        return self.part.bytes + self.magnitudes.nbytes

    def delta(self, weight: Tensor) -> Tensor:
        """As `Part`."""
        pristine = weight.float().flatten(1)
        merged = (pristine + self.part.delta(weight)).view(*weight.shape[:2], -1)
        others = [axis for axis in range(3) if self.magnitudes.shape[axis] == 1]
        norms = torch.linalg.vector_norm(merged, dim=others, keepdim=True)
        norms += torch.finfo(torch.float32).eps
        own = self.magnitudes.to(weight.device, torch.float32) / norms
        decomposed: Tensor = (merged * own).flatten(1)
        return decomposed - pristine


def _product(matrix: Matrix, like: Tensor) -> Tensor:
    return reduce(torch.matmul, [one.to(like.device, non_blocking=True).float() for one in matrix])


def _bytes(matrix: Matrix) -> int:
    return sum(one.nbytes for one in matrix)
