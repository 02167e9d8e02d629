"""What takes a layer's place while images go through it with adapters of their own.

Two exact forms of `weight + sum(scale * up @ down)`, where every image may have its own sum:

    slots    the sums themselves, merged in float32 from the layer's own weight; a product with
             each slot's rows. No further arithmetic, and memory for a weight a slot.
    factors  the downs of all adapters as further outputs of the layer's own product, then one
             batched product with ups that are scaled an image. Little memory, and arithmetic in
             proportion to the rank.

Differences without small factors are in the merged sums, or multiplied out at every call.

Rows of one image lie beside each other, those of images that share a slot as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.rendering.layers import weight_of
from engine.rendering.lora_parts import Part

#: Outputs are filled up to a multiple of this: oneDNN and tensor cores have slow paths for others.
_ALIGNED = 16

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Delta:
    """What all adapters together add to one layer, image by image or slot by slot.

    Entry i is `ups[i] @ downs`: the adapters' weights and alphas are in the ups.
    """

    #: (rank, in) or (rank, in, height, width), in the layer's device and float32.
    downs: Tensor
    #: (entries, out, rank), likewise.
    ups: Tensor

    @property
    def rank(self) -> int:
        """The rank of all adapters together."""
        return self.downs.shape[0]


def merged(module: nn.Module, entries: int, delta: Delta | None, whole: Tensor | None) -> Tensor:
    """The layer's weight with each entry's adapters in it: (entries, *weight).

    `whole` (entries, out, in) is what they add beside `delta`.
    """
    weight = weight_of(module)
    pristine = weight.float().flatten(1).expand(entries, -1, -1)
    if delta is not None:
        downs = delta.downs.flatten(1).expand(entries, -1, -1)
        pristine = torch.baddbmm(pristine, delta.ups, downs)
    sums = pristine if whole is None else pristine + whole
    return sums.to(weight.dtype).view(entries, *weight.shape)


def slots(module: nn.Module, weights: Tensor, shares: Sequence[int]) -> Forward:
    """The layer by merged weights; slot i has `shares[i]` of every `sum(shares)` rows."""
    if len(shares) == 1:
        return _one_slot(module, weights[0])
    if isinstance(module, nn.Linear) and len(set(shares)) == 1:
        return _equal_slots(weights, _bias(module))
    forwards = [_one_slot(module, weight) for weight in weights]

    def forward(rows: Tensor) -> Tensor:
        unit = len(rows) // sum(shares)
        parts = torch.split(rows, [share * unit for share in shares])
        return torch.cat([one(part) for one, part in zip(forwards, parts, strict=True)])

    return forward


def _one_slot(module: nn.Module, weight: Tensor) -> Forward:
    bias = _bias(module)
    if isinstance(module, nn.Conv2d):
        weight = _laid_out(module, weight)
        return lambda rows: functional.conv2d(
            rows, weight, bias, module.stride, module.padding, module.dilation
        )
    return lambda rows: functional.linear(rows, weight, bias)


def _equal_slots(weights: Tensor, bias: Tensor | None) -> Forward:
    turned = weights.transpose(1, 2)

    def forward(rows: Tensor) -> Tensor:
        batched = rows.reshape(len(weights), -1, rows.shape[-1])
        if bias is None:
            product = torch.bmm(batched, turned)
        else:
            product = torch.baddbmm(bias, batched, turned)
        return product.view(*rows.shape[:-1], -1)

    return forward


def factors(module: nn.Module, delta: Delta) -> Forward:
    """The layer by low-rank factors; `delta` has an entry an image."""
    weight, bias = weight_of(module), _bias(module)
    out, rank, images = weight.shape[0], delta.rank, len(delta.ups)
    filling = -(out + rank) % _ALIGNED
    downs = delta.downs.to(weight.dtype)
    wide = torch.cat([weight, downs, weight.new_zeros(filling, *weight.shape[1:])])
    wide_bias = None if bias is None else torch.cat([bias, bias.new_zeros(rank + filling)])
    ups = delta.ups.to(weight.dtype)
    turned = ups.transpose(1, 2)

    def added(both: Tensor) -> Tensor:
        """(images, rows, out) of the wide product (images, rows, wide)."""
        return torch.baddbmm(both[..., :out], both[..., out : out + rank], turned)

    if isinstance(module, nn.Conv2d):
        conv, wide = module, _laid_out(module, wide)

        def forward(rows: Tensor) -> Tensor:
            both = functional.conv2d(
                rows, wide, wide_bias, conv.stride, conv.padding, conv.dilation
            )
            height, width = both.shape[2:]
            if both.is_contiguous():
                flat = both.flatten(2)
                own = ups.repeat_interleave(len(rows) // images, 0)
                sums = torch.baddbmm(flat[:, :out], own, flat[:, out : out + rank])
                return sums.view(len(rows), out, height, width)
            last = both.permute(0, 2, 3, 1)
            sums = added(last.reshape(images, -1, last.shape[-1]))
            return sums.view(len(rows), height, width, out).permute(0, 3, 1, 2)

        return forward

    def forward_linear(rows: Tensor) -> Tensor:
        both = functional.linear(rows, wide, wide_bias)
        sums = added(both.view(images, -1, both.shape[-1]))
        return sums.view(*rows.shape[:-1], out)

    return forward_linear


def chosen(choose: Callable[[Tensor], Forward]) -> Forward:
    """The layer in the form that is chosen by its first rows; later ones have their shape."""
    form: Forward | None = None
    # Let go of once it has chosen: it holds on to the adapters.
    pending = [choose]

    def forward(rows: Tensor) -> Tensor:
        nonlocal form
        if form is None:
            form = pending.pop()(rows)
        return form(rows)

    return forward


def multiplied_out(
    module: nn.Module, lean: Forward, parts: Sequence[tuple[Part, Sequence[float]]]
) -> Forward:
    """The layer as `lean` has it, and differences that have no small factors.

    Each comes with its strength in every image. They are multiplied out anew at every call, so
    that one layer's are in memory at a time: slow, for where merged weights have no room.
    """
    weight = weight_of(module)
    strengths = [
        torch.tensor(own, dtype=weight.dtype).to(weight.device, non_blocking=True)
        for _, own in parts
    ]

    def forward(rows: Tensor) -> Tensor:
        sums = lean(rows)
        for (part, _), own in zip(parts, strengths, strict=True):
            delta = part.delta(weight).to(weight.dtype).view(weight.shape)
            scales = own.repeat_interleave(len(rows) // len(own))
            sums = sums + _applied(module, rows, delta) * scales.view(-1, *[1] * (rows.dim() - 1))
        return sums

    return forward


def _applied(module: nn.Module, rows: Tensor, weight: Tensor) -> Tensor:
    """The layer's own operation with another weight and no bias."""
    if isinstance(module, nn.Conv2d):
        return functional.conv2d(rows, weight, None, module.stride, module.padding, module.dilation)
    return functional.linear(rows, weight)


def _laid_out(conv: nn.Conv2d, weight: Tensor) -> Tensor:
    """The weight in memory as the layer's own; else it would be turned round at every call."""
    if conv.weight.is_contiguous():
        return weight
    return weight.contiguous(memory_format=torch.channels_last)


def _bias(module: nn.Module) -> Tensor | None:
    bias = module.bias
    assert bias is None or isinstance(bias, Tensor)  # nn.Module types its attributes loosely
    return bias
