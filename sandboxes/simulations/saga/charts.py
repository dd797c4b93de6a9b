"""The pictures of a run: what became of the orders, how long they took, which invariants broke, and one sequence."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.saga.measures import durations_s
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.saga.sequence import sequence_chart
from sandboxes.simulations.saga.setup import arrivals_last_s
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
    """Top to bottom; outcomes and violations stand over the same time axis."""
    return outcomes_chart(result), violations_chart(result), durations_chart(result), sequence_chart(result)


def shown_s(params: SagaParams) -> float:
    """How far the time axis reaches: until the last order has come, give or take, and half a minute more."""
    spread_s = 3 * float(np.sqrt(params.orders)) / params.arrival_rate_per_s
    last_crash_s = params.crashes * params.down_s
    return arrivals_last_s(params) + spread_s + max(10.0, min(last_crash_s, 600.0))


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


def violations_chart(result: SagaResult) -> Chart:
    """Orders that break an invariant, as it stands at each moment."""
    at_s = np.linspace(0, shown_s(result.params), POINTS)
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


def durations_chart(result: SagaResult) -> Chart:
    """The share of the orders that ended which lasted longer than each time, on a logarithmic scale."""
    at_s = np.linspace(0, longest_shown_s(result.params), POINTS)
    left = lasting(result, at_s)
    traces = [_duration_line(at_s, left, "solid", "ended orders that took longer", "accent")]
    return Chart(
        name="durations",
        title="How long orders took",
        note="share of the orders that ended, which took longer; logarithmic",
        figure=figure(traces, layout(float(at_s[-1]), xaxis=_duration_axis(at_s), yaxis=SHARES)),
        columns=("Longer than (s)", "Orders that ended (%)"),
        rows=tuple(zip(at_s.tolist(), left, strict=True)),
        keys=(("took longer", "accent"),),
        height_px=220,
        curves=lambda: Curves(
            x=tuple(at_s.tolist()),
            lines=(Curve("took longer", "accent", tuple(left)),),
            note="share of the orders that ended, which took longer",
            yaxis=SHARES,
            xaxis={"ticksuffix": " s "},
            x_column="Longer than (s)",
        ),
        overlay=lambda: Overlay(
            (_duration_line(at_s, left, "6px,3px", "took longer in the baseline", "soft"),),
            layout={"xaxis": {"range": [0, float(at_s[-1])]}},
            keys=(("took longer in the baseline", "soft"),),
        ),
    )


SHARES = {
    "type": "log",
    "range": [-1.3, 2.05],
    "tickvals": [0.1, 1, 10, 100],
    "ticktext": ["0.1 %", "1 %", "10 %", "100 %"],
}


def lasting(result: SagaResult, at_s: NDArray[np.float64]) -> list[float | None]:
    """Percent of the orders that ended which lasted longer than each time; None for none."""
    lasted_s = np.sort(durations_s(result))
    if not lasted_s.size:
        return [None] * at_s.size
    left = 100 * (1 - np.searchsorted(lasted_s, at_s, side="right") / lasted_s.size)
    return [float(share) if share > 0 else None for share in left]


def longest_shown_s(params: SagaParams) -> float:
    """A time most orders have ended by, from the parameters alone: every wait for a retry once, and some to spare."""
    waits_s = sum(
        params.retry_interval_s * params.retry_backoff_rate**retry for retry in range(min(params.retry_max_attempts, 4))
    )
    down_s = params.down_s if params.crashes else 0
    return float(min(600, 1.3 * waits_s + params.steps * params.median_latency_ms / 1000 * 5 + down_s + 1))


def _duration_line(
    at_s: NDArray[np.float64], left: list[float | None], dash: str, name: str, colour: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": at_s.tolist(),
        "y": left,
        "name": name,
        "mode": "lines",
        "line": {"width": 2, "dash": dash, "color": light(colour)},
        "hovertemplate": f"%{{y:.3~g}} % {name}<extra></extra>",
    }


def _duration_axis(at_s: NDArray[np.float64]) -> dict[str, Any]:
    """Lengths of time, not moments: the blank after the unit keeps a replay's cursor away."""
    return {"range": [0, float(at_s[-1])], "ticksuffix": " s "}


def _stepped(values: NDArray[np.float64]) -> list[float]:
    rounded: list[float] = np.round(values, 3).tolist()
    return [*rounded, rounded[-1]]
