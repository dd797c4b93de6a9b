"""The ring: nodes have points on a circle of hashes, and a key belongs to the first point at or after its own hash.

Bisection over the points would take log2(points) steps, each of them a branch that a processor cannot foresee. The top
bits of a hash say instead where in the sorted points to begin, and there are more such beginnings than points, so a
look-up reads two or three numbers however large the ring is.

Source  Karger and others, Consistent Hashing and Random Trees, 1997; Mirrokni, Thorup and Zadimoghaddam, Consistent
        Hashing with Bounded Loads, 2016, for `place_with_bounds`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.hashes import xxhash64_of_pair

NOBODY = -1
ONE = np.uint64(1)


class Ring(NamedTuple):
    """Points in order with their nodes. Behind the last stands one more, past every hash, that belongs to the first's
    node: a search that runs off the end has gone round.
    """

    points: NDArray[np.uint64]  # (points + 1,)
    nodes: NDArray[np.int16]  # (points + 1,)
    begins: NDArray[np.int32]  # (2 to the power of the top bits,): the first point not before these top bits
    shift: np.uint64  # what leaves the top bits of a hash


def ring_of(points: NDArray[np.uint64], nodes: NDArray[np.int16], bits: int = 64) -> Ring:
    """The ring of these points, in any order, on a circle of `bits` bits. Raises ValueError for no points.

    Of two points in the same place the one given first is first.
    """
    if not points.size:
        raise ValueError("a ring of 0 points; use at least 1")
    order = np.argsort(points, kind="stable")
    points, nodes = points[order], nodes[order]
    # Several beginnings for each point: then most searches are over where they begin, as a processor foresees.
    top = int(points.size).bit_length() + 2
    shift = np.uint64(bits - top)
    return Ring(
        np.append(points, np.uint64(2**64 - 1)),
        np.append(nodes, nodes[0]),
        first_points(points, shift, 2**top),
        shift,
    )


def points_of(nodes: NDArray[np.int16], counts: NDArray[np.int64], seed: np.uint64) -> Ring:
    """The ring on which each node has so many points, at the xxHash64 of its number and theirs. Shapes (n,), (n,)."""
    return ring_of(*scattered(nodes, counts, seed))


@njit(cache=True)
def scattered(
    nodes: NDArray[np.int16], counts: NDArray[np.int64], seed: np.uint64
) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
    """Points and their nodes, node by node. Where a node's points are depends on nothing but the node and the seed."""
    total = counts.sum()
    points, owners = np.empty(total, np.uint64), np.empty(total, np.int16)
    at = 0
    for place in range(nodes.size):
        for number in range(counts[place]):
            points[at] = xxhash64_of_pair(np.uint64(nodes[place]), np.uint64(number), seed)
            owners[at] = nodes[place]
            at += 1
    return points, owners


@njit(cache=True)
def first_points(points: NDArray[np.uint64], shift: np.uint64, size: int) -> NDArray[np.int32]:
    """For each value of the top bits, the first point whose top bits are not less. Shape (size,)."""
    begins = np.full(size, points.size, np.int32)
    filled = 0
    for place in range(points.size):
        top = np.int64(points[place] >> shift)
        while filled <= top:
            begins[filled] = place
            filled += 1
    return begins


@njit(cache=True)
def successor(ring: Ring, hashed: np.uint64) -> np.int64:
    """Which point a hash belongs to, from 0."""
    # Unsigned, or each index would be asked first whether it counts from the end.
    at = np.uint64(ring.begins[hashed >> ring.shift])
    while ring.points[at] < hashed:
        at += ONE
    return np.int64(at)


@njit(cache=True)
def look_up(ring: Ring, hashes: NDArray[np.uint64]) -> NDArray[np.int16]:
    """The node of each hash. Shape (k,) -> (k,)."""
    found = np.empty(hashes.size, np.int16)
    for key in range(hashes.size):
        found[key] = ring.nodes[successor(ring, hashes[key])]
    return found


@njit(cache=True)
def place_on_ring(ring: Ring, hashes: NDArray[np.uint64], copies: int) -> NDArray[np.int16]:
    """The nodes of each key: its own and the next `copies` - 1 others clockwise. Shape (k,) -> (k, copies).

    There must be as many nodes as copies.
    """
    placed = np.full((hashes.size, copies), NOBODY, np.int16)
    for key in range(hashes.size):
        at = successor(ring, hashes[key])
        placed[key, 0] = ring.nodes[at]
        if copies > 1:
            follow(ring, at, placed[key], copies)
    return placed


@njit(cache=True)
def place_with_bounds(
    ring: Ring, hashes: NDArray[np.uint64], room: NDArray[np.int64], copies: int
) -> NDArray[np.int16]:
    """The same, but a node takes as many keys as it has `room` (shape (nodes,), used up by this); the rest go on.

    Keys come in order. A full node stays full, so the way past full nodes is remembered and never walked twice.
    """
    last = ring.points.size - 1
    ahead = np.arange(1, last + 1)
    ahead[last - 1] = 0
    placed = np.full((hashes.size, copies), NOBODY, np.int16)
    for key in range(hashes.size):
        begun = successor(ring, hashes[key]) % last
        at = begun
        while room[ring.nodes[at]] == 0:
            at = ahead[at]
        while begun != at:
            onward = ahead[begun]
            ahead[begun] = at
            begun = onward
        room[ring.nodes[at]] -= 1
        placed[key, 0] = ring.nodes[at]
        if copies > 1:
            follow(ring, at, placed[key], copies)
    return placed


@njit(cache=True)
def follow(ring: Ring, at: np.int64, nodes: NDArray[np.int16], copies: int) -> None:
    """Fill in the nodes after the first: the next ones clockwise from the point `at` that are not there yet."""
    found, last = 1, ring.points.size - 1
    while found < copies:
        at = (at + 1) % last
        known = False
        for place in range(found):
            known |= nodes[place] == ring.nodes[at]
        if not known:
            nodes[found] = ring.nodes[at]
            found += 1


def arcs(ring: Ring, bits: int = 64) -> NDArray[np.float64]:
    """The share of the circle that each point is responsible for: from the point before it. Shape (points,), sum 1."""
    points = ring.points[:-1]
    before = np.roll(points, 1)
    gaps = (points - before).astype(np.float64)
    gaps[0] = float(points[0]) + 2.0**bits - float(points[-1])
    return gaps / 2.0**bits
