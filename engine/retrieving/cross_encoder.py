"""A cross encoder of sentence-transformers, by its folder or hub id, in this process."""

import threading
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from sentence_transformers import CrossEncoder

from engine.errors import RerankerUnavailable
from engine.retrieving.embedder import Vectors

#: One prompt at a time: the model takes all cores there are.
_TURN = threading.Lock()


def read_beside(prompt: str, texts: Sequence[str], model: str) -> Vectors:
    """Returns how well each text answers the prompt. Raises `RerankerUnavailable`."""
    with _TURN:
        try:
            scores = _load(model).predict([(prompt, text) for text in texts])
        except (
            Exception
        ) as error:  # the libraries have errors of all kinds for files that do not fit
            raise RerankerUnavailable(
                f"The cross encoder {model} cannot be used; check reranker.model."
            ) from error
    found = np.asarray(scores, np.float32)
    if found.shape != (len(texts),) or not np.isfinite(found).all():
        raise RerankerUnavailable(f"The cross encoder {model} does not give one number a text.")
    return found


@lru_cache(maxsize=1)
def _load(model: str) -> CrossEncoder:
    loaded: CrossEncoder = CrossEncoder(model)
    return loaded
