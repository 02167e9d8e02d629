"""An embedding server, any that speaks OpenAI's protocol: POST /embeddings."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import EmbedderUnavailable
from engine.retrieving.embedder import Vectors
from engine.retrieving.model_server import NoAnswer, ask
from engine.settings_retrieving import Embeddings

#: Characters that are sent for each token that is to be read.
TOKEN_CHARACTERS = 5
#: Bytes of a number in an answer, at most.
NUMBER_BYTES = 40
#: Most numbers of a vector that Postgres keeps in half precision.
MOST_NUMBERS = 16_000
#: Seconds before the second try; each further one waits twice as long.
PAUSE = 0.5


class EmbeddingServer:
    """Embeds by a server; safe to share between threads."""

    def __init__(self, settings: Embeddings, tries: int) -> None:
        self._settings = settings
        self._tries = tries

    @property
    def name(self) -> str:
        """Under which its vectors are stored: other dimensions are other vectors."""
        return f"api:{self._settings.model}:{self._settings.dimensions or 'whole'}"

    def embed(self, texts: list[str], tokens: int) -> Vectors:
        """Returns unit vectors of about the first tokens of each text, all of one length.

        Waits for the server, so it is called in a thread. Raises `EmbedderUnavailable`.
        """
        cut = [text[: tokens * TOKEN_CHARACTERS] or " " for text in texts]
        size = self._settings.batch
        parts = [self._part(cut[n : n + size]) for n in range(0, len(cut), size)]
        if len({part.shape[1] for part in parts}) > 1:
            raise EmbedderUnavailable("The embeddings API's answer could not be read.")
        return np.concatenate(parts)

    def _part(self, texts: Sequence[str]) -> Vectors:
        for n in range(self._tries):
            try:
                return asyncio.run(self._ask(texts))
            except NoAnswer as error:
                if n + 1 == self._tries or not error.passing:
                    raise self._unavailable(error) from error
            time.sleep(PAUSE * 2**n)
        raise AssertionError("there is at least one try")

    async def _ask(self, texts: Sequence[str]) -> Vectors:
        ours = self._settings
        question: dict[str, Any] = {
            "model": ours.model,
            "input": list(texts),
            "encoding_format": "float",
        }
        if ours.dimensions:
            question["dimensions"] = ours.dimensions
        most = len(texts) * NUMBER_BYTES * (ours.dimensions or MOST_NUMBERS)
        url = f"{ours.base_url.rstrip('/')}/embeddings"
        try:
            async with asyncio.timeout(ours.timeout):
                said = await ask(url, ours.api_key, question, most)
        except TimeoutError as error:
            raise NoAnswer from error
        return read_vectors(said, len(texts), ours.dimensions)

    def _unavailable(self, error: NoAnswer) -> EmbedderUnavailable:
        if isinstance(error.__cause__, TimeoutError):
            return EmbedderUnavailable(
                f"The embedder took longer than {self._settings.timeout:g} s."
            )
        if error.status:
            return EmbedderUnavailable(f"The embeddings API answered with status {error.status}.")
        return EmbedderUnavailable("The embeddings API did not answer.")


def read_vectors(said: Any, count: int, dimensions: int) -> Vectors:
    """Returns an answer's vectors, of length 1. Raises `EmbedderUnavailable` unless every text
    has one, all of the wanted number of dimensions (0: any)."""
    try:
        told = {one["index"]: one["embedding"] for one in said["data"]}
        vectors = np.array([told[n] for n in range(count)], np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        usable = vectors.ndim == 2 and 0 < vectors.shape[1] <= MOST_NUMBERS
    except (ValueError, LookupError, TypeError) as error:
        raise EmbedderUnavailable("The embeddings API's answer could not be read.") from error
    wanted = dimensions in (0, vectors.shape[1]) if usable else False
    if not wanted or not np.isfinite(lengths).all() or not lengths.all():
        raise EmbedderUnavailable("The embeddings API's answer could not be read.")
    return np.asarray(vectors / lengths, np.float32)
