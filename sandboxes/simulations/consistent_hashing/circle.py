"""The circle of hashes: the ring's points and arcs where there is a ring, and a sample of the keys."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing import ketama
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult
from sandboxes.simulations.consistent_hashing.params import Change
from sandboxes.simulations.consistent_hashing.placement import (
    by_md5,
    by_rings,
    directory,
    key_hashes,
    leaving,
    nodes_after,
)
from sandboxes.simulations.consistent_hashing.ring import Ring
from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.spec import Chart, Overlay

SAMPLED_KEYS = 300
# More points than this would be a solid line.
MOST_POINTS = 400
MOST_STRIPES = 1500
# So few points are told by the numbers of their nodes.
MOST_NUMBERED = 40
RING, POINTS = 1.0, 1.1
# Keys stand on one of these circles, by their rank, so that neighbours do not hide each other.
KEYS, BASELINE = (0.86, 0.78, 0.7), 0.56
STEPS = 360
# Where a key is: on the same node as before, moved to or from the node that came or went, or moved though its own
# stayed.
STAYED, WITH_CHANGE, MISPLACED = 0, 1, 2
FATES = (
    (STAYED, "same node as before", "refused", "circle", 5),
    (WITH_CHANGE, "moved with the change", "accent", "diamond", 8),
    (MISPLACED, "moved, though its node stayed", "open", "x", 7),
)


def circle_chart(result: ConsistentHashingResult) -> Chart:
    """Keys at their hashes, clockwise from the top, told apart by whether the change moved them."""
    turns, fates = sampled(result)
    ring = widest_ring(result)
    traces = [*_ring(result, ring), *(_keys(turns, fates, fate) for fate in FATES)]
    names = {code: words for code, words, *_ in FATES}
    served = result.before[: turns.size, 0].tolist(), result.after[: turns.size, 0].tolist()
    return Chart(
        name="circle",
        title="Round the circle of hashes",
        note=_note(result, ring, turns.size),
        figure=figure(traces, _equal_axes()),
        columns=("Key", "Place on the circle (%)", "Node before", "Node after", "What became of it"),
        rows=tuple(
            (key, round(100 * turn, 3), was + 1, now + 1 if now >= 0 else None, names[fate])
            for key, (turn, fate, was, now) in enumerate(
                zip(turns.tolist(), fates.tolist(), *served, strict=True), start=1
            )
        ),
        keys=tuple((words, colour) for code, words, colour, *_ in FATES if np.any(fates == code)),
        height_px=320,
        overlay=partial(_baseline, turns, fates),
    )


def sampled(result: ConsistentHashingResult) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The most popular keys: their places on the circle, 0 to 1, and their fates. Shapes (sample,)."""
    size = min(SAMPLED_KEYS, result.params.keys)
    with np.errstate(over="ignore"):
        hashes = key_hashes(result.params, result.seed, size)
    return hashes.astype(np.float64) / 2.0 ** bits(result), fates_of(result)[:size]


def fates_of(result: ConsistentHashingResult, keys: int = SAMPLED_KEYS) -> NDArray[np.int64]:
    """What became of the first keys: STAYED, WITH_CHANGE or MISPLACED. Shape (keys,)."""
    was, now = result.before[:keys, 0], result.after[:keys, 0]
    changed = _changed_node(result)
    had_to = (was == changed) | (now == changed) | (now < 0)
    return np.where(was == now, STAYED, np.where(had_to, WITH_CHANGE, MISPLACED))


def bits(result: ConsistentHashingResult) -> int:
    """How many bits the circle has."""
    return ketama.BITS if by_md5(result.params) else 64


def widest_ring(result: ConsistentHashingResult) -> Ring | None:
    """The ring with the node that came or before the one that left; None where there is no ring."""
    if not by_rings(result.params):
        return None
    if result.params.change is not Change.ADD:
        return result.directory.ring
    with np.errstate(over="ignore"):
        return directory(result.params, nodes_after(result.params), result.seed).ring


def stretches(ring: Ring, circle_bits: int) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """The ring as arcs, neighbours of one node joined: where each ends, 0 to 1, and whose it is. Shapes (arcs,).

    The arc that ends at the first of them begins at the last, beyond the top.
    """
    turns, nodes = ring.points[:-1].astype(np.float64) / 2.0**circle_bits, ring.nodes[:-1]
    ends = nodes != np.roll(nodes, -1)
    if not ends.any():
        return turns[-1:], nodes[-1:]
    return turns[ends], nodes[ends]


def _changed_node(result: ConsistentHashingResult) -> int:
    """The number of the node that came or went; -2 if none did."""
    if result.params.change is Change.NONE:
        return -2
    return result.params.nodes if result.params.change is Change.ADD else leaving(result.params)


def _ring(result: ConsistentHashingResult, ring: Ring | None) -> list[dict[str, Any]]:
    """The whole circle, the arcs in two shades where they can be told apart, those of the node that came or went."""
    whole = _arc_trace(np.zeros(1), np.ones(1), "line", 9, "the circle of hashes")
    if ring is None:
        return [whole]
    ends, nodes = stretches(ring, bits(result))
    begins = np.roll(ends, 1)
    begins[0] -= 1
    changed = _changed_node(result)
    traces = [whole]
    if ends.size <= MOST_STRIPES:
        traces.append(_arc_trace(begins[::2], ends[::2], "refused", 9, "arcs of nodes"))
    if changed >= 0:
        mine = nodes == changed
        word = "the new node's" if result.params.change is Change.ADD else f"node {changed + 1}'s"
        traces.append(_arc_trace(begins[mine], ends[mine], "accent", 13, f"{word} arcs"))
    if ring.points.size - 1 <= MOST_POINTS:
        traces.append(_point_trace(ring, bits(result)))
    return traces


def _arc_trace(
    begins: NDArray[np.float64], ends: NDArray[np.float64], colour: str, width: int, words: str
) -> dict[str, Any]:
    """Arcs from one place to another, in turns, with a gap behind each; as many corners as a smooth line takes."""
    corners = np.maximum(2, ((ends - begins) * STEPS).astype(np.int64) + 1)
    firsts = np.cumsum(corners + 1) - corners - 1
    corner = np.arange((corners + 1).sum()) - np.repeat(firsts, corners + 1)
    way = corner / np.repeat(corners - 1, corners + 1)
    turns = np.repeat(begins, corners + 1) + way * np.repeat(ends - begins, corners + 1)
    turns[way > 1] = np.nan
    x, y = _places(turns, RING)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": words,
        "line": {"color": light(colour), "width": width},
        "hoverinfo": "skip",
    }


def _point_trace(ring: Ring, circle_bits: int) -> dict[str, Any]:
    x, y = _places(ring.points[:-1].astype(np.float64) / 2.0**circle_bits, POINTS)
    if len(x) <= MOST_NUMBERED:
        return {
            "type": "scatter",
            "mode": "text",
            "x": x,
            "y": y,
            "name": "points",
            "text": [str(node + 1) for node in ring.nodes[:-1].tolist()],
            "textfont": {"size": 12, "color": light("ink")},
            "hoverinfo": "skip",
        }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": "points",
        "marker": {"size": 4, "color": light("soft")},
        "text": [f"a point of node {node + 1}" for node in ring.nodes[:-1].tolist()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _keys(turns: NDArray[np.float64], fates: NDArray[np.int64], fate: tuple[int, str, str, str, int]) -> dict[str, Any]:
    code, words, colour, symbol, size = fate
    chosen = np.flatnonzero(fates == code)
    x, y = _places(turns[chosen], np.array(KEYS)[chosen % len(KEYS)])
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": words,
        "marker": {"symbol": symbol, "size": size, "color": light(colour)},
        "text": [f"key {key + 1}: {words}" for key in chosen.tolist()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _baseline(turns: NDArray[np.float64], fates: NDArray[np.int64]) -> Overlay:
    """A baseline's moved keys, hollow, on a circle of their own inside."""
    x, y = _places(turns[fates != STAYED], BASELINE)
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": "moved in the baseline",
        "marker": {"symbol": "circle-open", "size": 6, "color": light("ink")},
        "hovertemplate": "moved in the baseline<extra></extra>",
    }
    return Overlay((trace,), keys=(("moved in the baseline, inside", "ink"),))


def _places(
    turns: NDArray[np.float64], radius: float | NDArray[np.float64]
) -> tuple[list[float | None], list[float | None]]:
    """x and y of places on a circle, clockwise from the top; None where there is no number."""
    angles = 2 * np.pi * turns
    x, y = (radius * np.sin(angles)).round(4).tolist(), (radius * np.cos(angles)).round(4).tolist()
    return [None if value != value else value for value in x], [None if value != value else value for value in y]


def _equal_axes() -> dict[str, Any]:
    hidden = {"visible": False, "range": [-1.2, 1.2], "fixedrange": True}
    return layout(
        1,
        hovermode="closest",
        margin={"l": 8, "r": 8, "t": 4, "b": 4},
        xaxis=hidden,
        yaxis={**hidden, "scaleanchor": "x", "scaleratio": 1},
    )


def _note(result: ConsistentHashingResult, ring: Ring | None, keys: int) -> str:
    sample = f"the {keys} most popular keys at their hashes"
    if ring is None:
        return f"{sample}; this algorithm has no ring"
    count = ring.points.size - 1
    points = f"{count:,} points"
    if count <= MOST_NUMBERED:
        points += ", each with the number of its node; an arc ends at its node's point, clockwise"
    which = {
        Change.NONE: "",
        Change.ADD: ", the new node's arcs thick",
        Change.REMOVE: ", the removed node's arcs thick",
        Change.FAIL: ", the failed node's arcs thick",
    }[result.params.change]
    return f"a ring of {points}{which}; inside, {sample}"
