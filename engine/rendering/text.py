"""Prompts as the text encoder's hidden states."""

from collections.abc import Sequence

from torch import Tensor

from engine.rendering.checkpoint import Checkpoint


def encode_texts(checkpoint: Checkpoint, texts: Sequence[str]) -> Tensor:
    """Hidden states (texts, tokens, width) of all texts in one call.

    As Stable Diffusion has it: padded to the tokenizer's length, cut where longer, the last
    layer's states. Row i is text i, which is what per-image adapters go by.
    """
    tokens = checkpoint.tokenizer(
        list(texts),
        padding="max_length",
        max_length=checkpoint.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    states: Tensor = checkpoint.text_encoder(tokens.input_ids.to(checkpoint.device))[0]
    return states.to(checkpoint.dtype)
