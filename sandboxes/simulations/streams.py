"""Independent streams of random numbers, one per purpose.

Two runs that differ in one parameter draw the same numbers for the same request, so a difference between their
results is the parameter's doing (common random numbers).
"""

from __future__ import annotations

import numpy as np

LARGEST_SEED = 2**32 - 1


def streams(seed: int, *purposes: str) -> tuple[np.random.Generator, ...]:
    """One generator per purpose, in order, spawned from one SeedSequence. Raises ValueError for a bad seed."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed is {seed}; use a whole number from 0 to {LARGEST_SEED}")
    return tuple(np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(len(purposes)))
