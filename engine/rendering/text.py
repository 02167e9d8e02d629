"""Prompts as what the UNet is told of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint
from engine.values import Sampling


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Row i is text i, which is what per-image adapters go by."""

    #: Hidden states (texts, tokens, width).
    states: Tensor
    #: What SDXL's UNet takes beside them: pooled texts and sizes.
    added: Mapping[str, Tensor] | None

    def repeated(self, number: int, times: int) -> "Conditioning":
        """One of the texts for so many rows."""
        added = self.added and {
            name: _repeated(rows, number, times) for name, rows in self.added.items()
        }
        return Conditioning(_repeated(self.states, number, times), added)


def _repeated(rows: Tensor, number: int, times: int) -> Tensor:
    return rows[number : number + 1].repeat_interleave(times, 0)


def encode_texts(checkpoint: Checkpoint, texts: Sequence[str], sampling: Sampling) -> Conditioning:
    """All texts in one call, padded to the tokenizer's length and cut where longer.

    As Stable Diffusion has it: the last layer's states; and as SDXL has it: both encoders' states
    before the last layer, and the second one's pooled text.
    """
    if checkpoint.text_encoder_2 is None:
        encoded = _encode(*checkpoint.encoders[0], texts, checkpoint, hidden=False)
        return Conditioning(encoded[0].to(checkpoint.dtype), None)
    both = [_encode(*pair, texts, checkpoint, hidden=True) for pair in checkpoint.encoders]
    # The layer before the last, since what follows it was trained to match pictures.
    states = torch.cat([encoded.hidden_states[-2] for encoded in both], -1).to(checkpoint.dtype)
    pooled = both[1][0].to(checkpoint.dtype)
    if checkpoint.zeros_for_empty:
        empty = [index for index, text in enumerate(texts) if not text]
        states[empty], pooled[empty] = 0, 0
    sizes = _sizes(sampling, states).repeat(len(texts), 1)
    return Conditioning(states, {"text_embeds": pooled, "time_ids": sizes})


def _encode(
    tokenizer: Any, encoder: Any, texts: Sequence[str], checkpoint: Checkpoint, hidden: bool
) -> Any:
    tokens = tokenizer(
        list(texts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return encoder(tokens.input_ids.to(checkpoint.device), output_hidden_states=hidden)


def _sizes(sampling: Sampling, like: Tensor) -> Tensor:
    """The size a training image had, where it was cut, and the size it was cut to: all of it."""
    size = (sampling.height, sampling.width)
    return torch.tensor([[*size, 0, 0, *size]], device=like.device, dtype=like.dtype)
