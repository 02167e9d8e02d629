"""The shortlist's numbers: the first of many scores, whatever order they lie in."""

import numpy as np
import pytest

from engine.retrieving.embedder import Vectors
from engine.retrieving.shortlist import STRIDE, _first


def scores(kind: str, count: int) -> Vectors:
    drawn = np.random.default_rng(7).standard_normal(count).astype(np.float32)
    sampled = np.arange(count) % STRIDE == 0
    kinds = {
        "mixed": drawn,
        "rising": np.sort(drawn),
        "falling": np.sort(drawn)[::-1],
        "mostly left out": np.where(drawn > 1.5, drawn, -np.inf),
        "all left out": np.full(count, -np.inf),
        "the sample alone high": drawn + 100 * sampled,
        "the sample alone low": drawn - 100 * sampled,
    }
    chosen: Vectors = kinds[kind].astype(np.float32)
    return chosen


@pytest.mark.parametrize("count", [1, 40, 250])
@pytest.mark.parametrize("rows", [0, 1, 41, 5000])
@pytest.mark.parametrize(
    "kind",
    [
        "mixed",
        "rising",
        "falling",
        "mostly left out",
        "all left out",
        "the sample alone high",
        "the sample alone low",
    ],
)
def test_the_first_are_the_highest(kind: str, rows: int, count: int) -> None:
    given = scores(kind, rows)
    finite = np.flatnonzero(np.isfinite(given))
    best = finite[np.argsort(-given[finite], kind="stable")][:count]
    assert set(_first(given, count)) == set(best)
