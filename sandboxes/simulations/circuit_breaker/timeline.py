"""When each breaker was in which state, over the dependency's health."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, HALF_OPEN, OPEN
from sandboxes.simulations.circuit_breaker.measures import is_shared
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, Stretch
from sandboxes.simulations.circuit_breaker.params import Kind
from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay

MOST_STRETCHES = 300
# Of more breakers than this only the first are drawn, or a row could not be told from the next.
MOST_ROWS = 12

STATES = ((CLOSED, "closed", "closed"), (OPEN, "open", "open"), (HALF_OPEN, "half-open", "half"))
HEALTH_COLOURS = {"healthy": "closed", "slow": "slow", "failing": "half", "dead": "ink", "recovered": "closed"}
# Where the two rows of the timeline stand, from 0 at the bottom to 1.
HEALTH_PLACE, BREAKER_PLACE = 0.16, 0.68
# A baseline's row stands above them, and the axis then reaches to its top.
BASELINE_PLACE, BASELINE_TOP = 1.17, 1.36
# Of a single breaker's row; several share that room.
THICKNESS = 0.54


def states_chart(result: CircuitBreakerResult, edges_s: NDArray[np.float64]) -> Chart:
    """The breakers' states, a row for each, over the dependency's health."""
    words = {code: name for code, name, _ in STATES}
    rows = [shown_stretches(result, stretches) for stretches in result.breakers[:MOST_ROWS]]
    # The key of a picture taken away names the states.
    traces = [{**_state_bars(rows, code, name, colour), "name": name} for code, name, colour in STATES] + [
        # One trace whatever the phases: each costs the browser a few milliseconds at every turn of a knob.
        {
            **_bars(
                list(result.phases),
                "dependency",
                [light(HEALTH_COLOURS[phase.name]) for phase in result.phases],
                place=HEALTH_PLACE,
                thickness=0.3,
            ),
            "showlegend": False,
        }
    ]
    several = len(rows) > 1
    picture = figure(
        traces,
        layout(
            result.duration_s,
            hovermode="closest",
            barmode="overlay",
            uniformtext={"mode": "hide", "minsize": 11},
            yaxis={
                "range": [0, 1],
                "showgrid": False,
                "tickvals": [HEALTH_PLACE, BREAKER_PLACE],
                "ticktext": ["health", "breakers" if several else "breaker"],
            },
        ),
    )
    breakers = [
        (f"Breaker {row + 1}" if several else "Breaker", words[state], start_s, end_s)
        for row, stretches in enumerate(rows)
        for state, start_s, end_s in stretches
    ]
    dependency = [("Dependency", *phase) for phase in result.phases]
    return Chart(
        name="states",
        title="Breaker state",
        note=_states_note(result, len(rows[0]) == len(result.stretches)),
        figure=picture,
        columns=("What", "State", "From (s)", "To (s)"),
        rows=tuple(breakers + dependency),
        keys=tuple((name, colour) for _, name, colour in STATES),
        height_px=130 + 12 * (len(rows) - 1),
        curves=partial(states_curves, result, edges_s),
        overlay=partial(_breaker_row, result, rows[0]),
    )


def _state_bars(rows: list[tuple[Stretch, ...]], code: int, name: str, colour: str) -> dict[str, Any]:
    """The stretches in one state, each in its breaker's row, the first of them on top."""
    pitch = THICKNESS / len(rows)
    bars = []
    for row, stretches in enumerate(rows):
        place = BREAKER_PLACE + (THICKNESS - pitch) / 2 - row * pitch
        own = [(name, stretch.start_s, stretch.end_s) for stretch in stretches if stretch.state == code]
        thickness = pitch if len(rows) == 1 else 0.8 * pitch
        who = "breaker" if len(rows) == 1 else f"breaker {row + 1}"
        bars.append(_bars(own, who, light(colour), place=place, thickness=thickness))
    joined = bars[0]
    for key in ("base", "x", "y", "text", "hovertext"):
        joined[key] = [value for one in bars for value in one[key]]
    return joined


def states_curves(result: CircuitBreakerResult, edges_s: NDArray[np.float64]) -> Curves:
    """Percent of each bin that the breaker spent in each state; the mean of several breakers."""
    width_s = np.diff(edges_s) * len(result.breakers)
    shares = {
        code: 100 * sum(_held_s(one, code, edges_s) for one in result.breakers) / width_s for code, _, _ in STATES
    }
    return Curves(
        x=tuple(((edges_s[:-1] + edges_s[1:]) / 2).tolist()),
        lines=tuple(Curve(name, colour, tuple(shares[code].tolist())) for code, name, colour in STATES),
        note="share of the time in each state",
        yaxis={"range": [0, 100], "ticksuffix": " %"},
    )


def _breaker_row(result: CircuitBreakerResult, stretches: tuple[Stretch, ...]) -> Overlay:
    """A baseline's breaker as a thin row of its own above the run's."""
    traces = tuple(
        _bars(
            [(name, stretch.start_s, stretch.end_s) for stretch in stretches if stretch.state == code],
            f"baseline {name}",
            light(colour),
            place=BASELINE_PLACE,
            thickness=0.3,
        )
        for code, name, colour in STATES
    )
    rows = {
        "range": [0, BASELINE_TOP],
        "tickvals": [HEALTH_PLACE, BREAKER_PLACE, BASELINE_PLACE],
        "ticktext": ["health", "breaker", "baseline"],
    }
    return Overlay(traces, layout={"xaxis": {"range": [0, result.duration_s]}, "yaxis": rows})


def shown_stretches(result: CircuitBreakerResult, stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """A breaker's stretches to draw: all, or where they would be too many, the longest of each equal part of the run.

    All breakers that are drawn have room for MOST_STRETCHES together.
    """
    most = MOST_STRETCHES // min(len(result.breakers), MOST_ROWS)
    if len(stretches) <= most:
        return stretches
    edges_s = np.linspace(0, result.duration_s, most + 1)
    held_s = np.array([_held_s(stretches, code, edges_s) for code, _, _ in STATES])
    longest = held_s.argmax(axis=0).tolist()
    return tuple(
        Stretch(STATES[code][0], start_s, end_s)
        for code, start_s, end_s in zip(longest, edges_s[:-1].tolist(), edges_s[1:].tolist(), strict=True)
    )


def _held_s(stretches: tuple[Stretch, ...], state: int, edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds spent in `state` between each pair of edges."""
    ends_s = np.array([(0.0, 0.0), *((s.start_s, s.end_s) for s in stretches if s.state == state)])
    spent_s = np.concatenate(([0.0], np.cumsum(ends_s[:, 1] - ends_s[:, 0])))
    inside = np.searchsorted(ends_s[:, 0], edges_s, side="right") - 1
    until_s = spent_s[inside] + np.minimum(edges_s, ends_s[inside, 1]) - ends_s[inside, 0]
    return np.diff(until_s)


def _states_note(result: CircuitBreakerResult, whole: bool) -> str:
    if result.params.kind is Kind.NONE:
        return "no breaker, so nothing is refused by one; the dependency's health"
    breakers = len(result.breakers)
    if breakers > MOST_ROWS:
        return f"those of the first {MOST_ROWS} of {breakers} instances, and below them the dependency's health"
    if breakers > 1:
        return "a row for each instance, and below them the dependency's health"
    if whole and is_shared(result):
        return "as the shared store has it, and below it the dependency's health"
    if not whole:
        return f"{len(result.stretches):,} changes, drawn as the longest state of each moment"
    return "and below it the dependency's health"


def _bars(
    stretches: list[tuple[str, float, float]], name: str, colour: str | list[str], place: float, thickness: float
) -> dict[str, Any]:
    """Horizontal bars on the time axis, with words inside where they fit."""
    return {
        "type": "bar",
        "orientation": "h",
        "base": [start_s for _, start_s, _ in stretches],
        "x": [end_s - start_s for _, start_s, end_s in stretches],
        "y": [place] * len(stretches),
        "width": thickness,
        "name": name,
        "marker": {"color": colour, "line": {"width": 0}},
        "text": [words for words, _, _ in stretches],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": light("card"), "size": 12},
        "hovertext": [f"{name} {words}, {start_s:.2f} to {end_s:.2f} s" for words, start_s, end_s in stretches],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
