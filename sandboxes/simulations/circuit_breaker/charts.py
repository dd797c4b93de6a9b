"""The pictures of a run: what became of the requests, what the breaker did, how long the calls took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.fill import fill_charts
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult
from sandboxes.simulations.circuit_breaker.params import Fallback, Pool, Retries
from sandboxes.simulations.circuit_breaker.timeline import states_chart
from sandboxes.simulations.circuit_breaker.world import FAILED, NO_THREAD, REFUSED, SLOW, SUCCEEDED
from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay

BIN_WIDTHS_S = (0.5, 1, 2, 5, 10, 20)
MOST_BINS = 150

# From the bottom of the stack to the top.
OUTCOMES = (
    (SUCCEEDED, "succeeded", "closed"),
    (SLOW, "slow", "slow"),
    (FAILED, "failed", "open"),
    (REFUSED, "refused", "refused"),
)
WITHOUT_THREAD = (NO_THREAD, "no thread", "half")
# Percentile, name, colour, line width and dash: told apart without colour too.
PERCENTILES = ((50, "p50", "soft", 1.5, "dot"), (95, "p95", "accent", 1.5, "solid"), (99, "p99", "ink", 2.5, "solid"))
LATENCY_NOTE = "calls that went through, on a logarithmic scale"
TICKS_MS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
TICK_WORDS = [f"{tick} ms" if tick < 1000 else f"{tick // 1000} s" for tick in TICKS_MS]


def charts(result: CircuitBreakerResult) -> tuple[Chart, ...]:
    """Top to bottom, over one time axis."""
    edges_s = bin_edges_s(result.duration_s)
    return (
        outcomes_chart(result, edges_s),
        states_chart(result, edges_s),
        latency_chart(result, edges_s),
        *fill_charts(result, edges_s),
    )


def bin_edges_s(duration_s: float) -> NDArray[np.float64]:
    """Edges of equal bins over the run; the last bin may be shorter. Shape (bins + 1,)."""
    width_s = next((width_s for width_s in BIN_WIDTHS_S if duration_s <= MOST_BINS * width_s), BIN_WIDTHS_S[-1])
    return np.append(np.arange(0, duration_s, width_s), duration_s)


def outcomes_chart(result: CircuitBreakerResult, edges_s: NDArray[np.float64]) -> Chart:
    """Requests per second by what became of them, at the moment of the request. The table has counts."""
    outcomes = outcomes_of(result)
    counts = {code: np.histogram(result.arrival_s[result.outcome == code], edges_s)[0] for code, _, _ in outcomes}
    # Each step needs its right end too, or the last bin would have no width.
    traces = [
        {
            "type": "scatter",
            "x": edges_s.tolist(),
            "y": _stepped(counts[code] / np.diff(edges_s)),
            "name": words,
            "stackgroup": "requests",
            "mode": "lines",
            "line": {"width": 0, "shape": "hv", "color": light(colour)},
            "fillcolor": light(colour),
            "hovertemplate": f"%{{y:.0f}} {words}<extra></extra>",
        }
        for code, words, colour in outcomes
    ]
    columns = [counts[code].tolist() for code, _, _ in outcomes]
    return Chart(
        name="outcomes",
        title="What happened to each request",
        note=_outcomes_note(result),
        figure=figure(traces, layout(result.duration_s, yaxis={"rangemode": "tozero"})),
        columns=("From (s)", "To (s)", *(f"{words.capitalize()} (requests)" for _, words, _ in outcomes)),
        rows=tuple(zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), *columns, strict=True)),
        keys=tuple((words, colour) for _, words, colour in outcomes),
        height_px=240,
        curves=partial(outcomes_curves, outcomes, counts, edges_s),
        overlay=partial(_good_answers, result, edges_s, (counts[SUCCEEDED] + counts[SLOW]) / np.diff(edges_s)),
    )


def outcomes_of(result: CircuitBreakerResult) -> tuple[tuple[int, str, str], ...]:
    """What can become of a request: code, words, colour."""
    return (*OUTCOMES, WITHOUT_THREAD) if result.params.pool is Pool.LIMITED else OUTCOMES


def _outcomes_note(result: CircuitBreakerResult) -> str:
    note = f"per second, {result.outcome.size:,} requests in all"
    if result.params.fallback is not Fallback.NONE:
        note += "; those failed or refused got a substitute answer"
    return note


def _good_answers(result: CircuitBreakerResult, edges_s: NDArray[np.float64], per_s: NDArray[np.float64]) -> Overlay:
    """A baseline's good answers, slow ones included: a dashed line with a pale edge, to be seen on every colour."""
    line = {"type": "scatter", "x": edges_s.tolist(), "y": _stepped(per_s), "mode": "lines"}
    edge = {"line": {"shape": "hv", "width": 5, "color": light("card")}, "hoverinfo": "skip", "showlegend": False}
    dashes = {
        "line": {"shape": "hv", "width": 2, "dash": "6px,3px", "color": light("ink")},
        "name": "good answers in the baseline",
        "hovertemplate": "%{y:.0f} good answers in the baseline<extra></extra>",
    }
    return Overlay(
        traces=({**line, **edge}, {**line, **dashes}),
        layout={"xaxis": {"range": [0, result.duration_s]}},
        keys=(("good answers in the baseline, slow ones included", "ink"),),
    )


def outcomes_curves(
    outcomes: Sequence[tuple[int, str, str]], counts: Mapping[int, NDArray[np.int64]], edges_s: NDArray[np.float64]
) -> Curves:
    """Requests per second of each outcome."""
    width_s = np.diff(edges_s)
    return Curves(
        x=_middles_s(edges_s),
        lines=tuple(Curve(words, colour, tuple((counts[code] / width_s).tolist())) for code, words, colour in outcomes),
        note="requests per second",
        yaxis={"rangemode": "tozero"},
    )


def latency_chart(result: CircuitBreakerResult, edges_s: NDArray[np.float64]) -> Chart:
    """Percentiles of the time that requests took which were not turned away, by the breaker or for want of a thread."""
    called = (result.outcome != REFUSED) & (result.outcome != NO_THREAD)
    plain = result.params.pool is Pool.UNLIMITED and result.params.retries is Retries.NONE
    latency_ms = result.latency_s[called] * 1000
    bounds = np.searchsorted(result.arrival_s[called], edges_s)
    table = np.array([_percentiles(latency_ms[a:b]) for a, b in pairwise(bounds)])
    values = [[None if np.isnan(value) else round(value, 3) for value in column] for column in table.T.tolist()]
    traces = [
        {
            "type": "scatter",
            "x": list(_middles_s(edges_s)),
            "y": column,
            "name": name,
            "mode": "lines",
            "line": {"width": width, "dash": dash, "color": light(colour)},
            "hovertemplate": f"{name} %{{y:.3~s}} ms<extra></extra>",
        }
        for (_, name, colour, width, dash), column in zip(PERCENTILES, values, strict=True)
    ]
    traces += [
        _dots(_middles_s(edges_s), column, name, light(colour))
        for (_, name, colour, *_), column in zip(PERCENTILES, values, strict=True)
    ]
    return Chart(
        name="latency",
        title="Time a call took" if plain else "Time a request took",
        note=LATENCY_NOTE if plain else f"{LATENCY_NOTE}; all waits and calls of a request together",
        figure=figure(traces, layout(result.duration_s, yaxis=_log_axis(table))),
        columns=("From (s)", "To (s)", *(f"{name} (ms)" for _, name, _, _, _ in PERCENTILES)),
        rows=tuple(zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), *values, strict=True)),
        keys=tuple((name, colour) for _, name, colour, _, _ in PERCENTILES),
        height_px=220,
        curves=partial(latency_curves, values, edges_s),
        overlay=partial(_dashed_p95, result, edges_s, values[1], table),
    )


def latency_curves(values_ms: Sequence[Sequence[float | None]], edges_s: NDArray[np.float64]) -> Curves:
    """Percentiles of the time calls took; a bin without calls has none."""
    return Curves(
        x=_middles_s(edges_s),
        lines=tuple(
            Curve(name, colour, tuple(column))
            for (_, name, colour, _, _), column in zip(PERCENTILES, values_ms, strict=True)
        ),
        note=LATENCY_NOTE,
        yaxis={"type": "log", "tickvals": TICKS_MS, "ticktext": TICK_WORDS},
    )


def _dashed_p95(
    result: CircuitBreakerResult,
    edges_s: NDArray[np.float64],
    p95_ms: list[float | None],
    table_ms: NDArray[np.float64],
) -> Overlay:
    """A baseline's p95: dashed, with a hollow mark where a value stands alone and no dash would show."""
    around = [None, *p95_ms, None]
    trace = {
        "type": "scatter",
        "x": list(_middles_s(edges_s)),
        "y": p95_ms,
        "name": "p95 of the baseline",
        "mode": "lines+markers",
        "line": {"width": 2, "dash": "6px,3px", "color": light("accent")},
        "marker": {
            "size": [6 if left is right is None else 0 for left, right in zip(around, around[2:], strict=False)],
            "symbol": "circle-open",
            "color": light("accent"),
        },
        "hovertemplate": "p95 of the baseline %{y:.3~s} ms<extra></extra>",
    }
    axes = {"xaxis": {"range": [0, result.duration_s]}, "yaxis": {"range": _log_axis(table_ms)["range"]}}
    return Overlay((trace,), layout=axes, keys=(("p95 of the baseline", "accent"),))


def _middles_s(edges_s: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(((edges_s[:-1] + edges_s[1:]) / 2).tolist())


def _dots(x_s: tuple[float, ...], y: list[float | None], name: str, colour: str) -> dict[str, Any]:
    """Points between two gaps, where a line has nothing to connect. A dot at every point would cost 80 elements."""
    padded = [None, *y, None]
    alone = [i for i, value in enumerate(y) if value is not None and padded[i] is None and padded[i + 2] is None]
    return {
        "type": "scatter",
        "x": [x_s[i] for i in alone],
        "y": [y[i] for i in alone],
        "name": name,
        "mode": "markers",
        "marker": {"size": 4, "color": colour},
        "hoverinfo": "skip",
    }


def _stepped(values: NDArray[np.float64]) -> list[float]:
    rounded: list[float] = np.round(values, 3).tolist()
    return [*rounded, rounded[-1]]


def _percentiles(latency_ms: NDArray[np.float64]) -> list[float]:
    """As numpy.percentile (linear), at a tenth of its cost for a few hundred values; nan for none."""
    if not latency_ms.size:
        return [np.nan] * len(PERCENTILES)
    ordered = np.sort(latency_ms)
    places = [percent / 100 * (ordered.size - 1) for percent, *_ in PERCENTILES]
    values: list[float] = np.interp(places, np.arange(ordered.size), ordered).tolist()
    return values


def _log_axis(values_ms: NDArray[np.float64]) -> dict[str, Any]:
    """A logarithmic axis from below the lowest value to above the highest, with ticks a person would choose."""
    seen = values_ms[np.isfinite(values_ms)]
    low, high = (seen.min(), seen.max()) if seen.size else (10, 1000)
    return {
        "type": "log",
        "range": [float(np.log10(low / 1.6)), float(np.log10(high * 1.4))],
        "tickvals": TICKS_MS,
        "ticktext": TICK_WORDS,
    }
