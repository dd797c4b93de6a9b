"""A run's result in the words and figures of a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from sandboxes.simulations.quantities import duration
from sandboxes.simulations.spec import Metric, Simulation

SECONDS = {"s": 1.0, "ms": 0.001}
SCRIPT_ESCAPES = (("<", "\\u003C"), (">", "\\u003E"), ("&", "\\u0026"))
SIZES = ((140, "s"), (210, "m"))


@dataclass(frozen=True)
class Figure:
    """A headline number as it is shown: 12,345.6 with its unit, or words where the metric is undefined."""

    metric: Metric
    value: str
    unit: str


@dataclass(frozen=True)
class Presented:
    """What the result template shows; `drawn` is what the browser draws and tabulates, by chart."""

    headline: list[Figure]
    others: list[Figure]
    explanation: str
    charts: list[dict[str, Any]]
    drawn: dict[str, Any]

    @property
    def drawn_as_script(self) -> SafeString:
        """`drawn` as JSON that cannot end its script element; Django's filter does the same at four times the cost."""
        text = json.dumps(self.drawn, separators=(",", ":"), allow_nan=False)
        for sign, escape in SCRIPT_ESCAPES:
            text = text.replace(sign, escape)
        return mark_safe(text)  # noqa: S308 - what could end the element has just been escaped


def present(simulation: Simulation[Any, Any], result: Mapping[str, Any]) -> Presented:
    """`result` is what `services.compute` returned."""
    shown = [(metric, _figure(metric, result["metrics"][metric.name])) for metric in simulation.metrics]
    return Presented(
        headline=[figure for metric, figure in shown if metric.headline],
        others=[figure for metric, figure in shown if not metric.headline],
        explanation=result["explanation"],
        charts=[{**chart, "size": _size(chart["height_px"])} for chart in result["charts"]],
        drawn={chart["name"]: {"figure": chart["figure"], "rows": chart["rows"]} for chart in result["charts"]},
    )


def _figure(metric: Metric, value: float | None) -> Figure:
    if value is None:
        return Figure(metric, metric.undefined, "")
    if metric.unit in SECONDS:
        return Figure(metric, *duration(value * SECONDS[metric.unit]))
    return Figure(metric, f"{value:,.{metric.digits}f}", metric.unit)


def _size(height_px: int) -> str:
    return next((name for limit, name in SIZES if height_px <= limit), "l")
