"""The pictures of a run: what became of the orders, how long they took, which invariants broke, and one sequence."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.saga.durations_chart import durations_chart
from sandboxes.simulations.saga.locks_chart import locks_chart
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.saga.sequence import sequence_chart
from sandboxes.simulations.saga.setup import arrivals_last_s, has_coordinator
from sandboxes.simulations.saga.world import COMMITTED, FORGOTTEN, ROLLED_BACK, RUNNING, STUCK
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay

BINS = 60
POINTS = 121

# From the bottom of the stack to the top: statuses, words, colour.
OUTCOMES = (
    ((COMMITTED,), "committed", "closed"),
    ((ROLLED_BACK,), "rolled back", "half"),
    ((STUCK,), "with a person", "open"),
    ((RUNNING, FORGOTTEN), "unfinished", "refused"),
)
# Words, colour, width and dash: told apart without colour too.
VIOLATIONS = (
    ("oversold", "open", 2.5, "solid"),
    ("charged twice", "slow", 2, "dash"),
    ("money astray", "ink", 1.5, "dot"),
)


def charts(result: SagaResult) -> tuple[Chart, ...]:
    """Top to bottom; the first three stand over the same time axis."""
    at_s = np.linspace(0, shown_s(result.params), POINTS)
    return (
        outcomes_chart(result),
        violations_chart(result, at_s),
        locks_chart(result, at_s),
        durations_chart(result),
        sequence_chart(result),
    )


def shown_s(params: SagaParams) -> float:
    """How far the time axis reaches: until the last order has come, give or take, and then as long as the coordinator
    is down in all, but 10 s at least and ten minutes at most."""
    spread_s = 3 * float(np.sqrt(params.orders)) / params.arrival_rate_per_s
    down_s = params.crashes * params.down_s if has_coordinator(params) else 0.0
    return arrivals_last_s(params) + spread_s + min(max(10.0, down_s), 600.0)


def outcomes_chart(result: SagaResult) -> Chart:
    """Orders per second by what became of them, at the moment of their arrival. The table has counts."""
    edges_s = np.linspace(0, shown_s(result.params), BINS + 1)
    width_s = float(edges_s[1])
    arrival_s = np.minimum(result.orders["arrival_s"], edges_s[-1])
    status = result.orders["status"]
    counts = [np.histogram(arrival_s[np.isin(status, which)], edges_s)[0] for which, _, _ in OUTCOMES]
    traces = [
        {
            "type": "scatter",
            "x": edges_s.tolist(),
            "y": _stepped(count / width_s),
            "name": words,
            "stackgroup": "orders",
            "mode": "lines",
            "line": {"width": 0, "shape": "hv", "color": light(colour)},
            "fillcolor": light(colour),
            "hovertemplate": f"%{{y:.3~g}} {words}<extra></extra>",
        }
        for count, (_, words, colour) in zip(counts, OUTCOMES, strict=True)
    ]
    return Chart(
        name="outcomes",
        title="What became of each order",
        note=f"per second, by the time it came; {result.orders.size:,} in all",
        figure=figure(traces, layout(float(edges_s[-1]), yaxis={"rangemode": "tozero"})),
        columns=("From (s)", "To (s)", *(f"{words.capitalize()} (orders)" for _, words, _ in OUTCOMES)),
        rows=tuple(zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), *(c.tolist() for c in counts), strict=True)),
        keys=tuple((words, colour) for _, words, colour in OUTCOMES),
        curves=partial(_outcome_curves, edges_s, counts),
        overlay=partial(_committed_overlay, edges_s, counts[0] / width_s),
    )


def _outcome_curves(edges_s: NDArray[np.float64], counts: list[NDArray[np.int64]]) -> Curves:
    width_s = float(edges_s[1])
    return Curves(
        x=tuple(((edges_s[:-1] + edges_s[1:]) / 2).tolist()),
        lines=tuple(
            Curve(words, colour, tuple((count / width_s).tolist()))
            for count, (_, words, colour) in zip(counts, OUTCOMES, strict=True)
        ),
        note="orders per second, by the time they came",
        yaxis={"rangemode": "tozero"},
    )


def _committed_overlay(edges_s: NDArray[np.float64], per_s: NDArray[np.float64]) -> Overlay:
    """A baseline's committed orders: a dashed line with a pale edge, to be seen on every colour."""
    line = {"type": "scatter", "x": edges_s.tolist(), "y": _stepped(per_s), "mode": "lines"}
    edge = {"line": {"shape": "hv", "width": 5, "color": light("card")}, "hoverinfo": "skip", "showlegend": False}
    dashes = {
        "line": {"shape": "hv", "width": 2, "dash": "6px,3px", "color": light("ink")},
        "name": "committed in the baseline",
        "hovertemplate": "%{y:.3~g} committed in the baseline<extra></extra>",
    }
    return Overlay(
        traces=({**line, **edge}, {**line, **dashes}),
        layout={"xaxis": {"range": [0, float(edges_s[-1])]}},
        keys=(("committed in the baseline", "ink"),),
    )


def violations_chart(result: SagaResult, at_s: NDArray[np.float64]) -> Chart:
    """Orders that break an invariant, as it stands at each moment."""
    values = violations(result, at_s)
    traces = [
        {
            "type": "scatter",
            "x": at_s.tolist(),
            "y": column,
            "name": words,
            "mode": "lines",
            "line": {"width": width, "dash": dash, "shape": "hv", "color": light(colour)},
            "hovertemplate": f"%{{y}} {words}<extra></extra>",
        }
        for column, (words, colour, width, dash) in zip(values, VIOLATIONS, strict=True)
    ]
    most = max(max(column) for column in values)
    axis: dict[str, Any] = {"range": [0, max(1.0, most * 1.08)], "rangemode": "tozero", "tickformat": ",d"}
    if most < 5:
        axis["dtick"] = 1
    return Chart(
        name="violations",
        title="Broken invariants",
        note="orders, up to each moment" if most else "none broken: all three lines lie on zero",
        figure=figure(traces, layout(float(at_s[-1]), yaxis=axis)),
        columns=("Time (s)", *(f"{words.capitalize()} (orders)" for words, *_ in VIOLATIONS)),
        rows=tuple(zip(at_s.tolist(), *values, strict=True)),
        keys=tuple((words, colour) for words, colour, *_ in VIOLATIONS),
        height_px=180,
        curves=lambda: Curves(
            x=tuple(at_s.tolist()),
            lines=tuple(
                Curve(words, colour, tuple(column))
                for column, (words, colour, *_) in zip(values, VIOLATIONS, strict=True)
            ),
            note="orders that break an invariant",
            yaxis={"rangemode": "tozero"},
        ),
        overlay=partial(_violations_overlay, at_s, values),
    )


def violations(result: SagaResult, at_s: NDArray[np.float64]) -> list[list[float]]:
    """Orders oversold, charged twice, and with money astray, at each moment. Three lists as long as `at_s`."""
    log = result.log
    place = np.searchsorted(log["at_s"], at_s, side="right")
    running = [np.append(0, log[name])[place].astype(float).tolist() for name in ("oversold", "double_charged")]
    astray = result.orders[result.lost_eur > 0]
    # Money is astray once its order is over and it has moved for the last time.
    since_s = np.sort(np.maximum(astray["ended_s"], astray["money_s"]))
    return [*running, np.searchsorted(since_s, at_s, side="right").astype(float).tolist()]


def _violations_overlay(at_s: NDArray[np.float64], values: list[list[float]]) -> Overlay:
    """A baseline's three counts together, as one dashed line."""
    total = np.sum(values, axis=0)
    trace = {
        "type": "scatter",
        "x": at_s.tolist(),
        "y": total.tolist(),
        "name": "all three in the baseline",
        "mode": "lines",
        "line": {"width": 2, "dash": "6px,3px", "shape": "hv", "color": light("soft")},
        "hovertemplate": "%{y} of all three kinds in the baseline<extra></extra>",
    }
    axes = {"xaxis": {"range": [0, float(at_s[-1])]}, "yaxis": {"range": [0, max(1.0, float(total.max()) * 1.08)]}}
    return Overlay((trace,), layout=axes, keys=(("all three in the baseline", "soft"),))


def _stepped(values: NDArray[np.float64]) -> list[float]:
    rounded: list[float] = np.round(values, 3).tolist()
    return [*rounded, rounded[-1]]
