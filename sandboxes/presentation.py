"""A run's result in the words and figures of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes.simulations.quantities import duration
from sandboxes.simulations.spec import Metric, Simulation

SECONDS = {"s": 1.0, "ms": 0.001}
ADDRESSED = re.compile(r"(?P<title>[^;<>\s](?:[^;<>]*[^;<>\s])?)\s*<(?P<url>https?://[^<>\s]+)>")
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


@dataclass(frozen=True)
class Words:
    """A stretch of text, and where it leads if it is a link."""

    text: str
    url: str = ""


def facts(simulation: Simulation[Any, Any]) -> list[tuple[str, list[Words]]]:
    """What the model says of itself: (term, its words), where `title <https://...>` has become a link."""
    return [(term, list(_linked(words))) for term, words in simulation.model_facts]


def _linked(words: str) -> Iterator[Words]:
    """A link's title goes back to the last semicolon."""
    end = 0
    for found in ADDRESSED.finditer(words):
        yield Words(words[end : found.start("title")])
        yield Words(found["title"], found["url"])
        end = found.end()
    yield Words(words[end:])


def _figure(metric: Metric, value: float | None) -> Figure:
    if value is None:
        return Figure(metric, metric.undefined, "")
    if metric.unit in SECONDS:
        return Figure(metric, *duration(value * SECONDS[metric.unit]))
    return Figure(metric, f"{value:,.{metric.digits}f}", metric.unit)


def _size(height_px: int) -> str:
    return next((name for limit, name in SIZES if height_px <= limit), "l")
