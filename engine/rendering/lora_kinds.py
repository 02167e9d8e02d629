"""The kinds of adapter by the tensors that a layer has in the file.

Names and shapes are those that lycoris writes (https://github.com/KohakuBlueleaf/LyCORIS), PEFT's
for its own magnitudes. A Tucker core, which some convolutions have, becomes part of the factor
beside it.
"""

from collections.abc import Collection, Mapping
from itertools import product

import torch
from torch import Tensor

from engine.rendering.lora_parts import Decomposed, Factors, Hadamard, Kronecker, Matrix, Part

#: What a tensor is to its layer: "down", "up", "mid", "alpha", "magnitude", or lycoris' own name.
Role = str

#: A layer has one of the sets of its kind, whole.
_LORA = ({"down", "up"}, {"down", "up", "mid"})
_LOHA_PLAIN = {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}
_LOHA = (_LOHA_PLAIN, {*_LOHA_PLAIN, "hada_t1", "hada_t2"})
_LOKR = tuple(
    first | second
    for first, second in product(
        ({"lokr_w1"}, {"lokr_w1_a", "lokr_w1_b"}),
        ({"lokr_w2"}, {"lokr_w2_a", "lokr_w2_b"}, {"lokr_w2_a", "lokr_w2_b", "lokr_t2"}),
    )
)
_SETS = (*_LORA, *_LOHA, *_LOKR)
_BESIDE = {"alpha", "dora_scale", "magnitude"}


def missing(roles: Collection[Role]) -> set[Role] | None:
    """The roles that a layer with these lacks; None where they are of several kinds."""
    own = set(roles) - _BESIDE
    fitting = [whole for whole in _SETS if own <= whole]
    return min((whole - own for whole in fitting), key=len) if fitting else None


def is_plain(roles: Collection[Role]) -> bool:
    """Whether two matrices, and alpha perhaps, are all that there is."""
    return set(roles) - {"alpha"} == _LORA[0]


def rank_of(shapes: Mapping[Role, tuple[int, ...]]) -> int | None:
    """The rank that alpha is divided by; None for a LoKr of two whole matrices, which has none."""
    for role in ("down", "hada_w1_b", "lokr_w2_b", "lokr_w1_b"):
        if role in shapes:
            return shapes[role][0]
    return None


def part_of(tensors: Mapping[Role, Tensor], scale: float, dimensions: int) -> Part:
    """What the tensors add to a layer whose weight has so many dimensions.

    Raises RuntimeError from torch where shapes do not go together.
    """
    part: Part
    if "up" in tensors:
        part = _factors(tensors, scale, dimensions)
    elif "hada_w1_a" in tensors:
        part = Hadamard(_factored(tensors, "hada_w1"), _factored(tensors, "hada_w2"), scale)
    else:
        part = Kronecker(_factored(tensors, "lokr_w1"), _factored(tensors, "lokr_w2"), scale)
    if "magnitude" in tensors:  # PEFT's are always by output
        return Decomposed(part, tensors["magnitude"].reshape(-1, 1, 1))
    if "dora_scale" in tensors:
        magnitudes = tensors["dora_scale"]
        return Decomposed(part, magnitudes.reshape(*magnitudes.shape[:2], -1))
    return part


def _factors(tensors: Mapping[Role, Tensor], scale: float, dimensions: int) -> Factors:
    down = tensors["down"]
    if "mid" in tensors:
        down = _folded(tensors["mid"], down.flatten(1))
    return Factors(_shaped(down, dimensions), _shaped(tensors["up"], dimensions), scale)


def _factored(tensors: Mapping[Role, Tensor], stem: str) -> Matrix:
    """The matrix of that name, whole or as its factors; convolutions are flat: (out, in * k)."""
    if stem in tensors:
        return (tensors[stem].flatten(1),)
    up, down = tensors[f"{stem}_a"], tensors[f"{stem}_b"]
    core = tensors.get(stem.replace("_w", "_t"))
    if core is not None:
        return up.T, _folded(core, down).flatten(1)
    return up, down.flatten(1)


def _folded(core: Tensor, down: Tensor) -> Tensor:
    """A Tucker core (rank, rank, height, width) times (rank, in): (rank, in, height, width)."""
    return torch.einsum("rshw,si->rihw", core.float(), down.float())


def _shaped(tensor: Tensor, dimensions: int) -> Tensor:
    """With or without the trailing 1 x 1, as the layer's weight has it."""
    if dimensions == 2:
        return tensor.reshape(tensor.shape[:2])
    return tensor if tensor.dim() == 4 else tensor[:, :, None, None]
