"""One order as a sequence diagram: lifelines from top to bottom, an arrow for each call and answer."""

from __future__ import annotations

from typing import Any

from sandboxes.simulations.palette import TEMPLATE, figure, light
from sandboxes.simulations.saga.history import MOST_LINES, order_looked_at
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import Protocol
from sandboxes.simulations.saga.story import Line, actors, lines
from sandboxes.simulations.spec import Chart

LINE_PX = 22
# Plotly sets words at the middle of a mark, and drops plain spaces.
BESIDE_A_MARK = "\N{NO-BREAK SPACE}" * 3
# Two words in two rows, to stand beside each other on a phone.
TONE_NAMES = (
    ("call", "accent"),
    ("done", "closed"),
    ("undo", "half"),
    ("not done", "open"),
    ("failed or unknown", "slow"),
)


def sequence_chart(result: SagaResult) -> Chart:
    """Who told whom what about the order looked at. The table has every line, with the time since its arrival."""
    told = lines(result)
    order = order_looked_at(result)
    since_s = float(result.orders["arrival_s"][order])
    drawn = told[:MOST_LINES]
    names = actors(result.params)
    means = "; T does a step, C undoes it" if result.params.protocol is Protocol.SAGA else ""
    beyond = f"; the first {MOST_LINES} of {len(told)} lines" if len(told) > MOST_LINES else ""
    return Chart(
        name="sequence",
        title=f"Order {order + 1:,}, call by call",
        note=f"came at {since_s:.2f} s; downwards in its order, not to scale{means}{beyond}",
        figure=figure(_traces(drawn, since_s, len(names)), _layout(drawn, names)),
        columns=("After (s)", "From", "To", "What", "In words"),
        rows=tuple(
            (round(line.at_s - since_s, 3), names[line.teller], names[line.hearer], line.label, line.said)
            for line in told
        ),
        keys=TONE_NAMES,
        height_px=LINE_PX * (len(drawn) + 1) + 44,
    )


def _traces(drawn: list[Line], since_s: float, actors_count: int) -> list[dict[str, Any]]:
    return [_lifelines(len(drawn), actors_count)] + [
        trace
        for tone in sorted({line.tone for line in drawn})
        for trace in _of_tone(drawn, tone, since_s, actors_count)
    ]


def _lifelines(rows: int, count: int) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for actor in range(count):
        x += [actor, actor, None]
        y += [-0.6, rows - 0.4, None]
    return _line(x, y, {"width": 1, "color": light("line")})


def _of_tone(drawn: list[Line], tone: str, since_s: float, actors_count: int) -> list[dict[str, Any]]:
    """Shafts, heads and words of the lines of one colour."""
    shafts_x: list[float | None] = []
    shafts_y: list[float | None] = []
    heads: dict[str, list[Any]] = {"x": [], "y": [], "symbol": [], "text": []}
    words: dict[str, list[Any]] = {"x": [], "y": [], "text": [], "position": []}
    for row, line in enumerate(drawn):
        if line.tone != tone:
            continue
        ends = line.hearer if not line.lost else (line.teller + line.hearer) / 2 + 0.1 * (line.teller - line.hearer)
        shafts_x += [line.teller, ends, None]
        shafts_y += [row, row, None]
        heads["x"].append(ends)
        heads["y"].append(row)
        heads["symbol"].append(_symbol(line))
        heads["text"].append(f"{line.at_s - since_s:.3f} s: {line.said}")
        alone, in_the_left = line.teller == line.hearer, line.teller <= (actors_count - 1) / 2
        words["x"].append((line.teller + line.hearer) / 2)
        words["y"].append(row)
        label = f"{BESIDE_A_MARK}{line.label}" if in_the_left else f"{line.label}{BESIDE_A_MARK}"
        words["text"].append(label if alone else line.label)
        words["position"].append(f"middle {'right' if in_the_left else 'left'}" if alone else "top center")
    colour = light(tone)
    return [
        _line(shafts_x, shafts_y, {"width": 1.75, "color": colour}),
        {
            "type": "scatter",
            "mode": "markers",
            "x": heads["x"],
            "y": heads["y"],
            "marker": {"symbol": heads["symbol"], "size": 9, "color": colour},
            "hovertext": heads["text"],
            "hovertemplate": "%{hovertext}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "text",
            "x": words["x"],
            "y": words["y"],
            "text": words["text"],
            "textposition": words["position"],
            "textfont": {"size": 11.5, "color": light("ink")},
            "hoverinfo": "skip",
            "cliponaxis": False,
        },
    ]


def _symbol(line: Line) -> str:
    if line.lost:
        return "x"
    if line.teller == line.hearer:
        return "diamond"
    return "triangle-right" if line.teller < line.hearer else "triangle-left"


def _line(x: list[float | None], y: list[float | None], style: dict[str, Any]) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": style, "hoverinfo": "skip"}


def _layout(drawn: list[Line], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "template": TEMPLATE,
        "hovermode": "closest",
        "margin": {"l": 18, "r": 12, "t": 44, "b": 4},
        "xaxis": {
            "range": [-0.45, len(names) - 0.35],
            "side": "top",
            "tickvals": list(range(len(names))),
            # One up, one down: on a phone they would run into each other.
            "ticktext": [f"{name}<br>\N{NO-BREAK SPACE}" if at % 2 == 0 else name for at, name in enumerate(names)],
            "fixedrange": True,
            "tickangle": 0,
        },
        "yaxis": {"range": [len(drawn) - 0.4, -0.8], "visible": False, "fixedrange": True},
    }
