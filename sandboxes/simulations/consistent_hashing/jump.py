"""Jump: no table at all. As buckets are added one by one, a key jumps to the newest with the chance it needs.

The loop skips the buckets at which the key stays: from one jump the next is drawn. Buckets are numbers from 0 on, so
only the last one can leave, and none can weigh more than another.

Source  Lamping and Veach, A Fast, Minimal Memory, Consistent Hash Algorithm, 2014 <https://arxiv.org/abs/1406.2294>.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

MOST_BUCKETS = 2**31 - 1
MULTIPLIER, ONE, HIGH = np.uint64(2862933555777941757), np.uint64(1), np.uint64(33)


def jump_hash(key: int, buckets: int) -> int:
    """The bucket of a 64 bit key, 0 to `buckets` - 1. Raises ValueError for either out of range."""
    if not 0 <= key < 2**64:
        raise ValueError(f"key is {key}; use 0 to {2**64 - 1}")
    if not 1 <= buckets <= MOST_BUCKETS:
        raise ValueError(f"buckets is {buckets}; use 1 to {MOST_BUCKETS}")
    with np.errstate(over="ignore"):
        return int(jump(np.uint64(key), buckets))


@njit(cache=True)
def jump(key: np.uint64, buckets: int) -> np.int64:
    bucket, jumped = np.int64(-1), np.int64(0)
    while jumped < buckets:
        bucket = jumped
        key = key * MULTIPLIER + ONE
        jumped = np.int64((bucket + 1) * (2147483648.0 / np.float64((key >> HIGH) + ONE)))
    return bucket


@njit(cache=True)
def buckets_by_jump(hashes: NDArray[np.uint64], buckets: int) -> NDArray[np.int64]:
    """The bucket of each hash. Shape (k,) -> (k,)."""
    found = np.empty(hashes.size, np.int64)
    for key in range(hashes.size):
        found[key] = jump(hashes[key], buckets)
    return found


@njit(cache=True)
def buckets_by_modulo(hashes: NDArray[np.uint64], buckets: int) -> NDArray[np.int64]:
    """The remainder of each hash. Shape (k,) -> (k,)."""
    found = np.empty(hashes.size, np.int64)
    divisor = np.uint64(buckets)
    for key in range(hashes.size):
        found[key] = np.int64(hashes[key] % divisor)
    return found
