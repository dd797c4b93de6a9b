"""What a run's placements and traffic add up to: by node, and second by second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.cache import FAILED, HIT
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult
from sandboxes.simulations.consistent_hashing.params import Algorithm, Change, HashFunction
from sandboxes.simulations.consistent_hashing.placement import by_rings, leaving

# Columns of the count by node.
BEFORE, AFTER, CAME, LEFT, CAME_MISPLACED, LEFT_MISPLACED = 0, 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Books:
    """Keys by node, shapes (n,) or (n + 1,) where a node is new; who serves a key is what counts, not its copies."""

    result: ConsistentHashingResult

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """Shape (nodes, 6): keys BEFORE and AFTER the change, that CAME and LEFT, and those of them misplaced."""
        result = self.result
        stays = np.zeros(result.weights.size, np.bool_)
        stays[result.alive] = True
        stays[result.params.nodes :] = False
        counted: NDArray[np.int64] = count_by_node(result.before[:, 0], result.after[:, 0], stays)
        return counted[: self.nodes]

    @property
    def nodes(self) -> int:
        """Nodes there ever were."""
        return self.result.params.nodes + (self.result.params.change is Change.ADD)

    @cached_property
    def moved(self) -> int:
        """Keys that another node serves after the change, or nobody."""
        return int(np.count_nonzero(self.result.before[:, 0] != self.result.after[:, 0]))

    @property
    def misplaced(self) -> int:
        """Keys that moved between two nodes that were there all the time."""
        return int(self.keys[:, CAME_MISPLACED].sum())

    @property
    def unserved(self) -> int:
        """Keys that no node serves after the change."""
        return int(np.count_nonzero(self.result.after[:, 0] < 0))

    @property
    def fair(self) -> NDArray[np.float64]:
        """The share of the keys that each node should have before the change. Shape (n,), sum 1."""
        weights = self.result.weights[: self.result.params.nodes]
        share: NDArray[np.float64] = weights / weights.sum()
        return share

    @cached_property
    def over_fair(self) -> NDArray[np.float64]:
        """Each node's keys before the change over its fair share. Shape (n,)."""
        n = self.result.params.nodes
        over: NDArray[np.float64] = self.keys[:n, BEFORE] / self.result.params.keys / self.fair
        return over

    @cached_property
    def requests_over_fair(self) -> NDArray[np.float64]:
        """Each node's share of the requests, as popularity has it, over its fair share. Shape (n,)."""
        n = self.result.params.nodes
        asked = asked_by_node(self.result.before[:, 0], self.result.popularity, n)
        over: NDArray[np.float64] = asked / self.fair
        return over

    @property
    def optimal(self) -> float:
        """The least share of the keys that has to move for all nodes to have their fair share."""
        weights, params = self.result.weights, self.result.params
        if params.change is Change.ADD:
            return float(weights[params.nodes] / weights.sum())
        if params.change is Change.NONE:
            return 0.0
        return float(self.fair[leaving(params)])

    @cached_property
    def second(self) -> NDArray[np.int64]:
        """The second of each request, counted from the change: 0 is the first one after it."""
        whole: NDArray[np.int64] = np.floor(self.result.arrival_s - self.result.params.before_s).astype(np.int64)
        return whole

    def hit_ratio(self, from_s: float, to_s: float) -> float | None:
        """Of the requests between two moments, in seconds after the change; None where there were none."""
        first, last = np.searchsorted(self.result.arrival_s - self.result.params.before_s, (from_s, to_s))
        asked = int(last - first)
        return int(np.count_nonzero(self.result.outcome[first:last] == HIT)) / asked if asked else None

    @cached_property
    def failed(self) -> int:
        return int(np.count_nonzero(self.result.outcome == FAILED))


def expected_rsd(result: ConsistentHashingResult) -> float | None:
    """What theory expects of the relative standard deviation of equal nodes' shares; None where it has no word.

    A ring of n nodes with k points each: sqrt((n - 1) / (n k + 1)) for its arcs. A finite number of keys, drawn like
    balls into bins, adds (n - 1) / keys to the square, and is all there is for modulo, jump and rendezvous.
    """
    params = result.params
    if len(set(params.weights.values)) > 1 or params.algorithm in (Algorithm.BOUNDED_RING, Algorithm.MAGLEV):
        return None
    of_keys = (params.nodes - 1) / params.keys
    if not by_rings(params):
        return sqrt(of_keys)
    points = params.virtual_nodes
    if params.hash_function is HashFunction.KETAMA:
        points = max(1, params.virtual_nodes // 4) * 4
    return sqrt(of_keys + (params.nodes - 1) / (params.nodes * points + 1))


@njit(cache=True)
def count_by_node(before: NDArray[np.int16], after: NDArray[np.int16], stays: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Shapes (keys,), (keys,), (nodes,) -> (nodes, 6)."""
    counted = np.zeros((stays.size, 6), np.int64)
    for key in range(before.size):
        was, now = before[key], after[key]
        counted[was, BEFORE] += 1
        if now >= 0:
            counted[now, AFTER] += 1
        if was == now:
            continue
        counted[was, LEFT] += 1
        if now >= 0:
            counted[now, CAME] += 1
            if stays[was] and stays[now]:
                counted[was, LEFT_MISPLACED] += 1
                counted[now, CAME_MISPLACED] += 1
    return counted


@njit(cache=True)
def asked_by_node(placed: NDArray[np.int16], popularity: NDArray[np.float64], nodes: int) -> NDArray[np.float64]:
    """The share of requests that each node is asked. Shapes (keys,), (keys,) -> (nodes,)."""
    asked = np.zeros(nodes)
    for key in range(placed.size):
        asked[placed[key]] += popularity[key]
    return asked
