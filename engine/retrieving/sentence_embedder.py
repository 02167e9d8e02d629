"""Any embedder of sentence-transformers, by its folder or hub id, in this process."""

import threading
from functools import lru_cache

import numpy as np
from sentence_transformers import SentenceTransformer

from engine.errors import EmbedderUnavailable
from engine.retrieving.embedder import Vectors

#: Characters that are read for each token that counts.
TOKEN_CHARACTERS = 5
#: One call at a time: the model takes all cores there are.
_TURN = threading.Lock()


def encode(model: str, dimensions: int, texts: list[str], tokens: int) -> Vectors:
    """Returns unit vectors of about the first tokens of each text. Raises `EmbedderUnavailable`."""
    cut = [text[: tokens * TOKEN_CHARACTERS] for text in texts]
    with _TURN:
        try:
            found = _load(model, dimensions).encode(cut, normalize_embeddings=True)
        except Exception as error:  # files that do not fit raise whatever they like
            raise EmbedderUnavailable(
                f"The embedder {model} cannot be used; check embeddings.model."
            ) from error
    vectors = np.asarray(found, np.float32)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise EmbedderUnavailable(f"The embedder {model} does not give one vector a text.")
    return vectors


@lru_cache(maxsize=1)
def _load(model: str, dimensions: int) -> SentenceTransformer:
    return SentenceTransformer(model, truncate_dim=dimensions or None)
