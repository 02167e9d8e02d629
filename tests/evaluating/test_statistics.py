"""Intervals, held against published values."""

import numpy as np
import pytest

from engine.evaluating.statistics import mean_interval, ratio_interval, wilson_interval


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilsons_interval(hits: int, count: int, low: float, high: float) -> None:
    found = wilson_interval(hits, count)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert found.value == hits / max(1, count)


def test_the_bootstrap_of_a_mean_is_the_normal_interval_of_many_values() -> None:
    values = np.random.default_rng(3).normal(5, 2, 2000)
    found = mean_interval(list(values))
    half = 1.96 * values.std() / 2000**0.5
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
    assert mean_interval(list(values)) == found


def test_a_ratio_keeps_pairs_together() -> None:
    """Values that are always twice the others are surely twice as large."""
    others = [1.0, 5.0, 2.0, 9.0]
    found = ratio_interval([2 * value for value in others], others)
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
