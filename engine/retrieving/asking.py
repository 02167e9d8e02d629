"""Whose vectors a search uses: the configured embedder's once they are whole, else the local ones.

Every card has the local embedder's vectors, which the composer needs anyway. So another embedder
can be configured at any time: its vectors are made in the background, and searches go on by the
local ones until none is missing; and they do again while the other embedder does not answer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic, perf_counter

import numpy as np

from engine.composing.local_model import LocalModel
from engine.composing.segmentation import Segmented, segment
from engine.errors import EmbedderUnavailable
from engine.retrieving.embedder import MINILM, MiniLM, Vectors, load_embedder
from engine.retrieving.embedding_api import EmbeddingServer
from engine.retrieving.query_maps import mapped
from engine.retrieving.search_index import Embedder, Standing, standing
from engine.settings_retrieving import Embeddings
from engine.storage.database import Database

#: Keywords that ask for themselves; further ones are covered by the whole prompt.
MOST_PHRASES = 12
#: Tokens of a prompt that are read.
PROMPT_TOKENS = 256
#: Seconds between two looks whether the vectors are whole.
LOOK = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt as the search sees it."""

    segmented: Segmented
    #: Of the whole prompt and of its keywords, as they are held against the cards' headings and
    #: bodies, in the space of the embedder of that name.
    headings: Vectors
    bodies: Vectors
    embedder: str
    #: Sentences about parts that answered in a lesser way.
    degraded: tuple[str, ...] = ()
    seconds: float = 0.0


def ask_locally(prompt: str, embedder: MiniLM, model: LocalModel) -> Asked:
    """Returns the prompt with the local embedder's vectors."""
    segmented = segment(prompt, embedder, model.tagger, model.keyword_threshold)
    vectors = np.concatenate([segmented.vector[None], segmented.vectors[:MOST_PHRASES]])
    maps = model.query
    return Asked(segmented, mapped(vectors, maps.heading), mapped(vectors, maps.body), MINILM)


@dataclass(frozen=True, slots=True)
class SentenceEmbedder:
    """An embedder of sentence-transformers, loaded at the first call."""

    model: str
    dimensions: int

    @property
    def name(self) -> str:
        """Under which its vectors are stored."""
        return f"sentence-transformers:{self.model}:{self.dimensions or 'whole'}"

    def embed(self, texts: list[str], tokens: int) -> Vectors:
        """Returns unit vectors; in a thread, for it takes long. Raises `EmbedderUnavailable`."""
        try:
            # Its libraries take seconds to import, which only whoever wants it should wait.
            from engine.retrieving.sentence_embedder import encode
        except ImportError as error:
            raise EmbedderUnavailable(
                "This embedder needs sentence-transformers; run pip install sentence-transformers."
            ) from error
        return encode(self.model, self.dimensions, texts, tokens)


def configured_embedder(settings: Embeddings, *, patient: bool = False) -> Embedder:
    """Returns the embedder that the settings name; a patient one asks a server several times."""
    makers: dict[str, Callable[[], Embedder]] = {
        "local": load_embedder,
        "api": lambda: EmbeddingServer(settings, settings.tries if patient else 1),
        "sentence-transformers": lambda: SentenceEmbedder(settings.model, settings.dimensions),
    }
    return makers[settings.kind]()


class Asking:
    """Turns prompts into vectors, for one process."""

    def __init__(self, database: Database, settings: Embeddings) -> None:
        self._database = database
        self._settings = settings
        self._standing: Standing | None = None
        self._looked = -LOOK

    async def ask(self, prompt: str, embedder: MiniLM, model: LocalModel) -> Asked | None:
        """Returns the prompt with another embedder's vectors, or with a sentence why they are not.

        None where the local ones serve, which the search makes while Postgres matches words.
        """
        if self._settings.kind == "local" or not await self._whole():
            return None
        began = perf_counter()
        asked = await asyncio.to_thread(ask_locally, prompt, embedder, model)
        asked = await self._elsewhere(prompt, asked)
        return replace(asked, seconds=perf_counter() - began)

    async def _elsewhere(self, prompt: str, asked: Asked) -> Asked:
        chosen = configured_embedder(self._settings)
        phrases = asked.segmented.phrases[:MOST_PHRASES]
        texts = [prompt, *(phrase.text for phrase in phrases)]
        try:
            vectors = await self._in_time(chosen, texts)
        except EmbedderUnavailable as error:
            said = f"{error} The local embedder searched instead."
            return replace(asked, degraded=(said,))
        return Asked(asked.segmented, vectors, vectors, chosen.name)

    async def _in_time(self, chosen: Embedder, texts: list[str]) -> Vectors:
        limit = self._settings.timeout
        try:
            async with asyncio.timeout(limit):
                vectors = await asyncio.to_thread(chosen.embed, texts, PROMPT_TOKENS)
        except TimeoutError as error:
            raise EmbedderUnavailable(f"The embedder took longer than {limit:g} s.") from error
        if self._standing is None or vectors.shape[1] != self._standing.dimensions:
            raise EmbedderUnavailable("The embedder's vectors have another length than before.")
        return vectors

    async def _whole(self) -> bool:
        """Whether every card has its vectors, or once had: new cards get theirs a little later."""
        known = self._standing and not self._standing.missing
        if not known and monotonic() - self._looked >= LOOK:
            self._looked = monotonic()
            async with self._database.transaction() as connection:
                name = configured_embedder(self._settings).name
                self._standing = await standing(connection, name)
        return self._standing is not None and not self._standing.missing
