"""What the retriever hands to a composer."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

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

    def without(self, drop: Collection[str]) -> "Retrieval":
        """Returns the same without candidates of these ids."""
        if not drop:
            return self
        left = [n for n, one in enumerate(self.candidates) if one.adapter.id not in drop]
        return replace(
            self,
            candidates=tuple(self.candidates[n] for n in left),
            headings=self.headings[left],
            bodies=self.bodies[left],
        )
