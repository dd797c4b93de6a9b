"""Pictures of batches: averaged curves with their bands, a line over one parameter, a heat map over two.

Each picture is a mapping like a run's chart: name, title, note, keys, height_px, figure, columns, rows. `opens` says
which run stands behind a point: its address, and the names that a point's values are given to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.batches import DONE, FAILED, Axis, Batch, Look
from sandboxes.forms import plain, told
from sandboxes.presentation import amount
from sandboxes.simulations.palette import TEMPLATE, light
from sandboxes.simulations.spec import Metric
from sandboxes.simulations.statistics import Array, Moments, moments
from sandboxes.sweeps import Sweep

BAND_OPACITY = 0.22
MOST_TICKS = 6
Picture = dict[str, Any]


def averaged(look: Look, baseline: Look | None = None) -> list[Picture]:
    """One picture for each chart that has curves: means over the seeds so far, and bands of their 95 % intervals.

    With a baseline, its means are drawn over them, dashed.
    """
    if look.averages is None:
        return []
    before = _dashed(baseline) if baseline else {}
    low, high = look.averages.interval()
    pictures, start = [], 0
    for chart in look.charts:
        length = len(chart["x"])
        ends = [start + length * number for number in range(len(chart["lines"]) + 1)]
        parts = [slice(a, b) for a, b in pairwise(ends)]
        lines = [
            (line, look.averages.mean[part], low[part], high[part])
            for line, part in zip(chart["lines"], parts, strict=True)
        ]
        pictures.append(_over(_averaged(chart, lines), before.get(chart["name"])))
        start = ends[-1]
    return pictures


def each_run(look: Look, address: str) -> Picture:
    """The first metric of every run by its seed; the table has all metrics. `address` is that of one of the runs."""
    batch, metrics = look.batch, look.batch.simulation.metrics
    seeds = [batch.seed_of(run) for run in range(batch.runs)]
    values = [_plain(look.values[0, :, place] * metric.scale) for place, metric in enumerate(metrics)]
    found = moments(look.values[0, :, 0])
    mean = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"width": 1.5, "color": light("soft")}}
    shown = [
        amount(metrics[0], value) if np.isfinite(value) else metrics[0].undefined for value in look.values[0, :, 0]
    ]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": seeds,
        "y": values[0],
        "marker": {"size": 7, "color": light("accent")},
        "customdata": [f"seed {seed}: {words}" for seed, words in zip(seeds, shown, strict=True)],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    traces = [{**mean, "x": [seeds[0], seeds[-1]], "y": _plain(np.repeat(found.mean * metrics[0].scale, 2))}, dots]
    xaxis = {"title": {"text": "Seed", "standoff": 6}, "fixedrange": True, "tickformat": "d"}
    return {
        "name": "runs",
        "title": "Each run",
        "note": f"{metrics[0].label} by seed, and the mean; choose a run to open it",
        "keys": (),
        "height_px": 190,
        "figure": _figure(traces, xaxis, yaxis=_unit_axis(metrics[0]), hovermode="closest"),
        "columns": (
            "Seed",
            *(f"{metric.label} ({metric.unit})" if metric.unit else metric.label for metric in metrics),
        ),
        "rows": tuple(zip(seeds, *values, strict=True)),
        "opens": {"address": address, "names": ["seed"]},
    }


def swept(look: Look, sweep: Sweep, address: str) -> Picture:
    """The metric over one parameter or two. `address` is that of the run the sweep goes around."""
    place = [metric.name for metric in sweep.batch.simulation.metrics].index(sweep.metric.name)
    found = moments(look.values[:, :, place].T)
    draw = _line if len(sweep.batch.axes) == 1 else _heat_map
    figure = draw(sweep, found, look.states)
    return {
        "name": "sweep",
        "title": title(sweep),
        "note": _note(sweep),
        "keys": (),
        "height_px": 320 if len(sweep.batch.axes) == 1 else 480,
        "figure": figure,
        "columns": (
            *(_title(sweep.batch, axis) for axis in sweep.batch.axes),
            *_columns(sweep.metric, sweep.batch.seeds),
        ),
        "rows": _rows(sweep, found),
        "opens": {"address": address, "names": [axis.name for axis in sweep.batch.axes]},
    }


def title(sweep: Sweep) -> str:
    """What is drawn: "Available by Wait while open and Window"."""
    return f"{sweep.metric.label} by {' and '.join(_label(sweep.batch, axis) for axis in sweep.batch.axes)}"


def where(batch: Batch, point: Sequence[Any], axes: Sequence[int] | None = None) -> str:
    """A point in words, or only these of its axes: "Wait while open 10 s, Opens on “No breaker”"."""
    chosen = range(len(batch.axes)) if axes is None else axes
    return ", ".join(_where(batch, batch.axes[number], point[number]) for number in chosen)


def _where(batch: Batch, axis: Axis, value: Any) -> str:
    label = _label(batch, axis)
    words = told(batch.simulation, axis.name, value if _is_named(batch, axis) else _short(value))
    # A line does not end between a number and its unit.
    return f"{label} “{words}”" if _is_named(batch, axis) else f"{label} " + words.replace(" ", "\N{NO-BREAK SPACE}")


def _label(batch: Batch, axis: Axis) -> str:
    return batch.simulation.knobs[axis.name].label


def _short(value: float) -> float:
    """To three figures, and whole from a thousand on."""
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)


def _averaged(chart: Mapping[str, Any], lines: Sequence[tuple[Mapping[str, str], Array, Array, Array]]) -> Picture:
    traces: list[dict[str, Any]] = []
    for line, mean, low, high in lines:
        words = [f"{a:.4g} to {b:.4g}" if np.isfinite(a) else "one run" for a, b in zip(low, high, strict=True)]
        traces.append(_band(chart["x"], low, high, line["colour"]))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": chart["x"],
                "y": _plain(mean),
                "name": line["name"],
                "line": {"color": light(line["colour"]), "width": 2},
                "customdata": words,
                "hovertemplate": f"%{{y:.4~g}} {line['name']} (95 %: %{{customdata}})<extra></extra>",
            }
        )
    columns = [f"{line['name'].capitalize()}, {what}" for line, *_ in lines for what in ("mean", "low", "high")]
    numbers = [_plain(column) for _, *values in lines for column in values]
    return {
        "name": chart["name"],
        "title": chart["title"],
        "note": f"{chart['note']}: mean and its 95 % interval",
        "keys": tuple((line["name"], line["colour"]) for line, *_ in lines),
        "height_px": 240,
        "figure": {
            "data": traces,
            "layout": {
                "template": TEMPLATE,
                "xaxis": {"range": [0, _end(chart["x"])], **chart["xaxis"]},
                "yaxis": chart["yaxis"],
            },
        },
        "columns": (chart["x_column"], *columns),
        "rows": tuple(zip(chart["x"], *numbers, strict=True)),
    }


def _dashed(baseline: Look) -> dict[str, list[dict[str, Any]]]:
    """By chart, the means of a baseline's curves."""
    traces: dict[str, list[dict[str, Any]]] = {}
    means = iter([] if baseline.averages is None else _plain(baseline.averages.mean))
    for chart in baseline.charts if baseline.averages else ():
        traces[chart["name"]] = [
            {
                "type": "scatter",
                "mode": "lines",
                "x": chart["x"],
                "y": list(islice(means, len(chart["x"]))),
                "name": f"{line['name']} in the baseline",
                "line": {"color": light(line["colour"]), "width": 2, "dash": "6px,3px"},
                "hovertemplate": f"%{{y:.4~g}} {line['name']} in the baseline<extra></extra>",
            }
            for line in chart["lines"]
        ]
    return traces


def _over(picture: Picture, before: list[dict[str, Any]] | None) -> Picture:
    if not before:
        return picture
    figure = picture["figure"]
    ends = [figure["layout"]["xaxis"]["range"][1], _end(before[0]["x"])]
    layout = {**figure["layout"], "xaxis": {**figure["layout"]["xaxis"], "range": [0, max(ends)]}}
    return {
        **picture,
        "figure": {"data": [*figure["data"], *before], "layout": layout},
        "baseline_keys": (("means of the baseline", "ink"),),
    }


def _band(x: Sequence[float], low: Array, high: Array, colour: str) -> dict[str, Any]:
    """The area between two lines, one polygon for each stretch without a gap.

    The whole trace is made translucent, because a colour of its own would not follow the theme.
    """
    across: list[float | None] = []
    up: list[float | None] = []
    there = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    for stretch in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1):
        if stretch.size:
            across += [x[i] for i in stretch] + [x[i] for i in stretch[::-1]] + [None]
            up += [*low[stretch].tolist(), *high[stretch[::-1]].tolist(), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": across,
        "y": up,
        "fill": "toself",
        "fillcolor": light(colour),
        "line": {"width": 0},
        "opacity": BAND_OPACITY,
        "hoverinfo": "skip",
    }


def _line(sweep: Sweep, found: Moments, states: NDArray[np.uint8]) -> dict[str, Any]:
    batch, axis = sweep.batch, sweep.batch.axes[0]
    low, high = _ends(sweep.metric, found)
    mean = found.mean * sweep.metric.scale
    lost = (states == FAILED).all(axis=1)
    x = _places(batch, axis)
    named = _is_named(batch, axis)
    errors = np.where(np.isfinite(high), high - mean, 0.0)
    traces = [] if named else [_band(x, low, high, "accent")]
    traces += [
        {
            "type": "scatter",
            "mode": "markers" if named else "lines+markers",
            "x": x,
            "y": _plain(mean),
            "line": {"color": light("accent"), "width": 2},
            "marker": {"color": light("accent"), "size": 9 if named else 6},
            "error_y": {"type": "data", "array": _plain(errors), "visible": named, "color": light("accent")},
            "customdata": _said(sweep, found, states),
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        _missing([value for value, gone in zip(x, lost, strict=True) if gone], _lowest(mean)),
    ]
    return _figure(traces, _axis(batch, axis), yaxis=_unit_axis(sweep.metric), hovermode="closest")


def _heat_map(sweep: Sweep, found: Moments, states: NDArray[np.uint8]) -> dict[str, Any]:
    batch = sweep.batch
    across, up = (_places(batch, axis) for axis in batch.axes)
    shape = (len(across), len(up))
    said = np.array(_said(sweep, found, states), dtype=object).reshape(shape).T.tolist()
    gone = np.argwhere((states == FAILED).all(axis=1).reshape(shape))
    gap = 1 if max(shape) <= 40 else 0
    heat = {
        "type": "heatmap",
        "x": across,
        "y": up,
        "z": [_plain(row) for row in (found.mean * sweep.metric.scale).reshape(shape).T],
        "customdata": said,
        "hovertemplate": "%{customdata}<extra></extra>",
        "colorscale": [[0, light("line")], [0.5, light("accent")], [1, light("ink")]],
        "xgap": gap,
        "ygap": gap,
        "colorbar": {"ticksuffix": f" {sweep.metric.unit}".rstrip(), "thickness": 12, "outlinewidth": 0},
    }
    traces = [heat, _missing([across[i] for i, _ in gone], [up[j] for _, j in gone])]
    return _figure(
        traces,
        _axis(batch, batch.axes[0]),
        yaxis={**_axis(batch, batch.axes[1]), "showgrid": False},
        hovermode="closest",
    )


def _ends(metric: Metric, found: Moments) -> tuple[Array, Array]:
    """The ends of the 95 % intervals in the metric's unit, cut off at its bounds."""
    low, high = (np.array([metric.within(end) for end in ends]) * metric.scale for ends in found.interval())
    return low, high


def _lowest(values: Array) -> float:
    """Where a mark stands that has no value of its own, without stretching the axis."""
    return float(np.nanmin(values)) if np.isfinite(values).any() else 0.0


def _missing(x: list[Any], y: list[Any] | float) -> dict[str, Any]:
    """Crosses where every run failed."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y if isinstance(y, list) else [y] * len(x),
        "marker": {"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": light("open")}},
        "hovertemplate": "missing: every run here failed<extra></extra>",
    }


def _figure(traces: list[dict[str, Any]], xaxis: dict[str, Any], **layout: Any) -> dict[str, Any]:
    margin = {"l": 64, "r": 8, "t": 8, "b": 46}
    return {"data": traces, "layout": {"template": TEMPLATE, "margin": margin, "xaxis": xaxis, **layout}}


def _axis(batch: Batch, axis: Axis) -> dict[str, Any]:
    shape: dict[str, Any] = {"title": {"text": _title(batch, axis), "standoff": 8}, "fixedrange": True}
    if _is_named(batch, axis):
        return {
            **shape,
            "type": "category",
            "tickvals": _places(batch, axis),
            "ticktext": [told(batch.simulation, axis.name, value) for value in axis.values],
        }
    steps = [b - a for a, b in pairwise(axis.values)]
    if len(steps) < 2 or steps[-1] < 3 * steps[0]:
        return shape
    # On a logarithmic axis Plotly names 20 and 50 by their first figure alone, so the values themselves are named.
    named = axis.values[:: max(1, len(axis.values) // MOST_TICKS)]
    return {**shape, "type": "log", "tickvals": list(named), "ticktext": [plain(_short(value)) for value in named]}


def _unit_axis(metric: Metric) -> dict[str, Any]:
    return {"ticksuffix": f" {metric.unit}".rstrip(), "title": {"text": metric.label}, "rangemode": "normal"}


def _is_named(batch: Batch, axis: Axis) -> bool:
    return batch.simulation.params.model_fields[axis.name].annotation not in (int, float)


def _places(batch: Batch, axis: Axis) -> list[Any]:
    """Where the values stand: numbers where they are, names one after another."""
    return [plain(value) for value in axis.values] if _is_named(batch, axis) else list(axis.values)


def _title(batch: Batch, axis: Axis) -> str:
    knob = batch.simulation.knobs[axis.name]
    return f"{knob.label} ({knob.unit})" if knob.unit else knob.label


def _note(sweep: Sweep) -> str:
    seeds = sweep.batch.seeds
    over = "one seed" if seeds == 1 else f"mean of {seeds} seeds"
    band = " and its 95 % interval" if seeds > 1 and len(sweep.batch.axes) == 1 else ""
    return f"{over}{band}; choose a point to open its run"


def _columns(metric: Metric, seeds: int) -> tuple[str, ...]:
    label = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    return (f"{label}, mean", "Low", "High", "Runs with a value") if seeds > 1 else (label,)


def _rows(sweep: Sweep, found: Moments) -> tuple[tuple[Any, ...], ...]:
    low, high = (end * sweep.metric.scale for end in found.interval())
    numbers = [_plain(found.mean * sweep.metric.scale)]
    if sweep.batch.seeds > 1:
        numbers += [_plain(low), _plain(high), [int(count) for count in found.count]]
    points = [[plain(value) for value in point] for point in sweep.batch.points]
    return tuple((*point, *values) for point, *values in zip(points, *numbers, strict=True))


def _said(sweep: Sweep, found: Moments, states: NDArray[np.uint8]) -> list[str]:
    """What the pointer reads at each point."""
    metric, (low, high) = sweep.metric, found.interval()
    words = []
    for place, point in enumerate(sweep.batch.points):
        done, count = int(np.count_nonzero(states[place] == DONE)), int(found.count[place])
        if not done:
            what = "missing, because its runs failed" if (states[place] == FAILED).all() else "not yet"
        elif not count:
            what = metric.undefined
        else:
            what = amount(metric, found.mean[place])
            what += f" (95 %: {amount(metric, low[place])} to {amount(metric, high[place])})" if count > 1 else ""
            what += f", {count} of {done} runs; {metric.undefined} in the others" if count < done else ""
        words.append(f"{where(sweep.batch, point)}: {what}")
    return words


def _plain(values: Array) -> list[float | None]:
    """Numbers for JSON, to six figures; None for nan."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def _end(x: Sequence[float]) -> float:
    """The end of the last bin of which `x` holds the middles."""
    return x[-1] + (x[-1] - x[-2]) / 2 if len(x) > 1 else 2 * x[0]
