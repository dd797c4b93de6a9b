"""From parameters to nodes: which node a key is looked for on, and on which its copies are.

A directory is what a client knows: from the hashes of keys it finds their nodes. Nodes are numbers from 0 and keep them
for life; modulo and jump know only how many there are, so a node that leaves makes those after it move up by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing import ketama
from sandboxes.simulations.consistent_hashing.hashes import hash_keys, hash_keys_md5
from sandboxes.simulations.consistent_hashing.jump import buckets_by_jump, buckets_by_modulo
from sandboxes.simulations.consistent_hashing.maglev import maglev_table, next_prime, place_by_table
from sandboxes.simulations.consistent_hashing.params import Algorithm, Change, ConsistentHashingParams, HashFunction
from sandboxes.simulations.consistent_hashing.rendezvous import place_by_rendezvous
from sandboxes.simulations.consistent_hashing.ring import (
    NOBODY,
    Ring,
    place_on_ring,
    place_with_bounds,
    points_of,
    ring_of,
)

Find: TypeAlias = Callable[[NDArray[np.uint64]], NDArray[np.int16]]
# Hashes of nodes are of numbers that no key has.
FIRST_NODE_HASHED = 1 << 40


@dataclass(frozen=True)
class Directory:
    """What a client knows while these nodes are there."""

    nodes: NDArray[np.int16]  # (n,): their numbers, in order
    find: Find  # hashes (k,) -> nodes of each key (k, copies), its own first
    ring: Ring | None = None


def by_rings(params: ConsistentHashingParams) -> bool:
    return params.algorithm in (Algorithm.RING, Algorithm.BOUNDED_RING)


def by_md5(params: ConsistentHashingParams) -> bool:
    return by_rings(params) and params.hash_function is HashFunction.KETAMA


def key_hashes(params: ConsistentHashingParams, seed: int, keys: int) -> NDArray[np.uint64]:
    """The hash of each key, by the function that the algorithm uses. Shape (keys,)."""
    return hash_keys_md5(0, keys) if by_md5(params) else hash_keys(0, keys, np.uint64(seed))


def node_weights(params: ConsistentHashingParams) -> NDArray[np.float64]:
    """What each node should hold, the new one's weight last: the list, repeated. Shape (n + 1,)."""
    return np.resize(np.array(params.weights.values), params.nodes + 1)


def leaving(params: ConsistentHashingParams) -> int:
    """The number, from 0, of the node that is removed or fails."""
    return min(params.leaving_node, params.nodes) - 1


def nodes_before(params: ConsistentHashingParams) -> NDArray[np.int16]:
    return np.arange(params.nodes, dtype=np.int16)


def nodes_after(params: ConsistentHashingParams) -> NDArray[np.int16]:
    """The nodes that are alive after the change."""
    if params.change is Change.ADD:
        return np.arange(params.nodes + 1, dtype=np.int16)
    if params.change in (Change.REMOVE, Change.FAIL):
        return np.delete(nodes_before(params), leaving(params))
    return nodes_before(params)


def directory(params: ConsistentHashingParams, nodes: NDArray[np.int16], seed: int) -> Directory:
    """What clients know when these nodes are there. Copies are fewer than asked for where nodes are."""
    copies = min(params.replicas, nodes.size)
    weights = node_weights(params)[nodes]
    seeded = np.uint64(seed)
    if by_rings(params):
        return _on_a_ring(params, nodes, weights, seed, copies)
    if params.algorithm is Algorithm.RENDEZVOUS:
        hashes = hash_keys(FIRST_NODE_HASHED, params.nodes + 1, seeded)[nodes]
        return Directory(nodes, lambda keys: place_by_rendezvous(keys, hashes, nodes, weights, copies))
    if params.algorithm is Algorithm.MAGLEV:
        table = maglev_table(nodes, weights, next_prime(params.table_size), seeded)
        copies = min(copies, np.unique(table).size) if copies > 1 else copies
        return Directory(nodes, lambda keys: place_by_table(table, keys, copies))
    bucket_of = buckets_by_jump if params.algorithm is Algorithm.JUMP else buckets_by_modulo
    return Directory(nodes, lambda keys: numbered(bucket_of(keys, nodes.size), nodes, copies))


def _on_a_ring(
    params: ConsistentHashingParams,
    nodes: NDArray[np.int16],
    weights: NDArray[np.float64],
    seed: int,
    copies: int,
) -> Directory:
    ring = _ring(params, nodes, weights, seed)
    copies = min(copies, np.unique(ring.nodes).size) if copies > 1 else copies
    if params.algorithm is Algorithm.RING:
        return Directory(nodes, lambda keys: place_on_ring(ring, keys, copies), ring)

    def find(keys: NDArray[np.uint64]) -> NDArray[np.int16]:
        room = np.zeros(params.nodes + 1, np.int64)
        room[nodes] = bounds(params.balance_factor, weights, keys.size)
        return place_with_bounds(ring, keys, room, copies)

    return Directory(nodes, find, ring)


def _ring(params: ConsistentHashingParams, nodes: NDArray[np.int16], weights: NDArray[np.float64], seed: int) -> Ring:
    if params.hash_function is HashFunction.KETAMA:
        digests = ketama.digest_counts(weights, params.virtual_nodes / ketama.POINTS_PER_DIGEST)
        # A node too light for a digest has one, or it could not be found at all.
        points, owners = ketama.digest_points(addresses(nodes, seed), np.maximum(digests, 1))
        return ring_of(points, nodes[owners], ketama.BITS)
    counts = np.maximum(np.rint(params.virtual_nodes * weights), 1).astype(np.int64)
    return points_of(nodes, counts, np.uint64(seed))


def addresses(nodes: NDArray[np.int16], seed: int) -> list[str]:
    """An address for each node, as memcached's clients are given them; another seed, other addresses."""
    net = int(hash_keys(seed, 1, np.uint64(0))[0])
    return [f"10.{net % 256}.{net // 256 % 64 * 4 + node // 250}.{node % 250 + 1}:11211" for node in nodes.tolist()]


def bounds(balance_factor: float, weights: NDArray[np.float64], keys: int) -> NDArray[np.int64]:
    """The most keys each node may have: its fair share times the factor, rounded up. Shape (n,) -> (n,)."""
    fair = keys * weights / weights.sum()
    # What rounding left of a share beyond a whole number is not another key.
    return np.array([math.ceil(round(balance_factor * share, 6)) for share in fair.tolist()], np.int64)


@njit(cache=True)
def numbered(buckets: NDArray[np.int64], nodes: NDArray[np.int16], copies: int) -> NDArray[np.int16]:
    """The nodes in these places of the list, and for copies those in the next. Shapes (k,), (n,) -> (k, copies)."""
    placed = np.empty((buckets.size, copies), np.int16)
    for key in range(buckets.size):
        for copy in range(copies):
            placed[key, copy] = nodes[(buckets[key] + copy) % nodes.size]
    return placed


@njit(cache=True)
def without(placed: NDArray[np.int16], node: int) -> NDArray[np.int16]:
    """The same lists without one node: those behind it move up, and NOBODY is last. Shape (k, copies)."""
    left = np.full(placed.shape, NOBODY, np.int16)
    for key in range(placed.shape[0]):
        found = 0
        for copy in range(placed.shape[1]):
            if placed[key, copy] != node:
                left[key, found] = placed[key, copy]
                found += 1
    return left


@njit(cache=True)
def widened(placed: NDArray[np.int16], copies: int) -> NDArray[np.int16]:
    """The same lists with room for `copies` nodes, NOBODY in the places that are new."""
    wide = np.full((placed.shape[0], copies), NOBODY, np.int16)
    wide[:, : placed.shape[1]] = placed
    return wide
