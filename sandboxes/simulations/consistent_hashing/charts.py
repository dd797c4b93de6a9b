"""The pictures of a run: keys round the circle, load by node, what moved, and what the caches made of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing import books as columns
from sandboxes.simulations.consistent_hashing.books import Books, expected_rsd
from sandboxes.simulations.consistent_hashing.cache import FAILED, HIT
from sandboxes.simulations.consistent_hashing.circle import circle_chart
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult
from sandboxes.simulations.consistent_hashing.params import Algorithm, Change
from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay

BIN_WIDTHS_S = (0.5, 1, 2, 5, 10)
MOST_BINS = 120
PERCENT = {"ticksuffix": " %", "range": [0, 100]}
DASHES = "6px,3px"


def charts(result: ConsistentHashingResult) -> tuple[Chart, ...]:
    """Where keys are; what the change did to the caches, over time; then node by node."""
    books = Books(result)
    edges_s = bin_edges_s(result)
    return (
        circle_chart(result),
        hits_chart(books, edges_s),
        database_chart(books, edges_s),
        moved_chart(books),
        load_chart(books),
    )


def load_chart(books: Books) -> Chart:
    """Each node's keys and requests over its fair share."""
    result, params = books.result, books.result.params
    numbers = list(range(1, params.nodes + 1))
    keys, asked = books.over_fair.round(5).tolist(), books.requests_over_fair.round(5).tolist()
    highest = 1.08 * max(*keys, *asked, 1.2)
    traces = [
        _bar(numbers, keys, "keys", "accent", "%{y:.2f} × its share of keys"),
        *_expected(result, numbers),
        {
            **_points(numbers, asked, "requests", "half", "%{y:.2f} × its share of requests"),
            "marker": {"symbol": "diamond", "size": 7, "color": light("half")},
        },
    ]
    whole = int(books.keys[: params.nodes, columns.BEFORE].sum())
    return Chart(
        name="load",
        title="Load of each node, before the change",
        note="over its fair share, which is 1",
        figure=figure(traces, _by_node(params.nodes, yaxis={"range": [0, highest]}, bargap=0.25)),
        columns=("Node", "Weight", "Keys", "Fair share (keys)", "Keys over fair share", "Requests over fair share"),
        rows=tuple(
            zip(
                numbers,
                result.weights[: params.nodes].tolist(),
                books.keys[: params.nodes, columns.BEFORE].tolist(),
                (books.fair * whole).round(1).tolist(),
                keys,
                asked,
                strict=True,
            )
        ),
        keys=(("keys", "accent"), ("requests, popular keys weigh more", "half"), *_expected_keys(result)),
        height_px=230,
        curves=partial(_load_curves, keys, asked),
        overlay=partial(_load_overlay, numbers, keys, highest),
    )


def _expected(result: ConsistentHashingResult, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The fair share, and around it what theory lets expect: one standard deviation, or the bound."""
    ends = [0.4, numbers[-1] + 0.6]
    lines = [(1.0, "ink", "solid")]
    if result.params.algorithm is Algorithm.BOUNDED_RING:
        lines.append((result.params.balance_factor, "open", DASHES))
    spread = expected_rsd(result)
    if spread is not None:
        lines += [(1 + spread, "soft", DASHES), (max(0.0, 1 - spread), "soft", DASHES)]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": ends,
            "y": [level, level],
            "line": {"color": light(colour), "width": 1.5, "dash": dash},
            "hoverinfo": "skip",
        }
        for level, colour, dash in lines
    ]


def _expected_keys(result: ConsistentHashingResult) -> tuple[tuple[str, str], ...]:
    if result.params.algorithm is Algorithm.BOUNDED_RING:
        return (("fair share", "ink"), ("the bound", "open"))
    if expected_rsd(result) is None:
        return (("fair share", "ink"),)
    return (("fair share", "ink"), ("one standard deviation, by theory", "soft"))


def _load_curves(keys: Sequence[float], asked: Sequence[float]) -> Curves:
    """The fullest node first: its load can be averaged over seeds, which a node of a certain number cannot."""
    return Curves(
        x=tuple(float(rank) for rank in range(1, len(keys) + 1)),
        lines=(
            Curve("keys", "accent", tuple(sorted(keys, reverse=True))),
            Curve("requests", "half", tuple(sorted(asked, reverse=True))),
        ),
        note="over the fair share, the fullest node of each run first",
        yaxis={"rangemode": "tozero"},
        xaxis={"tickformat": "d"},
        x_column="Node, fullest first",
    )


def _load_overlay(numbers: Sequence[int], keys: Sequence[float], highest: float) -> Overlay:
    trace = {
        **_points(numbers, keys, "keys in the baseline", "ink", "%{y:.2f} × in the baseline"),
        "marker": {
            "symbol": "line-ew-open",
            "size": 13,
            "color": light("ink"),
            "line": {"width": 2, "color": light("ink")},
        },
    }
    axes = {"xaxis": {"range": [0.4, numbers[-1] + 0.6]}, "yaxis": {"range": [0, highest]}}
    return Overlay((trace,), layout=axes, keys=(("keys in the baseline", "ink"),))


def moved_chart(books: Books) -> Chart:
    """Keys that came to each node and left it, in per cent of all keys."""
    numbers = list(range(1, books.nodes + 1))
    share = 100 * books.keys / books.result.params.keys
    came, left = share[:, columns.CAME], share[:, columns.LEFT]
    came_from_stayers, left_for_stayers = share[:, columns.CAME_MISPLACED], share[:, columns.LEFT_MISPLACED]
    bars = (
        ("came", came - came_from_stayers, "accent", "%{y:.2f} % came with the change"),
        ("came from one that stayed", came_from_stayers, "open", "%{y:.2f} % came from a node that stayed"),
        ("left", left_for_stayers - left, "accent", "%{y:.2f} % left with the change"),
        ("left for one that stayed", -left_for_stayers, "open", "%{y:.2f} % left for a node that stayed"),
    )
    highest = 1.12 * max(float(came.max()), float(left.max()), 0.5)
    axis = {"range": [-highest, highest], "ticksuffix": " %"}
    return Chart(
        name="moved",
        title="Keys that changed hands",
        note="of all keys, by node: those that came stand above the line, those that left below",
        figure=figure(
            [_bar(numbers, values.round(4).tolist(), name, colour, words) for name, values, colour, words in bars],
            _by_node(books.nodes, barmode="relative", bargap=0.25, yaxis=axis),
        ),
        columns=(
            "Node",
            "Keys before",
            "Keys after",
            "Came",
            "Left",
            "Came from one that stayed",
            "Left for one that stayed",
        ),
        rows=tuple((number, *row) for number, row in zip(numbers, books.keys.tolist(), strict=True)),
        keys=(("moved with the change", "accent"), ("moved between nodes that both stayed", "open")),
        height_px=200,
        overlay=partial(_moved_overlay, numbers, came, left, highest),
    )


def _moved_overlay(
    numbers: Sequence[int], came: NDArray[np.float64], left: NDArray[np.float64], highest: float
) -> Overlay:
    trace = {
        **_points(
            [*numbers, *numbers],
            [*came.round(4).tolist(), *(-left).round(4).tolist()],
            "baseline",
            "ink",
            "%{y:.2f} % in the baseline",
        ),
        "marker": {
            "symbol": "line-ew-open",
            "size": 13,
            "color": light("ink"),
            "line": {"width": 2, "color": light("ink")},
        },
    }
    axes = {"xaxis": {"range": [0.4, numbers[-1] + 0.6]}, "yaxis": {"range": [-highest, highest]}}
    return Overlay((trace,), layout=axes, keys=(("came and left in the baseline", "ink"),))


def bin_edges_s(result: ConsistentHashingResult) -> NDArray[np.float64]:
    """Edges of equal bins with the change on one of them; the first and the last may be shorter. Shape (bins + 1,)."""
    before_s, end_s = result.params.before_s, result.duration_s
    width_s = next((width_s for width_s in BIN_WIDTHS_S if end_s <= MOST_BINS * width_s), BIN_WIDTHS_S[-1])
    inner = before_s + width_s * np.arange(-np.floor(before_s / width_s), np.ceil(result.params.after_s / width_s))
    return np.unique(np.concatenate([[0.0], inner.round(9), [end_s]]))


def hits_chart(books: Books, edges_s: NDArray[np.float64]) -> Chart:
    """The share of requests that a cache answered."""
    result = books.result
    asked, hits, _ = _counts(result, edges_s)
    ratio = [round(100 * hit / number, 3) if number else None for hit, number in zip(hits, asked, strict=True)]
    middles_s = _middles_s(edges_s)
    line = _line(middles_s, ratio, "hit ratio", "closed", "%{y:.1f} % from a cache")
    return Chart(
        name="hits",
        title="Answered from a cache",
        note="share of requests, " + _marked(result),
        figure=figure(
            [_change(result, 100), line],
            layout(result.duration_s, yaxis=PERCENT),
        ),
        columns=("From (s)", "To (s)", "Requests", "From a cache", "Hit ratio (%)"),
        rows=tuple(zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), asked, hits, ratio, strict=True)),
        keys=(("hit ratio", "closed"),),
        height_px=200,
        curves=lambda: Curves(
            x=middles_s,
            lines=(Curve("hit ratio", "closed", tuple(ratio)),),
            note="share of requests answered from a cache",
            yaxis=PERCENT,
        ),
        overlay=lambda: Overlay(
            (_dashed(line, "hit ratio in the baseline", "%{y:.1f} % in the baseline"),),
            layout={"xaxis": {"range": [0, result.duration_s]}},
            keys=(("hit ratio in the baseline", "ink"),),
        ),
    )


def database_chart(books: Books, edges_s: NDArray[np.float64]) -> Chart:
    """Reads per second that the database does and refuses, against what it can do."""
    result = books.result
    asked, hits, failed = _counts(result, edges_s)
    width_s = np.diff(edges_s)
    done = ((np.array(asked) - hits - failed) / width_s).round(3)
    refused = (np.array(failed) / width_s).round(3)
    capacity = result.params.database_capacity_per_s
    highest = 1.1 * max(float((done + refused).max()), capacity)
    middles_s = _middles_s(edges_s)
    whole = _line(middles_s, (done + refused).tolist(), "reads", "ink", "%{y:.0f} in the baseline")
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": middles_s,
            "y": values.tolist(),
            "stackgroup": "reads",
            "line": {"width": 0, "color": light(colour)},
            "fillcolor": light(colour),
            "name": words,
            "hovertemplate": f"%{{y:.0f}} {words}<extra></extra>",
        }
        for words, values, colour in (("taken", done, "accent"), ("refused", refused, "open"))
    ]
    limit = _line((0, result.duration_s), (capacity, capacity), "capacity", "ink", "")
    limit |= {"hoverinfo": "skip", "line": {"color": light("ink"), "width": 1.5, "dash": DASHES}}
    return Chart(
        name="database",
        title="Reads of the database",
        note="per second, " + _marked(result),
        figure=figure(
            [_change(result, highest), *traces, limit], layout(result.duration_s, yaxis={"range": [0, highest]})
        ),
        columns=("From (s)", "To (s)", "Taken (per s)", "Refused (per s)"),
        rows=tuple(zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), done.tolist(), refused.tolist(), strict=True)),
        keys=(("taken", "accent"), ("refused", "open"), ("what it can do", "ink")),
        height_px=180,
        curves=lambda: Curves(
            x=middles_s,
            lines=(Curve("taken", "accent", tuple(done.tolist())), Curve("refused", "open", tuple(refused.tolist()))),
            note="reads per second",
            yaxis={"rangemode": "tozero"},
        ),
        overlay=lambda: Overlay(
            (_dashed(whole, "reads in the baseline", "%{y:.0f} asked for in the baseline"),),
            layout={"xaxis": {"range": [0, result.duration_s]}, "yaxis": {"range": [0, highest]}},
            keys=(("reads in the baseline, refused ones included", "ink"),),
        ),
    )


def _counts(result: ConsistentHashingResult, edges_s: NDArray[np.float64]) -> tuple[list[int], list[int], list[int]]:
    """Requests, hits and failures between each pair of edges."""
    bins = np.searchsorted(edges_s, result.arrival_s, side="right") - 1
    counted = [
        np.bincount(bins if chosen is None else bins[result.outcome == chosen], minlength=edges_s.size - 1).tolist()
        for chosen in (None, HIT, FAILED)
    ]
    return counted[0], counted[1], counted[2]


def _marked(result: ConsistentHashingResult) -> str:
    moment = f"at {result.params.before_s:g} s"
    return {
        Change.NONE: "nothing changes",
        Change.ADD: f"a node is added {moment}",
        Change.REMOVE: f"a node is removed {moment}",
        Change.FAIL: f"a node fails {moment}",
    }[result.params.change]


def _change(result: ConsistentHashingResult, height: float) -> dict[str, Any]:
    """A line at the moment of the change; without a change nothing is there to mark."""
    at_s = result.params.before_s
    x = [] if result.params.change is Change.NONE else [at_s, at_s]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": [0, height][: len(x)],
        "line": {"color": light("ink"), "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _by_node(nodes: int, **changes: Any) -> dict[str, Any]:
    """A layout over the nodes' numbers."""
    axis = {"range": [0.4, nodes + 0.6], "tickformat": "d", "title": {"text": "node", "standoff": 4}}
    few = {"dtick": 1} if nodes <= 24 else {}
    margin = {"l": 52, "r": 24, "t": 8, "b": 42}
    return layout(nodes, xaxis={**axis, **few}, margin=margin, hovermode="x unified", **changes)


def _bar(x: Sequence[float], y: Sequence[float], name: str, colour: str, words: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "x": x,
        "y": y,
        "name": name,
        "marker": {"color": light(colour), "line": {"width": 0}},
        "hovertemplate": f"{words}<extra></extra>",
    }


def _points(x: Sequence[float], y: Sequence[float], name: str, colour: str, words: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": name,
        "marker": {"color": light(colour)},
        "hovertemplate": f"{words}<extra></extra>",
    }


def _line(x: Sequence[float], y: Sequence[float | None], name: str, colour: str, words: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": {"color": light(colour), "width": 2},
        "hovertemplate": f"{words}<extra></extra>",
    }


def _dashed(line: dict[str, Any], name: str, words: str) -> dict[str, Any]:
    return {
        **line,
        "name": name,
        "line": {"color": light("ink"), "width": 2, "dash": DASHES},
        "hovertemplate": f"{words}<extra></extra>",
    }


def _middles_s(edges_s: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(((edges_s[:-1] + edges_s[1:]) / 2).tolist())
