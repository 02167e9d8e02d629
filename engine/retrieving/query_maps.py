"""Learned query maps: where a prompt's vector goes to lie near the cards that serve it.

A caption and the card of an adapter for it are different kinds of text, and the embedder was
trained on neither. One linear map for the cards' headings and one for their bodies move the
queries, never the cards: so nothing is embedded anew, and searching costs what it did. Trained by
`engine.learning.query_training`; for the local embedder's vectors alone.
"""

from dataclasses import dataclass

import numpy as np

from engine.retrieving.embedder import Vectors


@dataclass(frozen=True, slots=True)
class QueryMaps:
    """Maps for headings and for bodies, each shape (385, 384): a constant is the last row."""

    heading: Vectors
    body: Vectors


def mapped(vectors: Vectors, change: Vectors) -> Vectors:
    """Returns unit vectors, each moved by what the map makes of it."""
    moved = vectors + vectors @ change[:-1] + change[-1]
    lengths = np.linalg.norm(moved, axis=-1, keepdims=True)
    return np.asarray(moved / np.maximum(lengths, 1e-6), np.float32)


def plain_maps(dimensions: int) -> QueryMaps:
    """Returns maps that move nothing."""
    nothing = np.zeros((dimensions + 1, dimensions), np.float32)
    return QueryMaps(nothing, nothing)
