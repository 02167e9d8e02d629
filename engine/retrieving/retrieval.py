"""What the retriever hands to a composer."""

from dataclasses import dataclass, field

import numpy as np

from engine.composing.segmentation import NO_WORDS, Segmented
from engine.retrieving.embedder import MiniLM, Vectors
from engine.values import Candidate


def no_vectors(count: int) -> Vectors:
    """Returns so many vectors of zeros, to be filled."""
    return np.zeros((count, MiniLM.dimensions), np.float32)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Candidates, best first, with the local embedder's vectors in the same order."""

    segmented: Segmented = NO_WORDS
    candidates: tuple[Candidate, ...] = ()
    #: Vectors of the cards' names and of their descriptions, shape (candidates, 384) each.
    headings: Vectors = field(default_factory=lambda: no_vectors(0))
    bodies: Vectors = field(default_factory=lambda: no_vectors(0))
    seconds: float = 0.0
    #: Sentences about parts that answered in a lesser way.
    degraded: tuple[str, ...] = ()
