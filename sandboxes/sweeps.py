"""What an address says about a batch: how many seeds, which parameters are swept and over which values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes.batches import Axis, Batch
from sandboxes.services import Run
from sandboxes.simulations.spec import BadParams, Choice, Metric, Numbers, Problem, Simulation, allowed

MOST_SEEDS = 200
MOST_RUNS = 10_000
MOST_REQUESTS = 2_000_000_000
FEWEST_STEPS, MOST_STEPS = 2, 100

REPLICATIONS, DEFAULT_REPLICATIONS = "replications", 30
METRIC, SEEDS, DEFAULT_SEEDS = "metric", "seeds", 5
DEFAULT_STEPS = 12
SPACINGS = (("even", "evenly spaced"), ("log", "each a fixed factor apart"))
# Names in the address of a sweep besides parameters.
AXES = ("x", "y")
AXIS_NAMES = tuple(f"{axis}{part}" for axis in AXES for part in ("", "_from", "_to", "_steps", "_spacing"))
NAMES = (*AXIS_NAMES, METRIC, SEEDS)
# No parameter may be called any of these.
RESERVED = (*NAMES, REPLICATIONS)


@dataclass(frozen=True)
class Sweep:
    """A batch over one or two parameters, and which number is drawn."""

    batch: Batch
    metric: Metric


def replications(run: Run, asked: Mapping[str, str]) -> Batch:
    """The run with so many seeds, its curves averaged. Raises BadParams for a bad number or too many requests."""
    seeds, problems = _whole(asked, REPLICATIONS, DEFAULT_REPLICATIONS, 1, MOST_SEEDS)
    if problems:
        raise BadParams(problems)
    return _bounded(Batch(run.simulation, run.settings, run.seed, seeds, curves=True), "fewer seeds")


def sweep(run: Run, asked: Mapping[str, str]) -> Sweep:
    """The sweep that `asked` describes around `run`. Raises BadParams with one line for each thing that is wrong."""
    simulation = run.simulation
    seeds, problems = _whole(asked, SEEDS, DEFAULT_SEEDS, 1, MOST_SEEDS)
    metric = metric_of(simulation, asked.get(METRIC, ""))
    if metric is None:
        problems += (_problem(METRIC, asked.get(METRIC), f"one of {', '.join(m.name for m in simulation.metrics)}"),)
    axes: list[Axis] = []
    for name in AXES:
        if name == "x" or asked.get(name):
            try:
                axes.append(axis(simulation, name, asked))
            except BadParams as error:
                problems += error.problems
    if len(axes) == 2 and axes[0].name == axes[1].name:
        problems += (Problem("y", f"y is {axes[1].name}, as x is; use another parameter, or none"),)
    if problems or metric is None:
        raise BadParams(problems)
    batch = Batch(simulation, run.settings, run.seed, seeds, tuple(axes))
    if batch.runs > MOST_RUNS:
        steps = " x ".join(f"{len(axis.values)} values" for axis in axes)
        message = (
            f"{steps} x {seeds} seeds are {batch.runs:,} runs; use at most {MOST_RUNS:,}: fewer values or fewer seeds"
        )
        raise BadParams((Problem(None, message),))
    return Sweep(_bounded(batch, "fewer values, fewer seeds"), metric)


def axis(simulation: Simulation[Any, Any], name: str, asked: Mapping[str, str]) -> Axis:
    """The values of one axis (`name` is x or y). A choice or a switch takes all its values, a number so many steps."""
    fields = {one: info for one, info in simulation.params.model_fields.items() if info.annotation is not Numbers}
    parameter = asked.get(name, "")
    if parameter not in fields:
        raise BadParams((_problem(name, parameter, f"one of {', '.join(fields)}"),))
    kind, knob = fields[parameter].annotation, simulation.knobs[parameter]
    if kind is bool:
        return Axis(parameter, (False, True))
    if isinstance(kind, type) and issubclass(kind, Choice):
        return Axis(parameter, tuple(member.value for member in kind))
    within = f"{allowed(kind, knob)}, the bounds of {parameter}"
    low, problems = _number(asked, f"{name}_from", knob.low, knob.low, knob.high, within)
    high, more = _number(asked, f"{name}_to", knob.high, knob.low, knob.high, within)
    steps, most = _whole(asked, f"{name}_steps", DEFAULT_STEPS, FEWEST_STEPS, MOST_STEPS)
    spacing = asked.get(f"{name}_spacing") or "even"
    problems += more + most
    if spacing not in dict(SPACINGS):
        problems += (_problem(f"{name}_spacing", spacing, f"one of {', '.join(dict(SPACINGS))}"),)
    if not problems and low >= high:
        problems += (Problem(f"{name}_to", f"{name}_to is {high:g}; use more than {low:g}"),)
    if not problems and spacing == "log" and low <= 0:
        problems += (Problem(f"{name}_from", f"{name}_from is {low:g}; use more than 0 for steps of a fixed factor"),)
    if problems:
        raise BadParams(problems)
    return Axis(parameter, _values(low, high, steps, log=spacing == "log", whole=kind is int))


def metric_of(simulation: Simulation[Any, Any], name: str) -> Metric | None:
    """The metric called `name`, the first for "", or None."""
    return next((metric for metric in simulation.metrics if name in (metric.name, "")), None)


def _values(low: float, high: float, steps: int, *, log: bool, whole: bool) -> tuple[float, ...]:
    """So many values from `low` to `high`, without repeats; typed short: six figures are enough."""
    places = [step / (steps - 1) for step in range(steps)]
    exact = [low * (high / low) ** place if log else low + (high - low) * place for place in places]
    inner = [round(value) if whole else float(f"{value:.6g}") for value in exact[1:-1]]
    ends = [round(low), round(high)] if whole else [low, high]
    return tuple(dict.fromkeys([ends[0], *inner, ends[1]]))


def _bounded(batch: Batch, remedy: str) -> Batch:
    if batch.requests > MOST_REQUESTS:
        message = (
            f"these {batch.runs:,} runs have about {batch.requests:,} requests; use at most {MOST_REQUESTS:,}: "
            f"{remedy} or smaller runs"
        )
        raise BadParams((Problem(None, message),))
    return batch


def _whole(asked: Mapping[str, str], name: str, default: int, low: int, high: int) -> tuple[int, tuple[Problem, ...]]:
    text = asked.get(name) or str(default)
    if text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high:
        return int(text), ()
    return default, (_problem(name, text, f"a whole number from {low} to {high}"),)


def _number(
    asked: Mapping[str, str], name: str, default: float | None, low: float | None, high: float | None, within: str
) -> tuple[float, tuple[Problem, ...]]:
    """The number called `name`, inside the bounds of its parameter."""
    text = asked.get(name, "")
    try:
        value = float(text) if text else float(default or 0)
    except ValueError:
        value = math.nan
    if (-math.inf if low is None else low) <= value <= (math.inf if high is None else high):
        return value, ()
    return 0.0, (_problem(name, text, within),)


def _problem(name: str, value: str | None, use: str) -> Problem:
    return Problem(name, f"{name} is {value[:40] if value else 'empty'}; use {use}")
