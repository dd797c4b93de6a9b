"""A run looked at from moment to moment: which of some keys are where they are looked for, and how the nodes fare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.cache import (
    FAILED,
    HIT,
    NOWHERE,
    empty_caches,
    fill,
    moved,
    no_reads,
    play,
    take_answers,
)
from sandboxes.simulations.consistent_hashing.model import (
    ConsistentHashingResult,
    cache_sizes,
    database,
    most_recent,
)

# The hit ratio of a node is that of this long, up to the moment.
LOOKED_BACK_S = 1.0


class Recording(NamedTuple):
    """What was to be seen at each moment, and what had happened up to it."""

    at_s: NDArray[np.float64]  # (frames,)
    cached: NDArray[np.bool_]  # (frames, sample): whether the key is in the cache it is looked for in
    requests: NDArray[np.int64]  # (frames,): how many had come
    hits: NDArray[np.int64]
    failed: NDArray[np.int64]
    recent_s: NDArray[np.float64]  # (frames,): the last second, or as much of it as there was since the change
    recent: NDArray[np.int64]  # (frames, 3): requests in that time, hits and failures
    asked_by_node: NDArray[np.int64]  # (frames, nodes): requests in that time
    hits_by_node: NDArray[np.int64]


def record(result: ConsistentHashingResult, at_s: NDArray[np.float64], sample: NDArray[np.int64]) -> Recording:
    """The run's own requests played once more against the same caches, stopping at each moment.

    The moment of the change must be among them; there the new nodes are known already.
    """
    params, change_s = result.params, result.params.before_s
    caches, slots = empty_caches(cache_sizes(params, result.before, result.after))
    where = np.full(result.before.shape, NOWHERE, np.int32)
    fill(caches, slots, where, result.before, most_recent(result.popularity, result.seed))
    outcome, waited_s = np.zeros_like(result.outcome), np.zeros_like(result.latency_s)
    reads, placed, begun = no_reads(result.arrival_s.size), result.before, 0
    bounds = np.searchsorted(result.arrival_s, at_s)
    cached = np.zeros((at_s.size, sample.size), np.bool_)
    for frame, (now_s, until) in enumerate(zip(at_s.tolist(), bounds.tolist(), strict=True)):
        arrived = slice(begun, until)
        play(
            caches,
            slots,
            where,
            placed,
            result.arrival_s[arrived],
            result.wanted[arrived],
            database(params),
            reads,
            outcome[arrived],
            waited_s[arrived],
        )
        take_answers(caches, slots, where, placed, reads, now_s)
        if now_s == change_s:
            where, placed = moved(where, result.before, result.after), result.after
        cached[frame] = where[sample, 0] != NOWHERE
        begun = until
    hits, failed = _totals(result, bounds)
    return Recording(at_s, cached, bounds, hits, failed, *_by_node(result, at_s, bounds))


def _totals(result: ConsistentHashingResult, bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hits and failures among the first so many requests. Shapes (frames,)."""
    hits, failed = (np.append(0, np.cumsum(result.outcome == outcome))[bounds] for outcome in (HIT, FAILED))
    return hits, failed


def _by_node(
    result: ConsistentHashingResult, at_s: NDArray[np.float64], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The last fields of a recording: how long was looked back, what came in that time, and of each node."""
    change_s, nodes = result.params.before_s, result.weights.size
    change = np.searchsorted(result.arrival_s, change_s)
    serving = np.concatenate([result.before[result.wanted[:change], 0], result.after[result.wanted[change:], 0]])
    recent_s = np.minimum(LOOKED_BACK_S, np.where(at_s < change_s, at_s, at_s - change_s))
    begins = np.searchsorted(result.arrival_s, at_s - recent_s)
    recent = np.zeros((at_s.size, 3), np.int64)
    asked, hits = np.zeros((at_s.size, nodes), np.int64), np.zeros((at_s.size, nodes), np.int64)
    for frame, (begin, end) in enumerate(zip(begins.tolist(), bounds.tolist(), strict=True)):
        served, outcome = serving[begin:end].astype(np.int64), result.outcome[begin:end]
        hit = outcome == HIT
        recent[frame] = end - begin, np.count_nonzero(hit), np.count_nonzero(outcome == FAILED)
        asked[frame] = np.bincount(served[served >= 0], minlength=nodes)
        hits[frame] = np.bincount(served[(served >= 0) & hit], minlength=nodes)
    return recent_s, recent, asked, hits
