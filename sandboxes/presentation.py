"""A run's result in the words and figures of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes.simulations.spec import Metric, Simulation

SIZES = ((140, "s"), (210, "m"))


@dataclass(frozen=True)
class Figure:
    """A headline number as it is shown: 12,345.6 with its unit, or a dash where the metric is undefined."""

    metric: Metric
    value: str
    unit: str


@dataclass(frozen=True)
class Presented:
    """What the result template shows."""

    headline: list[Figure]
    others: list[Figure]
    explanation: str
    charts: list[dict[str, Any]]
    figures: dict[str, Any]
    took_ms: float


def present(simulation: Simulation[Any, Any], result: Mapping[str, Any]) -> Presented:
    """`result` is what `services.compute` returned."""
    shown = [(metric, _figure(metric, result["metrics"][metric.name])) for metric in simulation.metrics]
    return Presented(
        headline=[figure for metric, figure in shown if metric.headline],
        others=[figure for metric, figure in shown if not metric.headline],
        explanation=result["explanation"],
        charts=[{**chart, "size": _size(chart["height_px"])} for chart in result["charts"]],
        figures={chart["name"]: chart["figure"] for chart in result["charts"]},
        took_ms=result["took_ms"],
    )


def number(value: float, digits: int) -> str:
    """A number with commas between thousands: 12,345.6."""
    return f"{value:,.{digits}f}"


def _figure(metric: Metric, value: float | None) -> Figure:
    if value is None:
        return Figure(metric, "–", "")
    unit, value, digits = _scaled(metric, value)
    return Figure(metric, number(value, digits), unit)


def _scaled(metric: Metric, value: float) -> tuple[str, float, int]:
    """Seconds past ten minutes are easier to read as minutes or hours, and small milliseconds as they are."""
    if metric.unit == "s" and abs(value) >= 36_000:
        return "h", value / 3600, 1
    if metric.unit == "s" and abs(value) >= 600:
        return "min", value / 60, 1
    return metric.unit, value, metric.digits


def _size(height_px: int) -> str:
    return next((name for limit, name in SIZES if height_px <= limit), "l")
