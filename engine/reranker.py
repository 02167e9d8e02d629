"""The reranker, between retriever and composer: a model reads each card beside the prompt.

Off by default. The paper's ablation took the best three of a cross encoder, whatever it thought of
them; here only the order changes and the end of the list goes, and the composer still decides what
serves which idea, and whether anything does. Two kinds, one contract: a cross encoder in this
process, or a server that is asked as Cohere's and Jina's are.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from engine.errors import RerankerUnavailable
from engine.retrieving.embedder import Vectors
from engine.retrieving.rerank_api import ask_server
from engine.retrieving.retrieval import Retrieval
from engine.settings_retrieving import Reranker
from engine.values import Adapter, Candidate

#: Characters of a card that the model reads.
CARD_CHARACTERS = 400


async def rerank(prompt: str, retrieval: Retrieval, settings: Reranker) -> Retrieval:
    """Returns the `settings.keep` best candidates with the reranker's scores, best first.

    Without a reranker, and where it fails or takes too long, the retrieval as it is; then
    `degraded` says so.
    """
    if settings.kind == "none" or not retrieval.candidates:
        return retrieval
    began = perf_counter()
    texts = [card_text(candidate.adapter) for candidate in retrieval.candidates]
    try:
        scores = await _scores(prompt, texts, settings)
    except RerankerUnavailable as error:
        said = f"{error} The retriever's order was kept."
        seconds = retrieval.seconds + perf_counter() - began
        return replace(retrieval, degraded=(*retrieval.degraded, said), seconds=seconds)
    order = np.argsort(-scores, kind="stable")[: settings.keep]
    found = retrieval.candidates
    return replace(
        retrieval,
        candidates=tuple(Candidate(found[n].adapter, float(scores[n])) for n in order),
        headings=retrieval.headings[order],
        bodies=retrieval.bodies[order],
        seconds=retrieval.seconds + perf_counter() - began,
    )


def card_text(adapter: Adapter) -> str:
    """Returns what the model reads of a card."""
    names = ", ".join([adapter.title, *adapter.trigger_words, *adapter.tags])
    return f"{names}. {adapter.description}"[:CARD_CHARACTERS]


async def _scores(prompt: str, texts: Sequence[str], settings: Reranker) -> Vectors:
    """One number for each text, higher is better. Raises `RerankerUnavailable`."""
    try:
        async with asyncio.timeout(settings.timeout):
            if settings.kind == "api":
                return await ask_server(prompt, texts, settings)
            return await asyncio.to_thread(_read_beside, prompt, texts, settings.model)
    except TimeoutError as error:
        raise RerankerUnavailable(
            f"The reranker took longer than {settings.timeout:g} s."
        ) from error


def _read_beside(prompt: str, texts: Sequence[str], model: str) -> Vectors:
    # Its libraries take seconds to import, which only whoever wants it should wait.
    try:
        from engine.retrieving.cross_encoder import read_beside
    except ImportError as error:
        raise RerankerUnavailable(
            "A cross encoder needs sentence-transformers; run pip install sentence-transformers."
        ) from error
    return read_beside(prompt, texts, model)
