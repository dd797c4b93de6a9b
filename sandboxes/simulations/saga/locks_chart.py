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


# Orders that wait for a row stand in the table alone: there may be a hundred times more of them than rows.
WAITING = "queueing"
ROWS = Count("rows locked", "locked", "open", 2, "solid")
UNITS = Count("units kept aside", "locked", "half", 2, "solid")


def counted(params: SagaParams) -> Count:
    return ROWS if params.protocol is Protocol.TWO_PHASE_COMMIT else UNITS


def locks_chart(result: SagaResult, at_s: NDArray[np.float64]) -> Chart:
    """Locks as they stand at each moment. The table of two-phase commit also has the orders that wait for one."""
    line = counted(result.params)
    locked, waiting = standing(result, line.field, at_s), standing(result, WAITING, at_s)
    axis: dict[str, Any] = {"range": [0, _top(locked)], "rangemode": "tozero", "tickformat": ",d"}
    if _top(locked) < 5:
        axis["dtick"] = 1
    columns = {line.words.capitalize(): locked} | ({"Orders waiting for a row": waiting} if line is ROWS else {})
    return Chart(
        name="locks",
        title="Stock kept from others",
        note=_note(result.params),
        figure=figure([_line(at_s, locked, line)], layout(float(at_s[-1]), yaxis=axis)),
        columns=("Time (s)", *columns),
        rows=tuple(zip(at_s.tolist(), *columns.values(), strict=True)),
        keys=((line.words, line.colour),),
        height_px=180,
        curves=lambda: Curves(
            x=tuple(at_s.tolist()),
            lines=(Curve(line.words, line.colour, tuple(locked)),),
            note=line.words,
            yaxis={"rangemode": "tozero"},
        ),
        overlay=partial(_overlay, at_s, locked, line),
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


def _top(column: list[float]) -> float:
    return max(1.0, 1.08 * max(column))


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
    axes = {"xaxis": {"range": [0, float(at_s[-1])]}, "yaxis": {"range": [0, _top(column)]}}
    drawn = _line(at_s, column, Count(words, line.field, "soft", 2, "6px,3px"))
    return Overlay((drawn,), layout=axes, keys=((words, "soft"),))
