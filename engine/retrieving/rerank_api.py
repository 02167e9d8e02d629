"""A reranking server, any that is asked as Cohere's and Jina's are: POST /rerank."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import RerankerUnavailable
from engine.retrieving.embedder import Vectors
from engine.retrieving.model_server import NoAnswer, ask
from engine.settings_retrieving import Reranker

#: Most bytes of an answer; an index and a score for each text are far fewer.
ANSWER_BYTES = 2**20


async def ask_server(query: str, texts: Sequence[str], settings: Reranker) -> Vectors:
    """Returns the server's score of each text. Raises `RerankerUnavailable`.

    The time limit is the caller's.
    """
    question = {
        "model": settings.model,
        "query": query,
        "documents": list(texts),
        "top_n": len(texts),
    }
    try:
        url = f"{settings.base_url.rstrip('/')}/rerank"
        return read_scores(await ask(url, settings.api_key, question, ANSWER_BYTES), len(texts))
    except NoAnswer as error:
        if error.status:
            raise RerankerUnavailable(
                f"The reranker answered with status {error.status}."
            ) from error
        raise RerankerUnavailable("The reranker did not answer.") from error


def read_scores(said: Any, count: int) -> Vectors:
    """Returns one score a text. Raises `RerankerUnavailable` unless every text has exactly one."""
    try:
        told = {
            _index(one["index"], count): float(one["relevance_score"]) for one in said["results"]
        }
    except (ValueError, LookupError, TypeError) as error:
        raise RerankerUnavailable("The reranker's answer could not be read.") from error
    if len(told) != count or not all(map(math.isfinite, told.values())):
        raise RerankerUnavailable("The reranker's answer could not be read.")
    return np.array([told[n] for n in range(count)], np.float32)


def _index(told: Any, count: int) -> int:
    if not isinstance(told, int) or not 0 <= told < count:
        raise ValueError
    return told
