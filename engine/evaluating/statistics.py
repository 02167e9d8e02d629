"""How sure a figure is: intervals of 95%."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
#: Standard deviations that 95% of a normal distribution lie within.
DEVIATIONS = 1.959964

#: What is smaller counts as nothing.
TINY = 1e-9

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value, and the bounds between which it lies in 95 of 100 repetitions."""

    value: float
    low: float
    high: float


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean; the values are independent, such as one a prompt."""
    return bootstrap(lambda rows: rows[:, 0].mean(axis=0), np.array([values], float).T)


def ratio_interval(values: Sequence[float], others: Sequence[float]) -> Interval:
    """Returns the mean of `values` against the mean of `others`, which belong in pairs.

    Nothing against nothing is 0, and where the others may well be nothing there is no bound.
    """
    pairs = np.array([values, others], float).T
    return bootstrap(lambda rows: rows[:, 0].mean() / max(rows[:, 1].mean(), TINY), pairs)


def bootstrap(statistic: Callable[[Numbers], float], rows: Numbers) -> Interval:
    """Returns the statistic of `rows` (n, columns) with its interval by percentiles.

    Efron, Tibshirani: An Introduction to the Bootstrap, chapter 13. The same rows always give
    the same interval.
    """
    chance = np.random.default_rng(0)
    drawn = chance.integers(0, len(rows), (RESAMPLES, len(rows)))
    values = sorted(float(statistic(rows[one])) for one in drawn)
    low, high = values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES)]
    return Interval(float(statistic(rows)), low, high)


def wilson_interval(hits: int, count: int) -> Interval:
    """Returns the share of hits with Wilson's score interval (1927); (0, 0, 1) of nothing."""
    if count == 0:
        return Interval(0.0, 0.0, 1.0)
    share, square = hits / count, DEVIATIONS**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    half = DEVIATIONS * spread / (1 + square / count)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))
