"""The stages alone, in the caller's process: retrieval and composition without a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from engine.composer import choose_composer, compose
from engine.composing.local_model import load_model
from engine.requests.admission import clean_prompt
from engine.reranker import rerank
from engine.retriever import Selection, retrieve
from engine.retrieving.asking import Asking
from engine.retrieving.embedder import MiniLM, load_embedder
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.schema import check_schema
from engine.values import ComposerName, Composition


@dataclass(frozen=True, slots=True)
class Composed:
    """A composition, what it was chosen from, and the seconds of both stages together."""

    composition: Composition
    retrieval: Retrieval
    seconds: float


@dataclass(frozen=True, slots=True)
class Stages:
    """Opened by `open_stages`. Adapters count whether their file is here or not."""

    settings: Settings
    database: Database
    embedder: MiniLM
    asking: Asking

    async def retrieve(self, prompt: str, base: str | None, k: int | None = None) -> Retrieval:
        """Returns the candidates of the family `base`, by default the checkpoint's.

        In the reranker's order and number where one is configured.
        """
        family = base or self.settings.checkpoint.family
        people = self.settings.library.real_people
        selection = Selection(base=family, people=people, with_file=False)
        count = k or self.settings.retriever.candidates
        model = load_model(self.settings.composer.weights)
        text = clean_prompt(prompt)
        asked = await self.asking.ask(text, self.embedder, model)
        async with self.database.transaction() as connection:
            found = await retrieve(
                connection, self.embedder, text, selection, count, model, asked=asked
            )
        return await rerank(text, found, self.settings.reranker)

    async def compose(self, prompt: str, base: str | None, name: ComposerName | None) -> Composed:
        """Returns the composition from the candidates of the family `base`."""
        began = perf_counter()
        chosen = choose_composer(name, self.settings)
        found = await self.retrieve(prompt, base)
        composition = await compose(clean_prompt(prompt), found, chosen, self.settings)
        return Composed(composition, found, perf_counter() - began)


@asynccontextmanager
async def open_stages(settings: Settings) -> AsyncIterator[Stages]:
    """Opens database and embedder. Raises `Unavailable`."""
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            await check_schema(connection)
        yield Stages(settings, database, load_embedder(), Asking(database, settings.embeddings))
