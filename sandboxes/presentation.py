"""A run's result in the words and figures of a page."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from sandboxes.comparison import overlaid
from sandboxes.simulations.quantities import duration
from sandboxes.simulations.spec import Better, Metric, Simulation
from sandboxes.simulations.statistics import Moments

# A line does not end between the two.
SURE = "95\N{NO-BREAK SPACE}%"
SECONDS = {"s": 1.0, "ms": 0.001}
SCRIPT_ESCAPES = (("<", "\\u003C"), (">", "\\u003E"), ("&", "\\u0026"))
SIZES = ((140, "s"), (210, "m"), (300, "l"))
ADDRESSED = re.compile(r"(?P<title>[^;<>\s](?:[^;<>]*[^;<>\s])?)\s*<(?P<url>https?://[^<>\s]+)>")


@dataclass(frozen=True)
class Change:
    """How a number differs from the baseline's: "+28.1 points", "better", "70.2 %"; words alone where that is all."""

    words: str
    verdict: str = ""
    before: str = ""
    sure: str = ""  # the 95 % interval of a mean difference


@dataclass(frozen=True)
class Figure:
    """A headline number as it is shown: 12,345.6 with its unit, or words where the metric is undefined."""

    metric: Metric
    value: str
    unit: str
    sure: str = ""  # the 95 % interval of a mean, and of how many runs
    change: Change | None = None


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
        return as_script(self.drawn)


def as_script(drawn: Mapping[str, Any]) -> SafeString:
    """`drawn` as JSON that cannot end its script element; Django's filter does the same at four times the cost."""
    text = json.dumps(drawn, separators=(",", ":"), allow_nan=False)
    for sign, escape in SCRIPT_ESCAPES:
        text = text.replace(sign, escape)
    return mark_safe(text)  # noqa: S308 - what could end the element has just been escaped


def present(
    simulation: Simulation[Any, Any], result: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> Presented:
    """`result` is what `services.compute` returned; `before` what it returned of a baseline, if there is one."""
    if before is not None:
        return _over_baseline(present(simulation, result), result, before)
    shown = [(metric, _figure(metric, result["metrics"][metric.name])) for metric in simulation.metrics]
    charts, drawn = drawable(result["charts"])
    return Presented(
        headline=[figure for metric, figure in shown if metric.leads(result["params"])],
        others=[figure for metric, figure in shown if not metric.leads(result["params"])],
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
    sure = f"{SURE}: {_between(metric, float(low), float(high))}" if count > 1 else "one run"
    some = f", from the {count} of {runs} runs that have a value" if count < runs else ""
    return replace(mean, sure=sure + some)


def _between(metric: Metric, low: float, high: float) -> str:
    """An interval in the metric's unit, told once if both ends share it, and cut off at the metric's bounds."""
    ends = [_figure(metric, metric.within(end)) for end in (low, high)]
    first = ends[0].value if ends[0].unit == ends[1].unit else f"{ends[0].value} {ends[0].unit}"
    return f"{first} to {ends[1].value} {ends[1].unit}".rstrip()


def amount(metric: Metric, value: float) -> str:
    """A value with its unit, for a sentence, cut off at the metric's bounds."""
    figure = _figure(metric, metric.within(value))
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


def change(metric: Metric, value: float | None, before: float | None) -> Change:
    """How `value` differs from the baseline's value `before`, in the metric's own unit and precision."""
    if value is None or before is None:
        return _undefined(metric, value, before)
    difference = value - before
    if math.isclose(value, before, rel_tol=1e-9, abs_tol=1e-12):
        return Change("same")
    amount, _ = _told(metric, abs(difference))
    if not any(digit in "123456789" for digit in amount) or amount.startswith("<"):
        return Change("almost the same")
    return Change(_signed(metric, difference), _verdict(metric, difference), " ".join(_told(metric, before)).strip())


def paired_change(metric: Metric, paired: Moments, before: Moments, pairs: int) -> Change:
    """The mean difference of runs from their baseline, pair by pair, with its 95 % interval.

    `before` is the baseline's own mean. Where not all `pairs` have both values, it says how many have.
    """
    if not paired.count:
        return Change("no pair to compare")
    low, high = (float(end) for end in paired.interval())
    mean = _signed(metric, float(paired.mean))
    if paired.count < 2:
        return Change(f"{mean}, one pair")
    some = f", from the {paired.count:.0f} of {pairs} pairs that have both values" if paired.count < pairs else ""
    ends = list(dict.fromkeys((_signed(metric, low), _signed(metric, high))))
    between = f"{SURE}: {' to '.join(ends)}{some}"
    mean_before = " ".join(_told(metric, float(before.mean))).strip()
    if low <= 0 <= high:
        return Change("same") if low == high else Change("no sure difference", "", mean_before, between)
    return Change(mean, _verdict(metric, float(paired.mean)), mean_before, between)


def _signed(metric: Metric, difference: float) -> str:
    amount, unit = _told(metric, abs(difference))
    return f"{'+' if difference >= 0 else '−'}{amount} {'points' if unit == '%' else unit}".strip()


def _undefined(metric: Metric, value: float | None, before: float | None) -> Change:
    if value is None and before is None:
        return Change("same")
    if before is not None:
        return Change(f"was {' '.join(_told(metric, before)).strip()}")
    return Change("no value before" if metric.undefined == "–" else f"{metric.undefined} before")


def _verdict(metric: Metric, difference: float) -> str:
    if metric.better is Better.NEITHER:
        return ""
    return "better" if (difference > 0) == (metric.better is Better.HIGHER) else "worse"


def _over_baseline(alone: Presented, result: Mapping[str, Any], before: Mapping[str, Any]) -> Presented:
    def changed(figure: Figure) -> Figure:
        name = figure.metric.name
        return replace(figure, change=change(figure.metric, result["metrics"][name], before["metrics"][name]))

    overlays = before["overlays"]
    drawn = {
        name: {**chart, "figure": overlaid(chart["figure"], overlays[name])} if name in overlays else chart
        for name, chart in alone.drawn.items()
    }
    return replace(
        alone,
        headline=[changed(figure) for figure in alone.headline],
        others=[changed(figure) for figure in alone.others],
        charts=[{**chart, "baseline_keys": overlays.get(chart["name"], {}).get("keys")} for chart in alone.charts],
        drawn=drawn,
    )


def _figure(metric: Metric, value: float | None) -> Figure:
    return Figure(metric, metric.undefined, "") if value is None else Figure(metric, *_told(metric, value))


def _told(metric: Metric, value: float) -> tuple[str, str]:
    """A value as (number, unit)."""
    if metric.unit in SECONDS:
        return duration(value * SECONDS[metric.unit])
    return f"{value * metric.scale:,.{metric.digits}f}", metric.unit


def _size(height_px: int) -> str:
    return next((name for limit, name in SIZES if height_px <= limit), "xl")
