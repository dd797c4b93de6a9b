"""Maglev: nodes take turns at the entries of a table, each in an order of its own, until none is free.

All nodes end within an entry of each other, and a key needs one look into the table. The price: when nodes change, a
few entries change hands between nodes that both stayed.

Source  Eisenbud and others, Maglev: A Fast and Reliable Software Network Load Balancer, NSDI 2016, section 3.4
        <https://www.usenix.org/conference/nsdi16/technical-sessions/presentation/eisenbud>.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.hashes import xxhash64_of_pair

FREE = -1
OFFSET, SKIP = np.uint64(0), np.uint64(1)


def next_prime(number: int) -> int:
    """The first prime that is not less."""
    while number < 2 or any(number % divisor == 0 for divisor in range(2, isqrt(number) + 1)):
        number += 1
    return number


def maglev_table(
    nodes: NDArray[np.int16], weights: NDArray[np.float64], size: int, seed: np.uint64
) -> NDArray[np.int16]:
    """The node of each entry. Shapes (n,), (n,) -> (size,). Raises ValueError for a size that is not a prime.

    A node takes a turn as often as its weight compared with the highest says.
    """
    if next_prime(size) != size:
        raise ValueError(f"size is {size}; use a prime, such as {next_prime(size)}")
    with np.errstate(over="ignore"):
        starts, strides = orders(nodes, size, seed)
        return populated(nodes, starts, strides, weights / weights.max(), size)


@njit(cache=True)
def orders(nodes: NDArray[np.int16], size: int, seed: np.uint64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each node's order of the entries: where it starts and by how many it strides. Shapes (n,)."""
    starts, strides = np.empty(nodes.size, np.int64), np.empty(nodes.size, np.int64)
    for place in range(nodes.size):
        name = np.uint64(nodes[place])
        starts[place] = np.int64(xxhash64_of_pair(name, OFFSET, seed) % np.uint64(size))
        strides[place] = np.int64(xxhash64_of_pair(name, SKIP, seed) % np.uint64(size - 1)) + 1
    return starts, strides


@njit(cache=True)
def populated(
    nodes: NDArray[np.int16],
    starts: NDArray[np.int64],
    strides: NDArray[np.int64],
    weights: NDArray[np.float64],
    size: int,
) -> NDArray[np.int16]:
    """The paper's pseudocode 1, with turns by weight (1 is a turn in every round). Shapes (n,) -> (size,)."""
    table = np.full(size, FREE, np.int16)
    at, due = starts.copy(), np.zeros(nodes.size)
    filled = 0
    while True:
        for place in range(nodes.size):
            due[place] += weights[place]
            if due[place] < 1:
                continue
            due[place] -= 1
            while table[at[place]] != FREE:
                at[place] += strides[place]
                if at[place] >= size:
                    at[place] -= size
            table[at[place]] = nodes[place]
            filled += 1
            if filled == size:
                return table


@njit(cache=True)
def place_by_table(table: NDArray[np.int16], hashes: NDArray[np.uint64], copies: int) -> NDArray[np.int16]:
    """The nodes of each key: of its entry, and of the entries after it until there are `copies` different ones.

    Shapes (size,), (k,) -> (k, copies). There must be as many nodes in the table as copies.
    """
    placed = np.empty((hashes.size, copies), np.int16)
    size = np.uint64(table.size)
    for key in range(hashes.size):
        at = np.int64(hashes[key] % size)
        placed[key, 0] = table[at]
        found = 1
        while found < copies:
            at = (at + 1) % table.size
            known = False
            for place in range(found):
                known |= placed[key, place] == table[at]
            if not known:
                placed[key, found] = table[at]
                found += 1
    return placed
