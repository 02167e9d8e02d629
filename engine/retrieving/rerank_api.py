"""A reranking server, any that is asked as Cohere's and Jina's are: POST /rerank."""

import json
import math
from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np

from engine.errors import RerankerUnavailable
from engine.retrieving.embedder import Vectors
from engine.settings_retrieving import Reranker

#: Most bytes of an answer; an index and a score for each text are far fewer.
ANSWER_BYTES = 2**20


async def ask_server(query: str, texts: Sequence[str], settings: Reranker) -> Vectors:
    """Returns the server's score of each text. Raises `RerankerUnavailable`.

    Errors hold neither the key nor the server's words. The time limit is the caller's.
    """
    question = {
        "model": settings.model,
        "query": query,
        "documents": list(texts),
        "top_n": len(texts),
    }
    key = settings.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{settings.base_url.rstrip('/')}/rerank"
    try:
        async with (
            aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, json=question, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise RerankerUnavailable(f"The reranker answered with status {response.status}.")
            said = await response.content.read(ANSWER_BYTES)
            while not response.content.at_eof() and len(said) < ANSWER_BYTES:
                said += await response.content.read(ANSWER_BYTES - len(said))
    except (aiohttp.ClientError, ValueError) as error:
        raise RerankerUnavailable("The reranker did not answer.") from error
    return read_scores(said, len(texts))


def read_scores(said: bytes, count: int) -> Vectors:
    """Returns one score a text. Raises `RerankerUnavailable` unless every text has exactly one."""
    try:
        told = {
            _index(one["index"], count): float(one["relevance_score"])
            for one in json.loads(said)["results"]
        }
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise RerankerUnavailable("The reranker's answer could not be read.") from error
    if len(told) != count or not all(map(math.isfinite, told.values())):
        raise RerankerUnavailable("The reranker's answer could not be read.")
    return np.array([told[n] for n in range(count)], np.float32)


def _index(told: Any, count: int) -> int:
    if not isinstance(told, int) or not 0 <= told < count:
        raise ValueError
    return told
