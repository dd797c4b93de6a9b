"""Rows with a target: what was measured, what it should be at most, and whether it is."""

from __future__ import annotations

import math
from collections.abc import Sequence


def judged(what: str, value: float, at_most: float, unit: str = "ms") -> None:
    """Print one row. It says "reached" or by what factor the target is missed."""
    missed = f"missed: {value / at_most:.2f} times as much" if at_most else "missed"
    verdict = "reached" if value <= at_most else missed
    print(f"{what:<66}{value:>8,.0f} {unit:<3}  target {at_most:>6,.0f} {unit:<3} {verdict}", flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of `values` do not exceed (nearest rank). Raises for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
