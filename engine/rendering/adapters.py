"""Per-image adapters on one batch, exact: see `patches` for the two forms and what they cost."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from engine.errors import BadOption
from engine.rendering import patches
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_file import Lora
from engine.rendering.lora_parts import Factors, Part
from engine.rendering.patches import Delta, Forward
from engine.rendering.upload import Upload

MAX_WEIGHT = 2.0
#: Memory for the merged weights of one batch.
SLOT_BYTES = 4 * 2**30
#: A convolution goes by factors if its adapters have at most this share of its outputs as their
#: rank ...
_NARROW = 0.35
#: ... and a slot at most this share of its outputs as pixels. Where pictures are small and weights
#: large, merging and reading several weights costs more than a wider product (see BENCHMARKS.md).
_SMALL = 0.25

#: What tells one set of adapters from another: files and weights.
Mask = tuple[tuple[str, float], ...]


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


def mask_of(uses: Sequence[Use]) -> Mask:
    """What an image's adapters come down to; two adapters with one file add up."""
    weights: dict[str, float] = {}
    for use in uses:
        weights[use.lora.sha256] = weights.get(use.lora.sha256, 0.0) + use.weight
    return tuple(sorted((sha, weight) for sha, weight in weights.items() if weight != 0))


@contextmanager
def applied(
    layers: Layers, images: Sequence[Sequence[Use]], slot_bytes: int = SLOT_BYTES
) -> Iterator[None]:
    """While open, rows of every batch go through the adapters of their image.

    A batch has the same number of rows for each image, and an image's rows beside each other.
    Images with the same adapters share merged weights where they are neighbours. Only layers
    that an adapter touches are patched, and they are as before once the context is left, in
    whatever way.
    """
    masks = [mask_of(uses) for uses in images]
    loras = {use.lora.sha256: use.lora for uses in images for use in uses}
    on = [loras[sha] for sha in dict.fromkeys(sha for mask in masks for sha, _ in mask)]
    names = list(dict.fromkeys(name for lora in on for name in lora.layers))
    slotted = [(mask, len(list(same))) for mask, same in groupby(masks)]
    choice = _Choice(masks, slotted, slot_bytes, _bytes(layers, names), layers.device)
    with ExitStack() as stack:
        for name in names:
            module = layers.modules[name]
            touching = [(lora.sha256, lora.layers[name]) for lora in on if name in lora.layers]
            # An attribute of the layer's own hides the method of its class until it is taken away.
            vars(module)["forward"] = choice.forward(module, touching)
            stack.callback(vars(module).pop, "forward")
        del choice  # and what it has on the device
        yield


def _bytes(layers: Layers, names: Sequence[str]) -> int:
    return sum(weight_of(layers.modules[name]).nbytes for name in names)


class _Choice:
    """Which form a layer takes, for one batch."""

    def __init__(
        self,
        masks: Sequence[Mask],
        slotted: Sequence[tuple[Mask, int]],
        slot_bytes: int,
        weight_bytes: int,
        device: torch.device,
    ) -> None:
        self._masks = masks
        self._slots = [mask for mask, _ in slotted]
        self._shares = [count for _, count in slotted]
        self._room = len(self._slots) * weight_bytes <= slot_bytes
        self._device = device
        self._upload = Upload(device)
        #: Layers of one file mostly have one alpha and rank, and so the same scales.
        self._scales: dict[object, Tensor] = {}

    def forward(self, module: nn.Module, touching: Sequence[tuple[str, Part]]) -> Forward:
        """What takes the place of the layer's own `forward`."""
        if not self._room and len(self._slots) > 1:
            return self._factors(module, touching)
        if not isinstance(module, nn.Conv2d) or not self._narrow(module, touching):
            return self._merged(module, touching)
        return patches.chosen(
            lambda rows: (
                self._factors(module, touching)
                if rows[:, 0].numel() <= _SMALL * module.out_channels * len(self._slots)
                else self._merged(module, touching)
            )
        )

    def _narrow(self, module: nn.Module, touching: Sequence[tuple[str, Part]]) -> bool:
        """Whether all is of low rank, together as well, and there is more than one slot."""
        ranks = [part.rank for _, part in touching if isinstance(part, Factors)]
        low = sum(ranks) <= _NARROW * weight_of(module).shape[0]
        return len(self._slots) > 1 and low and len(ranks) == len(touching)

    def _merged(self, module: nn.Module, touching: Sequence[tuple[str, Part]]) -> Forward:
        low, whole = _by_form(touching)
        delta = self._delta(low, self._slots) if low else None
        sums = _sums(module, whole, self._slots) if whole else None
        weights = patches.merged(module, len(self._slots), delta, sums)
        return patches.slots(module, weights, self._shares)

    def _factors(self, module: nn.Module, touching: Sequence[tuple[str, Part]]) -> Forward:
        low, whole = _by_form(touching)
        lean = module.forward
        if low:
            lean = patches.factors(module, self._delta(low, self._masks))
        strengths = [(part, [dict(m).get(sha, 0.0) for m in self._masks]) for sha, part in whole]
        return patches.multiplied_out(module, lean, strengths) if whole else lean

    def _delta(self, touching: Sequence[tuple[str, Factors]], masks: Sequence[Mask]) -> Delta:
        downs = _joined([self._upload(f.down) for _, f in touching], 0)
        ups = _joined([self._upload(f.up) for _, f in touching], 1)
        ups = ups.flatten(1) if ups.dim() > 2 else ups
        return Delta(downs, ups * self._strengths(touching, masks))

    def _strengths(self, touching: Sequence[tuple[str, Factors]], masks: Sequence[Mask]) -> Tensor:
        """(masks, 1, rank of all): an adapter's weight and alpha, zero where it is off."""
        key = masks is self._masks, tuple((sha, f.scale, f.rank) for sha, f in touching)
        if key not in self._scales:
            rows = [
                [dict(mask).get(sha, 0.0) * f.scale for sha, f in touching for _ in range(f.rank)]
                for mask in masks
            ]
            scales = torch.tensor(rows)[:, None, :]
            # Else it would wait until the device has done all that it was told before.
            self._scales[key] = scales.to(self._device, non_blocking=True)
        return self._scales[key]


def _by_form(
    touching: Sequence[tuple[str, Part]],
) -> tuple[list[tuple[str, Factors]], list[tuple[str, Part]]]:
    """What has small factors, and what has not."""
    low = [(sha, part) for sha, part in touching if isinstance(part, Factors)]
    return low, [(sha, part) for sha, part in touching if not isinstance(part, Factors)]


def _joined(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """In float32; there first and then wider, since each operation costs a GPU's time."""
    return (torch.cat(list(tensors), axis) if len(tensors) > 1 else tensors[0]).float()


def _sums(module: nn.Module, touching: Sequence[tuple[str, Part]], masks: Sequence[Mask]) -> Tensor:
    """(masks, out, in) of what has no small factors."""
    weight = weight_of(module)
    sums = weight.new_zeros(len(masks), len(weight), weight[0].numel(), dtype=torch.float32)
    for sha, part in touching:
        delta = part.delta(weight)
        for own, mask in zip(sums, masks, strict=True):
            own.add_(delta, alpha=dict(mask).get(sha, 0.0))
    return sums
