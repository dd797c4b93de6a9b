"""Rendezvous: every node scores every key, and the highest score has it. Nothing to keep, but all nodes to ask.

Source  Thaler and Ravishankar, Using Name-Based Mappings to Increase Hit Rates, 1998; Schindelhauer and Schomaker,
        Weighted Distributed Hash Tables, 2005, for the logarithm that makes weights exact.
"""

from __future__ import annotations

from math import log

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.hashes import avalanche

HALF, FIFTY_THREE, ELEVEN, ZERO = 0.5, 2.0**-53, np.uint64(11), np.uint64(0)


@njit(cache=True)
def place_by_rendezvous(
    hashes: NDArray[np.uint64],
    node_hashes: NDArray[np.uint64],
    nodes: NDArray[np.int16],
    weights: NDArray[np.float64],
    copies: int,
) -> NDArray[np.int16]:
    """The nodes of the `copies` highest scores of each key, the highest first. Shapes (k,), (n,), (n,), (n,) ->
    (k, copies).

    A score is xxHash64's avalanche of the key's hash and the node's, taken as a fraction u, and -weight / ln u.
    """
    if copies == 1 and weights.min() == weights.max():
        return _highest(hashes, node_hashes, nodes)
    placed = np.empty((hashes.size, copies), np.int16)
    best = np.empty(copies)
    for key in range(hashes.size):
        best[:] = -1.0
        for node in range(nodes.size):
            mixed = avalanche(hashes[key] ^ node_hashes[node])
            score = -weights[node] / log((np.float64(mixed >> ELEVEN) + HALF) * FIFTY_THREE)
            place = copies
            while place > 0 and score > best[place - 1]:
                place -= 1
            if place < copies:
                for later in range(copies - 1, place, -1):
                    best[later], placed[key, later] = best[later - 1], placed[key, later - 1]
                best[place], placed[key, place] = score, nodes[node]
    return placed


@njit(cache=True)
def _highest(
    hashes: NDArray[np.uint64], node_hashes: NDArray[np.uint64], nodes: NDArray[np.int16]
) -> NDArray[np.int16]:
    """With equal weights and no copies the highest hash has the highest score, and no logarithm is needed."""
    placed = np.empty((hashes.size, 1), np.int16)
    for key in range(hashes.size):
        best, winner = ZERO, 0
        for node in range(nodes.size):
            mixed = avalanche(hashes[key] ^ node_hashes[node])
            if mixed >= best:
                best, winner = mixed, node
        placed[key, 0] = nodes[winner]
    return placed
