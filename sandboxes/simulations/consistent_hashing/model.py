"""Consistent hashing: when nodes come and go, only the keys that must change hands do.

Model     Keys are placed on nodes by one of six algorithms over real hash functions, before and after one change.
          Each node is a cache that forgets the key unused for longest (LRU). Requests arrive as a Poisson process and
          ask for keys by Zipf's law. A hit takes 1 ms. A miss reads the database: a queue in order of arrival with a
          capacity and a latency, which refuses a read that would wait too long; its answer fills the caches. The
          caches are warm at the start, exactly as long traffic would have left them. After a removal all clients know
          the new nodes at once. After a failure nobody takes the node's keys: a copy serves if there is one, and if
          not every request for them reads the database; with bounded loads, copies then serve above the bound. Copies
          are kept in step with the node that serves.
Claim     One node more moves 1 / (n + 1) of the keys on a ring, by jump and by rendezvous, all of them to the new
          node; modulo moves n / (n + 1).
Left out  The time it takes to notice a failure or to agree on the nodes, keys that are handed over instead of fetched
          anew, one read of the database for several misses of the same key, writes, and limits of the nodes
          themselves.
Source    Karger and others, Consistent Hashing and Random Trees, 1997; Lamping and Veach 2014
          <https://arxiv.org/abs/1406.2294>; Mirrokni and others 2016 <https://arxiv.org/abs/1608.01350>; Maglev,
          NSDI 2016 <https://www.usenix.org/conference/nsdi16/technical-sessions/presentation/eisenbud>; libketama
          <https://github.com/RJ/ketama>.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.cache import HIT, Database, empty_caches, serve
from sandboxes.simulations.consistent_hashing.jump import jump_hash
from sandboxes.simulations.consistent_hashing.ketama import KetamaRing, ketama_ring
from sandboxes.simulations.consistent_hashing.params import Algorithm, Change, ConsistentHashingParams
from sandboxes.simulations.consistent_hashing.placement import (
    Directory,
    by_rings,
    directory,
    key_hashes,
    leaving,
    node_weights,
    nodes_after,
    nodes_before,
    widened,
    without,
)
from sandboxes.simulations.streams import streams

__all__ = ["ConsistentHashingResult", "KetamaRing", "jump_hash", "ketama_ring", "requests", "run"]

HIT_S = 0.001
# Rendezvous asks every node for every key; asking so many costs about as much as everything else done for a key. Where
# weights differ or there are copies, every score takes a logarithm.
NODES_ASKED_PER_KEY, WITH_LOGARITHMS = 50, 15


@dataclass(frozen=True)
class ConsistentHashingResult:
    """One run. Keys are numbered by popularity, the most wanted first; nodes from 0, a new one last."""

    params: ConsistentHashingParams
    seed: int
    weights: NDArray[np.float64]  # (n + 1,): of each node, the new one's too
    directory: Directory  # what clients knew before the change
    alive: NDArray[np.int16]  # the nodes that are there after the change
    before: NDArray[np.int16]  # (keys, copies): the nodes of each key, the one that serves first; -1 for nobody
    after: NDArray[np.int16]
    popularity: NDArray[np.float64]  # (keys,): the share of requests that ask for each key
    arrival_s: NDArray[np.float64]  # (requests,)
    wanted: NDArray[np.int32]  # (requests,): the key
    outcome: NDArray[np.int8]  # (requests,): HIT, MISS or FAILED
    latency_s: NDArray[np.float64]  # (requests,): until the answer; 0 where there was none

    @property
    def duration_s(self) -> float:
        return self.params.before_s + self.params.after_s


def run(params: ConsistentHashingParams, seed: int) -> ConsistentHashingResult:
    """One run: the placement before and after the change, and the caches' traffic around it.

    The same arguments give the same result, bit for bit; two settings face the same traffic. Raises ValueError for a
    seed out of range.
    """
    arrivals, choices = streams(seed, "arrivals", "choices", "ages")[:2]
    with np.errstate(over="ignore"):
        known, before, after = placements(params, seed)
        popularity = zipf(params.keys, params.zipf_alpha)
        arrival_s = moments(arrivals, params.request_rate_per_s, params.before_s + params.after_s)
        wanted = drawn(np.cumsum(popularity), choices.random(arrival_s.size))
        newest_first = most_recent(popularity, seed)
        outcome, waited_s = traffic(params, before, after, newest_first, arrival_s, wanted)
    return ConsistentHashingResult(
        params=params,
        seed=seed,
        weights=node_weights(params),
        directory=known,
        alive=nodes_after(params),
        before=before,
        after=after,
        popularity=popularity,
        arrival_s=arrival_s,
        wanted=wanted,
        outcome=outcome,
        latency_s=waited_s,
    )


def requests(params: ConsistentHashingParams) -> int:
    """The size of a run, in keys, points of a ring and requests.

    A key counts again for each copy, and by rendezvous for every so many nodes.
    """
    uneven = params.replicas > 1 or len(set(params.weights.values)) > 1
    asked = params.nodes // (WITH_LOGARITHMS if uneven else NODES_ASKED_PER_KEY)
    asked = asked if params.algorithm is Algorithm.RENDEZVOUS else 0
    traffic = round(params.request_rate_per_s * (params.before_s + params.after_s))
    points = round(params.virtual_nodes * float(node_weights(params).sum())) if by_rings(params) else 0
    return params.keys * (params.replicas + asked) + points + traffic


def placements(params: ConsistentHashingParams, seed: int) -> tuple[Directory, NDArray[np.int16], NDArray[np.int16]]:
    """What clients know before the change, and the nodes of every key before and after it, shapes (keys, copies)."""
    hashes = key_hashes(params, seed, params.keys)
    known = directory(params, nodes_before(params), seed)
    before = known.find(hashes)
    if params.change is Change.NONE:
        return known, before, before.copy()
    if params.change is Change.FAIL:
        return known, before, without(before, leaving(params))
    after = directory(params, nodes_after(params), seed).find(hashes)
    copies = max(before.shape[1], after.shape[1])
    if before.shape != after.shape:
        before, after = widened(before, copies), widened(after, copies)
    return known, before, after


def zipf(keys: int, alpha: float) -> NDArray[np.float64]:
    """The share of requests that ask for the key of each rank. Shape (keys,), sum 1."""
    wanted = np.ones(keys) if alpha == 0 else np.arange(1.0, keys + 1) ** -alpha
    shares: NDArray[np.float64] = wanted / wanted.sum()
    return shares


def moments(stream: np.random.Generator, rate_per_s: float, end_s: float) -> NDArray[np.float64]:
    """The moments of a Poisson process up to `end_s`, in order. Another rate has the same gaps, stretched."""
    expected = rate_per_s * end_s
    gaps = stream.standard_exponential(int(expected + 8 * expected**0.5 + 40))
    at_s = np.cumsum(gaps) / rate_per_s
    return at_s[: np.searchsorted(at_s, end_s)]


@njit(cache=True)
def drawn(cumulative: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.int32]:
    """The key for each uniform number: the first whose cumulative share is above it. Shapes (keys,), (n,) -> (n,).

    A table says from where to search, so that a search takes two or three steps.
    """
    keys = cumulative.size
    begins = np.empty(keys + 1, np.int32)
    key = 0
    for begin in range(keys + 1):
        while key < keys - 1 and cumulative[key] <= begin / keys:
            key += 1
        begins[begin] = key
    found = np.empty(uniform.size, np.int32)
    for request in range(uniform.size):
        key = begins[np.int64(uniform[request] * keys)]
        # A product that was rounded up begins one too late.
        while key > 0 and cumulative[key - 1] > uniform[request]:
            key -= 1
        while key < keys - 1 and cumulative[key] <= uniform[request]:
            key += 1
        found[request] = key
    return found


def most_recent(popularity: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """The keys in the order of their last request before the run, the latest first. Shape (keys,).

    Under requests for ever, the time since a key's last one is exponential, and an LRU cache holds the latest: this is
    a warm cache without the warming.
    """
    ages = streams(seed, "arrivals", "choices", "ages")[2]
    return np.argsort(ages.standard_exponential(popularity.size) / popularity)


def traffic(
    params: ConsistentHashingParams,
    before: NDArray[np.int16],
    after: NDArray[np.int16],
    newest_first: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    wanted: NDArray[np.int32],
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """What became of each request and how long its answer took (s). Shapes (n,)."""
    caches, slots = empty_caches(cache_sizes(params, before, after))
    outcome, waited_s = serve(
        caches, slots, before, after, newest_first, params.before_s, arrival_s, wanted, database(params)
    )
    return outcome, np.where(outcome == HIT, HIT_S, waited_s)


def database(params: ConsistentHashingParams) -> Database:
    return Database(
        read_s=1 / params.database_capacity_per_s,
        latency_s=params.database_latency_ms / 1000,
        longest_wait_s=params.longest_wait_s,
    )


def cache_sizes(
    params: ConsistentHashingParams, before: NDArray[np.int16], after: NDArray[np.int16]
) -> NDArray[np.int64]:
    """Slots of each node's cache: its capacity by weight, or the keys it can ever be given if those are fewer."""
    weights = node_weights(params)
    given = given_keys(before, weights.size)
    if params.change is not Change.NONE:
        given = given + given_keys(after, weights.size)
    capacity = np.maximum(np.rint(params.cache_capacity_keys * weights), 1).astype(np.int64)
    return np.minimum(capacity, given)


@njit(cache=True)
def given_keys(placed: NDArray[np.int16], nodes: int) -> NDArray[np.int64]:
    """How many keys are placed on each node, copies counted. Shape (k, copies) -> (nodes,)."""
    given = np.zeros(nodes, np.int64)
    for key in range(placed.shape[0]):
        for copy in range(placed.shape[1]):
            if placed[key, copy] >= 0:
                given[placed[key, copy]] += 1
    return given
