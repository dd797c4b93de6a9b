"""How the neighbour fares, and how full the pool and the dependency are: pictures of what can be turned on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, Levels
from sandboxes.simulations.circuit_breaker.params import Capacity, Pool
from sandboxes.simulations.circuit_breaker.world import SUCCEEDED
from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay

# Name, colour, dash: told apart without colour too.
Line = tuple[str, str, str]
PERCENT_AXIS = {"range": [0, 100], "ticksuffix": " %"}


def fill_charts(result: CircuitBreakerResult, edges_s: NDArray[np.float64]) -> tuple[Chart, ...]:
    """A chart for each thing that is turned on."""
    drawn = []
    if result.neighbour_outcome.size:
        drawn.append(neighbour_chart(result, edges_s))
    if result.levels is not None and result.params.pool is Pool.LIMITED:
        drawn.append(pool_chart(result, result.levels))
    if result.levels is not None and result.params.dependency_capacity is Capacity.LIMITED:
        drawn.append(dependency_chart(result, result.levels))
    return tuple(drawn)


def neighbour_chart(result: CircuitBreakerResult, edges_s: NDArray[np.float64]) -> Chart:
    """Share of the neighbour's requests that got its answer, by the moment of the request."""
    came = np.histogram(result.neighbour_arrival_s, edges_s)[0]
    good = np.histogram(result.neighbour_arrival_s[result.neighbour_outcome == SUCCEEDED], edges_s)[0]
    share = [round(100 * ok / all_, 2) if all_ else None for ok, all_ in zip(good.tolist(), came.tolist(), strict=True)]
    return _chart(
        result,
        name="neighbour",
        title="The healthy neighbour",
        note="share of its requests answered; all they can lack is a thread",
        x_s=((edges_s[:-1] + edges_s[1:]) / 2).tolist(),
        lines=[(("answered", "closed", "solid"), share)],
        yaxis=PERCENT_AXIS,
        unit="%",
    )


def pool_chart(result: CircuitBreakerResult, levels: Levels) -> Chart:
    """Threads in use and requests in line, over all instances."""
    threads = result.params.pool_size * result.params.instances
    return _chart(
        result,
        name="pool",
        title="Callers' pool",
        note=f"{threads:,} threads; looked at {levels.at_s.size} times",
        x_s=levels.at_s.tolist(),
        lines=[
            (("threads in use", "accent", "solid"), levels.busy_threads.tolist()),
            (("in line for one", "open", "6px,3px"), levels.in_line.tolist()),
        ],
        yaxis={"rangemode": "tozero"},
        unit="",
    )


def dependency_chart(result: CircuitBreakerResult, levels: Levels) -> Chart:
    """Servers at work and calls in the queue."""
    params = result.params
    return _chart(
        result,
        name="queue",
        title="Dependency's queue",
        note=f"{params.servers:,} servers and room for {params.queue_size:,}; looked at {levels.at_s.size} times",
        x_s=levels.at_s.tolist(),
        lines=[
            (("servers at work", "accent", "solid"), levels.busy_servers.tolist()),
            (("calls in the queue", "open", "6px,3px"), levels.queued.tolist()),
        ],
        yaxis={"rangemode": "tozero"},
        unit="",
    )


def _chart(
    result: CircuitBreakerResult,
    name: str,
    title: str,
    note: str,
    x_s: list[float],
    lines: Sequence[tuple[Line, list[Any]]],
    yaxis: dict[str, Any],
    unit: str,
) -> Chart:
    heads = [f"{words.capitalize()} ({unit})" if unit else words.capitalize() for (words, _, _), _ in lines]
    return Chart(
        name=name,
        title=title,
        note=note,
        figure=figure([_trace(x_s, line, y, unit) for line, y in lines], layout(result.duration_s, yaxis=yaxis)),
        columns=("At (s)", *heads),
        rows=tuple(zip(x_s, *(y for _, y in lines), strict=True)),
        keys=tuple((words, colour) for (words, colour, _), _ in lines),
        height_px=150,
        curves=partial(_curves, tuple(x_s), lines, note, yaxis),
        overlay=partial(_overlay, result.duration_s, x_s, lines[-1], unit),
    )


def _trace(x_s: list[float], line: Line, y: list[Any], unit: str) -> dict[str, Any]:
    words, colour, dash = line
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x_s,
        "y": y,
        "name": words,
        "line": {"width": 1.5, "dash": dash, "color": light(colour)},
        "hovertemplate": f"%{{y:.4~g}} {unit} {words}<extra></extra>",
    }


def _curves(
    x_s: tuple[float, ...], lines: Sequence[tuple[Line, list[Any]]], note: str, yaxis: dict[str, Any]
) -> Curves:
    curves = tuple(Curve(words, colour, tuple(y)) for (words, colour, _), y in lines)
    return Curves(x=x_s, lines=curves, note=note, yaxis=yaxis)


def _overlay(duration_s: float, x_s: list[float], drawn: tuple[Line, list[Any]], unit: str) -> Overlay:
    """The last of a baseline's lines, dotted and soft."""
    (words, _, _), y = drawn
    words = f"{words} in the baseline"
    trace = _trace(x_s, (words, "soft", "dot"), y, unit)
    return Overlay((trace,), layout={"xaxis": {"range": [0, duration_s]}}, keys=((words, "soft"),))
