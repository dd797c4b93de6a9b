"""How sure a mean over several seeds is: 95 % intervals by Student's t.

Runs of different seeds are independent, so the mean of n of them has a t interval with n - 1 degrees of freedom. It is
exact for normal values, and good for the means of a simulation's many requests. It is only a guide where most runs come
out at a bound (no failure at all, say): then it may reach beyond the bound, where whoever shows it cuts it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin, sqrt, tan

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations along the first axis of some values; all three of one shape.

    Values that are nan count as missing. Where nothing counts, the mean is nan.
    """

    count: Array
    mean: Array
    squares: Array

    def at(self, place: int) -> Moments:
        """Those of one place of a row."""
        return Moments(self.count[place], self.mean[place], self.squares[place])

    def interval(self) -> tuple[Array, Array]:
        """The 95 % interval of the mean, (low, high); nan where fewer than two values count."""
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt(self.squares / (self.count - 1) / self.count)
            half = np.where(self.count > 1, t_quantiles(self.count - 1) * spread, np.nan)
        return self.mean - half, self.mean + half


def moments(values: Array) -> Moments:
    """Moments over the first axis of `values`, shape (n, ...) -> (...)."""
    present = np.isfinite(values)
    count = present.sum(axis=0).astype(np.float64)
    total = np.where(present, values, 0.0).sum(axis=0)
    mean = _ratio(total, count)
    squares = (np.where(present, values - mean, 0.0) ** 2).sum(axis=0)
    return Moments(count, mean, squares)


def merged(count: Array, mean: Array, squares: Array) -> Moments:
    """The moments of the union of several samples, one per row: shapes (samples, ...) -> (...).

    Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm, 1979.
    """
    known = np.where(count > 0, mean, 0.0)
    whole = count.sum(axis=0)
    middle = _ratio((count * known).sum(axis=0), whole)
    between = np.where(count > 0, count * (known - middle) ** 2, 0.0).sum(axis=0)
    return Moments(whole, middle, squares.sum(axis=0) + between)


def t_quantiles(degrees: Array) -> Array:
    """`t_quantile` of each of `degrees`; nan below 1."""
    known = {float(value): t_quantile(int(value)) for value in np.unique(degrees[degrees >= 1])}
    return np.array([known.get(value, np.nan) for value in degrees.ravel()]).reshape(degrees.shape)


@cache
def t_quantile(degrees: int) -> float:
    """How many standard errors a 95 % interval reaches to each side. Raises ValueError below one degree of freedom.

    Source: the finite series of P(|T| < t) in Abramowitz and Stegun, 26.7.3 and 26.7.4, solved for t by bisection.
    """
    if degrees < 1:
        raise ValueError(f"degrees is {degrees}; use at least 1")
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < CONFIDENCE else (low, middle)
    return tan(low) * sqrt(degrees)


def _within(angle: float, degrees: int) -> float:
    """P(|T| < t) for t = tan(angle) x sqrt(degrees)."""
    odd = degrees % 2
    term = cos(angle) if odd else 1.0
    series = 0.0 if degrees == 1 else term
    for power in range(2 + odd, degrees - 1, 2):
        term *= cos(angle) ** 2 * (power - 1) / power
        series += term
    inside = sin(angle) * series
    return 2 / pi * (angle + inside) if odd else inside


def _ratio(total: Array, count: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)
