"""Draws from distributions that the standard library of Python 3.11 lacks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from statistics import NormalDist

_EXACT_UP_TO = 30.0
"""Means above this are drawn from the normal approximation, which is then within a few percent."""
_CELLS = 96
_SPAN = 4.5
_STEP = 2 * _SPAN / _CELLS


def poisson(rng: Random, mean: float) -> int:
    """How many events happen when `mean` are expected."""
    if mean <= 0:
        return 0
    if mean > _EXACT_UP_TO:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def binomial(rng: Random, n: int, p: float) -> int:
    """How many of `n` trials succeed when each does with probability `p`."""
    if n <= 0 or p <= 0:
        return 0
    if p >= 1:
        return n
    if p > 0.5:
        return n - binomial(rng, n, 1 - p)
    if n * p > _EXACT_UP_TO:
        drawn = round(rng.gauss(n * p, math.sqrt(n * p * (1 - p))))
        return min(n, max(0, drawn))
    # Jump from success to success: the gaps are geometric (Devroye, Non-Uniform Random Variate
    # Generation, X.4.3), so the cost is the number of successes.
    scale, position, count = math.log1p(-p), 0, 0
    while True:
        position += int(math.log(1.0 - rng.random()) / scale) + 1
        if position > n:
            return count
        count += 1


def lognormal(
    rng: Random, n: int, *, median: float, sigma: float, offset: float
) -> dict[float, int]:
    """`n` log-normal values as `{value: count}`, rounded to a grid of 97 values.

    `offset` in [0, 1) shifts the grid; drawn anew for each minute it takes away the bias that a
    fixed grid has against a fixed limit.
    """
    counts: dict[float, int] = {}
    if n <= 2 * _CELLS:
        drawn = (round((rng.gauss(0, 1) + _SPAN) / _STEP - offset) for _ in range(n))
        cells: Iterator[tuple[int, int]] = ((min(_CELLS, max(0, cell)), 1) for cell in drawn)
    else:
        cells = _multinomial(rng, n, offset)
    for cell, count in cells:
        z = -_SPAN + (cell + offset) * _STEP
        value = round(median * math.exp(sigma * z), 2)
        counts[value] = counts.get(value, 0) + count
    return counts


def _multinomial(rng: Random, n: int, offset: float) -> Iterator[tuple[int, int]]:
    """Counts of the grid's cells, cell by cell, each drawn from what the cells before it left."""
    cdf = NormalDist().cdf
    left, below = n, 0.0
    for cell in range(_CELLS + 1):
        upper = cdf(-_SPAN + (cell + offset + 0.5) * _STEP) if cell < _CELLS else 1.0
        share = 1.0 if upper >= 1.0 else (upper - below) / (1.0 - below)
        count = binomial(rng, left, share)
        if count:
            yield cell, count
        left, below = left - count, upper
        if left <= 0:
            return
