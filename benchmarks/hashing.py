"""Look-ups on a ring: against a ring in Python, and against bisection in NumPy. And a run of many keys."""

from __future__ import annotations

import numpy as np
import uhashring
from numba import njit
from numpy.typing import NDArray

from benchmarks.kernels import best_s, row
from sandboxes.simulations.consistent_hashing.declaration import CONSISTENT_HASHING
from sandboxes.simulations.consistent_hashing.hashes import hash_keys, xxhash64_of
from sandboxes.simulations.consistent_hashing.ring import Ring, look_up, points_of, successor

NODES, POINTS, KEYS, LAPS = 100, 160, 200_000, 7
SEED = np.uint64(1)


def bench() -> None:
    with np.errstate(over="ignore"):
        ring = points_of(np.arange(NODES, dtype=np.int16), np.full(NODES, POINTS), SEED)
        bench_uhashring(ring)
        bench_bisection(ring)
    bench_run()


def bench_uhashring(ring: Ring) -> None:
    """From the text of a key to its node, hash and all, with as many nodes and points."""
    texts = [f"user:{number:07}" for number in range(KEYS)]
    theirs = uhashring.HashRing(
        nodes={f"node-{node}": {"vnodes": POINTS // 4} for node in range(NODES)}, hash_fn="ketama", replicas=4
    )
    spelled = np.frombuffer("".join(texts).encode(), np.uint8).reshape(KEYS, -1)
    few = texts[: KEYS // 20]
    theirs_s = best_s(lambda: [theirs.get_node(text) for text in few], laps=3)[0] / len(few)
    look_up_texts(ring, spelled)  # compiles
    ours_s = best_s(lambda: look_up_texts(ring, spelled), LAPS)[0] / KEYS
    row(f"uhashring, {len(theirs.ring):,} points: look-ups", 1e-6 / theirs_s, "M/s")
    row(f"the ring, {ring.points.size - 1:,} points: look-ups of texts", 1e-6 / ours_s, "M/s")
    row("uhashring's time over the ring's", theirs_s / ours_s, "x", at_least=100)


def bench_bisection(ring: Ring) -> None:
    """From a hash to the place of its point, and from the place to its node, in both."""
    hashes, points, nodes = hash_keys(0, KEYS, SEED), ring.points[:-1].copy(), ring.nodes
    np.testing.assert_array_equal(look_up(ring, hashes), nodes[np.searchsorted(points, hashes)])
    theirs_s = best_s(lambda: nodes[np.searchsorted(points, hashes)], LAPS)[0] / KEYS
    ours_s = best_s(lambda: look_up(ring, hashes), LAPS)[0] / KEYS
    row("searchsorted: look-ups of hashes", 1e-6 / theirs_s, "M/s")
    row("the ring: look-ups of hashes", 1e-6 / ours_s, "M/s")
    row("searchsorted's time over the ring's", theirs_s / ours_s, "x", at_least=8)


def bench_run() -> None:
    """The default run with its numbers, and one of ten million keys."""
    for keys, laps, at_most_ms in ((100_000, 9, 20.0), (10_000_000, 1, 6000.0)):
        params = CONSISTENT_HASHING.parse({"keys": keys})
        CONSISTENT_HASHING.run(CONSISTENT_HASHING.parse({}), 1)  # compiles
        run_s, _ = best_s(lambda params=params: CONSISTENT_HASHING.run(params, 1), laps)  # type: ignore[misc]
        row(f"consistent hashing, a run of {keys:,} keys", 1000 * run_s, "ms", at_most=at_most_ms)


@njit(cache=True)
def look_up_texts(ring: Ring, texts: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The node of each text. Shape (n, letters) -> (n,)."""
    found = np.empty(texts.shape[0], np.int16)
    for key in range(texts.shape[0]):
        found[key] = ring.nodes[successor(ring, xxhash64_of(texts[key], SEED))]
    return found


if __name__ == "__main__":
    bench()
