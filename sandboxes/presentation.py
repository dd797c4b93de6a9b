"""A run's result in the words and figures of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandboxes.simulations.quantities import duration
from sandboxes.simulations.spec import Metric, Simulation
from sandboxes.simulations.statistics import Moments

SECONDS = {"s": 1.0, "ms": 0.001}
SIZES = ((140, "s"), (210, "m"), (300, "l"))
ADDRESSED = re.compile(r"(?P<title>[^;<>\s](?:[^;<>]*[^;<>\s])?)\s*<(?P<url>https?://[^<>\s]+)>")


@dataclass(frozen=True)
class Figure:
    """A headline number as it is shown: 12,345.6 with its unit, or words where the metric is undefined."""

    metric: Metric
    value: str
    unit: str
    sure: str = ""  # the 95 % interval of a mean, and of how many runs


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
    charts, drawn = drawable(result["charts"])
    return Presented(
        headline=[figure for metric, figure in shown if metric.headline],
        others=[figure for metric, figure in shown if not metric.headline],
        explanation=result["explanation"],
        charts=charts,
        drawn=drawn,
    )


def present_mean(metric: Metric, found: Moments, runs: int) -> Figure:
    """The mean of a metric over several runs with its 95 % interval; `found` holds single numbers."""
    count = int(found.count)
    if not count:
        return Figure(metric, metric.undefined if runs else "–", "", f"in all {runs} runs" if runs > 1 else "")
    low, high = found.interval()
    mean = _figure(metric, float(found.mean))
    sure = f"95 %: {_between(metric, float(low), float(high))}" if count > 1 else "one run"
    some = f", from the {count} of {runs} runs that have a value" if count < runs else ""
    return replace(mean, sure=sure + some)


def _between(metric: Metric, low: float, high: float) -> str:
    """An interval in the metric's unit, told once if both ends share it. A length of time below 0 s is told as 0 s."""
    ends = [_figure(metric, max(end, 0.0) if metric.unit in SECONDS else end) for end in (low, high)]
    first = ends[0].value if ends[0].unit == ends[1].unit else f"{ends[0].value} {ends[0].unit}"
    return f"{first} to {ends[1].value} {ends[1].unit}".rstrip()


def amount(metric: Metric, value: float) -> str:
    """A value with its unit, for a sentence."""
    figure = _figure(metric, max(value, 0.0) if metric.unit in SECONDS else value)
    return f"{figure.value} {figure.unit}".rstrip()


def drawable(charts: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Charts for the template, and what the browser draws and tabulates of them, by name."""
    shown = [{**chart, "size": _size(chart["height_px"])} for chart in charts]
    drawn = {
        chart["name"]: {name: chart[name] for name in ("figure", "rows", "opens") if name in chart} for chart in shown
    }
    return shown, drawn


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
    return next((name for limit, name in SIZES if height_px <= limit), "xl")
