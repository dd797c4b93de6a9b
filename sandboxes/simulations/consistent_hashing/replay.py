"""A run frame by frame: a node comes or goes, keys are looked for elsewhere, and the caches fill again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing import picture
from sandboxes.simulations.consistent_hashing.circle import bits, stretches, widest_ring
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult
from sandboxes.simulations.consistent_hashing.params import Change
from sandboxes.simulations.consistent_hashing.placement import key_hashes, leaving
from sandboxes.simulations.consistent_hashing.recording import Recording, record
from sandboxes.simulations.replays import Frame, Part, Replay

SHOWN_KEYS = 240
MOST_NODES = 60
# Frames over the whole run, and closer ones just after the change.
SPREAD, CLOSE, CLOSE_FOR_S = 200, 120, 6.0
# Letters of a key: there, on its new node, looked for on a new node in vain, not cached.
THERE, ARRIVED, MISSING, UNCACHED = "S", "W", "F", "."


def replay(result: ConsistentHashingResult) -> Replay:
    """The run in at most 600 frames, with a sample of the keys from the most popular to the rarest."""
    sample = sampled_keys(result.params.keys)
    at_s = moments(result)
    seen = record(result, at_s, sample)
    nodes = shown_nodes(result)
    frames = tuple(
        Frame(
            at_s=float(at_s[frame]),
            say=" ".join(told(result, seen, sample, frame)),
            parts=parts(result, seen, sample, nodes, frame),
            key=is_key(result, seen, frame),
        )
        for frame in range(at_s.size)
    )
    return Replay(pictures(result, sample, nodes), frames, _note(result, sample.size, at_s.size))


def sampled_keys(keys: int) -> NDArray[np.int64]:
    """Ranks that grow by the same factor, so that popular and rare keys are both seen."""
    return np.unique(np.geomspace(1, keys, SHOWN_KEYS).astype(np.int64)) - 1


def moments(result: ConsistentHashingResult) -> NDArray[np.float64]:
    """Evenly over the run, closer just after the change, and the change itself."""
    change_s, end_s = result.params.before_s, result.duration_s
    close_s = np.linspace(change_s, min(end_s, change_s + CLOSE_FOR_S), CLOSE)
    at_s = np.concatenate([np.linspace(0, end_s, SPREAD), close_s]).round(3)
    return np.unique(np.append(at_s, (0.0, change_s, end_s)))


def shown_nodes(result: ConsistentHashingResult) -> NDArray[np.int64]:
    """The nodes that have a column: all, or the first of them with the one that comes or goes at the end."""
    ever = result.params.nodes + (result.params.change is Change.ADD)
    if ever <= MOST_NODES:
        return np.arange(ever)
    first = np.arange(MOST_NODES)
    changed = _changed(result)
    if changed is not None and changed >= MOST_NODES:
        first[-1] = changed
    return first


def pictures(result: ConsistentHashingResult, sample: NDArray[np.int64], nodes: NDArray[np.int64]) -> tuple[str, ...]:
    with np.errstate(over="ignore"):
        hashes = key_hashes(result.params, result.seed, int(sample[-1]) + 1)[sample]
    turns = (hashes.astype(np.float64) / 2.0 ** bits(result)).tolist()
    ever = result.params.nodes + (result.params.change is Change.ADD)
    labels = [int(node) + 1 for node in nodes]
    return picture.circle(changed_arcs(result), turns), picture.way_and_caches(ever, labels)


def changed_arcs(result: ConsistentHashingResult) -> list[tuple[float, float]]:
    """Where the arcs of the node that comes or goes begin and end, in turns; none without a ring or a change."""
    ring, changed = widest_ring(result), _changed(result)
    if ring is None or changed is None:
        return []
    ends, nodes = stretches(ring, bits(result))
    begins = np.roll(ends, 1)
    begins[0] -= 1
    mine = nodes == changed
    return list(zip(begins[mine].tolist(), ends[mine].tolist(), strict=True))


def parts(
    result: ConsistentHashingResult,
    seen: Recording,
    sample: NDArray[np.int64],
    nodes: NDArray[np.int64],
    frame: int,
) -> dict[str, Part]:
    """How every part of the pictures looks at one moment."""
    before = max(0, frame - 1)
    requests = int(seen.requests[frame] - seen.requests[before])
    hits, failed = int(seen.hits[frame] - seen.hits[before]), int(seen.failed[frame] - seen.failed[before])
    changed = frame_changed(result, seen, frame)
    came, answered, _ = seen.recent[frame].tolist()
    per_s = (came - answered) / float(seen.recent_s[frame]) if came else 0.0
    busy = per_s / result.params.database_capacity_per_s
    return {
        picture.KEYS: {"cells": letters(result, seen, sample, frame)},
        picture.ARCS: {"state": arcs_state(result, changed)},
        picture.NODES: {"cells": columns(result, nodes, changed)},
        picture.NODE_HITS: {"levels": levels(seen, nodes, frame)},
        "ratio": {"text": f"{100 * answered / came:.0f} %" if came else "–"},
        "node-count": {"text": f"{alive(result, changed):,} nodes"},
        "caches": {"state": "open" if came and answered < came / 2 else "closed"},
        "database": {"state": "open" if failed or busy > 1 else "closed"},
        "hits": {"flow": hits, "state": "closed" if hits else "off"},
        "misses": {"flow": requests - hits - failed, "state": "half" if requests - hits - failed else "off"},
        "refusals": {"flow": failed, "state": "open" if failed else "off"},
        "load": {"share": round(min(busy / 2, 1.0), 3), "state": "open" if busy > 1 else "closed"},
        "load-words": {"text": f"{per_s:,.0f} reads/s"},
        "failed-words": {"text": f"{int(seen.failed[frame]):,} failed"},
    }


def letters(result: ConsistentHashingResult, seen: Recording, sample: NDArray[np.int64], frame: int) -> str:
    """A letter for each key shown."""
    cached = seen.cached[frame]
    moved = (result.before[sample, 0] != result.after[sample, 0]) & frame_changed(result, seen, frame)
    return "".join(np.where(cached, np.where(moved, ARRIVED, THERE), np.where(moved, MISSING, UNCACHED)).tolist())


def frame_changed(result: ConsistentHashingResult, seen: Recording, frame: int) -> bool:
    """Whether the change has happened by this frame."""
    return result.params.change is not Change.NONE and float(seen.at_s[frame]) >= result.params.before_s


def arcs_state(result: ConsistentHashingResult, changed: bool) -> str:
    """The new node's arcs light up when it comes; those of one that goes are there until then."""
    if result.params.change is Change.ADD:
        return "accent" if changed else "off"
    return "off" if changed else "accent"


def columns(result: ConsistentHashingResult, nodes: NDArray[np.int64], changed: bool) -> str:
    """A letter for each column: "." where the node is there, " " where it is not yet or no longer."""
    gone = _changed(result)
    absent = gone is not None and (result.params.change is Change.ADD) != changed
    return "".join(" " if absent and node == gone else "." for node in nodes.tolist())


def levels(seen: Recording, nodes: NDArray[np.int64], frame: int) -> str:
    """How much of what each node was asked in the last second its cache answered, in ninths."""
    asked, hits = seen.asked_by_node[frame, nodes], seen.hits_by_node[frame, nodes]
    return "".join(np.rint(9 * hits / np.maximum(asked, 1)).astype(int).astype(str).tolist())


def alive(result: ConsistentHashingResult, changed: bool) -> int:
    return int(result.alive.size) if changed else result.params.nodes


def is_key(result: ConsistentHashingResult, seen: Recording, frame: int) -> bool:
    """The beginning, the change, the first failure, and the end."""
    first_failure = frame > 0 and seen.failed[frame] > 0 and seen.failed[frame - 1] == 0
    changes = result.params.change is not Change.NONE and float(seen.at_s[frame]) == result.params.before_s
    return bool(frame in (0, seen.at_s.size - 1) or first_failure or changes)


def told(result: ConsistentHashingResult, seen: Recording, sample: NDArray[np.int64], frame: int) -> Iterator[str]:
    """What is new at this moment, then how things stand."""
    there = int(np.count_nonzero(seen.cached[frame]))
    standing = f"{there} of the {sample.size} keys shown are cached where they are looked for."
    if frame == 0:
        yield f"The run begins with {result.params.nodes:,} nodes and warm caches."
    elif frame == seen.at_s.size - 1:
        yield f"The run ends with {alive(result, frame_changed(result, seen, frame)):,} nodes."
    elif frame_changed(result, seen, frame) and float(seen.at_s[frame]) == result.params.before_s:
        yield _the_change(result, sample)
    else:
        yield _traffic(seen, frame)
    yield standing


def _the_change(result: ConsistentHashingResult, sample: NDArray[np.int64]) -> str:
    moved = int(np.count_nonzero(result.before[sample, 0] != result.after[sample, 0]))
    keys = f"{moved} of the {sample.size} keys shown are looked for on another node now."
    number = (_changed(result) or 0) + 1
    if result.params.change is Change.ADD:
        return f"Node {number} joins: {keys}"
    if result.params.change is Change.REMOVE:
        return f"Node {number} leaves: {keys}"
    if result.after.shape[1] > 1:
        return f"Node {number} fails: copies serve {moved} of the {sample.size} keys shown."
    return f"Node {number} fails: nobody serves {moved} of the {sample.size} keys shown."


def _traffic(seen: Recording, frame: int) -> str:
    requests = int(seen.requests[frame] - seen.requests[frame - 1])
    hits, failed = int(seen.hits[frame] - seen.hits[frame - 1]), int(seen.failed[frame] - seen.failed[frame - 1])
    if not requests:
        return "No request."
    told = f"{hits:,} of {requests:,} {'request' if requests == 1 else 'requests'} answered from a cache"
    return f"{told}; {failed:,} failed." if failed else f"{told}."


def _changed(result: ConsistentHashingResult) -> int | None:
    """The number of the node that comes or goes."""
    if result.params.change is Change.NONE:
        return None
    return result.params.nodes if result.params.change is Change.ADD else leaving(result.params)


def _note(result: ConsistentHashingResult, keys: int, frames: int) -> str:
    return (
        f"{frames} frames of {result.arrival_s.size:,} requests, closer together after the change. {keys} of "
        f"{result.params.keys:,} keys are shown, from the most popular to the rarest."
    )
