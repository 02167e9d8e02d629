"""What the query maps learn from: prompts and keywords, and which of all cards served them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.composing.subjects import spoken_names
from engine.learning.labelled import Labelled
from engine.retrieving.asking import MOST_PHRASES
from engine.retrieving.embedder import MINILM, MiniLM, Vectors
from engine.retrieving.retrieval import Retrieval
from engine.retrieving.search_index import read_halves
from engine.retrieving.selection import FILTERS, Selection, filter_parameters


@dataclass(frozen=True, slots=True)
class CardVectors:
    """All cards of a family, shape (cards, 384) each."""

    ids: tuple[str, ...]
    source_ids: tuple[str, ...]
    headings: Vectors
    bodies: Vectors

    def named(self, source_ids: Sequence[str]) -> NDArray[np.bool_]:
        """Returns which cards these are."""
        return np.isin(self.source_ids, source_ids)


@dataclass(frozen=True, slots=True)
class QueryLesson:
    """A prompt whose published adapters are at hand."""

    #: The same for all lessons; the rest tells of them by their places.
    cards: CardVectors
    prompt: Vectors
    #: Vectors of the keywords that the segmentation finds, shape (keywords, 384).
    phrases: Vectors
    #: Which cards may be candidates, and which of those were published.
    admitted: NDArray[np.bool_]
    chosen: NDArray[np.bool_]
    #: Published keywords, each with the cards that were published for it.
    keywords: tuple[tuple[Vectors, NDArray[np.bool_]], ...]


async def read_vectors(connection: AsyncConnection, base: str) -> CardVectors:
    """Returns the vectors of all cards of the family."""
    rows = (await connection.execute(_VECTORS, {"embedder": MINILM, "base": base})).all()
    return CardVectors(
        tuple(row.id for row in rows),
        tuple(row.source_id for row in rows),
        read_halves([row.heading for row in rows], MiniLM.dimensions),
        read_halves([row.body for row in rows], MiniLM.dimensions),
    )


async def query_lesson(
    connection: AsyncConnection,
    labelled: Labelled,
    selection: Selection,
    found: Retrieval,
    cards: CardVectors,
    embedder: MiniLM,
) -> QueryLesson | None:
    """Returns what one labelled prompt teaches; None where none of its adapters is a candidate."""
    parameters = filter_parameters(selection, spoken_names(labelled.prompt))
    ids = (await connection.scalars(_ADMITTED, parameters)).all()
    admitted = np.isin(cards.ids, ids)
    chosen = admitted & cards.named(sorted(labelled.picks))
    if not chosen.any():
        return None
    vectors = embedder.embed(list(labelled.known))
    served = [admitted & cards.named(ids) for ids in labelled.known.values()]
    keywords = tuple((v, s) for v, s in zip(vectors, served, strict=True) if s.any())
    segmented = found.segmented
    phrases = segmented.vectors[:MOST_PHRASES]
    return QueryLesson(cards, segmented.vector, phrases, admitted, chosen, keywords)


_ADMITTED = text(f"select id from adapters where {FILTERS}")
_VECTORS = text(
    """
    select a.id, a.source_id, halfvec_send(v.heading) as heading, halfvec_send(v.body) as body
    from adapters a join adapter_vectors v on v.adapter_id = a.id
    where v.embedder = :embedder and a.base = :base order by a.id
    """
)
