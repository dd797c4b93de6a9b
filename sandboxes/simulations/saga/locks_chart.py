"""What is kept from others, over time: rows under two-phase commit, single units otherwise."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import Isolation, Protocol, SagaParams
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay


class Count(NamedTuple):
    """One line of the chart: what is counted, the field of the log that counts it, and how it is drawn."""

    words: str
    field: str
    colour: str
    width: float
    dash: str


ROWS = Count("rows locked", "locked", "open", 2, "solid")
WAITING = Count("orders waiting for a row", "queueing", "slow", 2, "dot")
UNITS = Count("units kept aside", "locked", "half", 2, "solid")


def counted(params: SagaParams) -> tuple[Count, ...]:
    return (ROWS, WAITING) if params.protocol is Protocol.TWO_PHASE_COMMIT else (UNITS,)


def locks_chart(result: SagaResult, at_s: NDArray[np.float64]) -> Chart:
    """Locks, and orders that wait for one, as they stand at each moment."""
    lines = counted(result.params)
    values = [standing(result, line.field, at_s) for line in lines]
    axis: dict[str, Any] = {"range": [0, _top(values)], "rangemode": "tozero", "tickformat": ",d"}
    if _top(values) < 5:
        axis["dtick"] = 1
    traces = [_line(at_s, column, line) for column, line in zip(values, lines, strict=True)]
    return Chart(
        name="locks",
        title="Stock kept from others",
        note=_note(result.params),
        figure=figure(traces, layout(float(at_s[-1]), yaxis=axis)),
        columns=("Time (s)", *(line.words.capitalize() for line in lines)),
        rows=tuple(zip(at_s.tolist(), *values, strict=True)),
        keys=tuple((line.words, line.colour) for line in lines),
        height_px=180,
        curves=lambda: Curves(
            x=tuple(at_s.tolist()),
            lines=tuple(
                Curve(line.words, line.colour, tuple(column)) for column, line in zip(values, lines, strict=True)
            ),
            note=" and ".join(line.words for line in lines),
            yaxis={"rangemode": "tozero"},
        ),
        overlay=partial(_overlay, at_s, values[0], lines[0]),
    )


def standing(result: SagaResult, field: str, at_s: NDArray[np.float64]) -> list[float]:
    """A count that each line of the log tells, at each moment. As long as `at_s`."""
    place = np.searchsorted(result.log["at_s"], at_s, side="right")
    counts: list[float] = np.append(0, result.log[field])[place].astype(float).tolist()
    return counts


def _note(params: SagaParams) -> str:
    if params.protocol is Protocol.TWO_PHASE_COMMIT:
        return f"of {params.items:,} {'row' if params.items == 1 else 'rows'}, one for each item"
    if params.protocol is Protocol.SAGA and params.isolation is not Isolation.SEMANTIC_LOCK:
        return "nothing is, without a lock: the line lies on zero"
    return "one unit for each order that has neither ended nor given it back"


def _top(values: list[list[float]]) -> float:
    return max(1.0, 1.08 * max(max(column) for column in values))


def _line(at_s: NDArray[np.float64], column: list[float], line: Count) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": at_s.tolist(),
        "y": column,
        "name": line.words,
        "mode": "lines",
        "line": {"width": line.width, "dash": line.dash, "shape": "hv", "color": light(line.colour)},
        "hovertemplate": f"%{{y}} {line.words}<extra></extra>",
    }


def _overlay(at_s: NDArray[np.float64], column: list[float], line: Count) -> Overlay:
    """A baseline's rows or units, as a dashed line."""
    words = f"{line.words} in the baseline"
    axes = {"xaxis": {"range": [0, float(at_s[-1])]}, "yaxis": {"range": [0, _top([column])]}}
    drawn = _line(at_s, column, Count(words, line.field, "soft", 2, "6px,3px"))
    return Overlay((drawn,), layout=axes, keys=((words, "soft"),))
