"""The knobs of a sandbox as a person meets them: controls built from the one declaration of each parameter."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sandboxes.simulations.spec import BadParams, Choice, Knob, Numbers, Problem, Simulation
from sandboxes.simulations.streams import LARGEST_SEED

SEED = Knob(
    "Seed",
    "Chance",
    help="The same seed gives the same traffic, so a difference is your doing.",
    low=0,
    high=LARGEST_SEED,
    step=1,
)


@dataclass(frozen=True)
class Control:
    """One labelled control: what it is called, what it holds, what it may hold, and what is wrong with it."""

    name: str
    kind: str  # "number", "numbers", "choice" or "switch"
    whole: bool
    knob: Knob
    value: str
    default: str
    default_words: str
    choices: tuple[tuple[str, str], ...]
    error: str

    @property
    def low(self) -> str:
        return plain(self.knob.low)

    @property
    def high(self) -> str:
        return plain(self.knob.high)

    @property
    def step(self) -> str:
        """Of the slider; a number that is not whole may be typed as finely as one likes."""
        return plain(self.knob.step) if self.knob.step else "any"

    @property
    def has_slider(self) -> bool:
        return self.kind == "number" and self.name != "seed"

    @property
    def shown_when(self) -> str:
        """For the browser: {"kind": ["count", "time"]} as JSON, or null."""
        return _as_json(self.knob.shown_when)

    @property
    def hidden_when(self) -> str:
        return _as_json(self.knob.hidden_when)


def _as_json(conditions: Mapping[str, Sequence[str]]) -> str:
    return json.dumps({name: list(values) for name, values in conditions.items()} or None)


def controls(
    simulation: Simulation[Any, Any],
    given: Mapping[str, str],
    refused: BadParams | None,
    start: Mapping[str, Any],
) -> list[Control]:
    """The controls of a simulation and of its seed, in the order of declaration.

    `given` holds what the reader asked for, right or wrong, so that nothing typed is lost; `start` the values that
    "Back to" leads to.
    """
    wrong = {problem.name: worded(simulation, problem) for problem in refused.problems} if refused else {}
    fields = simulation.params.model_fields
    declared = {**simulation.knobs, "seed": SEED}
    return [
        _control(
            name,
            knob,
            fields[name].annotation if name in fields else int,
            given.get(name),
            start[name],
            wrong.get(name, ""),
        )
        for name, knob in declared.items()
    ]


@dataclass(frozen=True)
class Group:
    """Controls that stand together. One that folds is closed until somebody opens it or has turned a knob of it."""

    name: str
    controls: list[Control]
    folds: bool = False

    @property
    def is_open(self) -> bool:
        return any(control.value != control.default or control.error for control in self.controls)


def grouped(members: Iterable[Control], folded: Collection[str] = ()) -> list[Group]:
    """The groups in order; those named in `folded` fold."""
    found = groupby(members, key=lambda control: control.knob.group)
    return [Group(name, list(group), name in folded) for name, group in found]


@dataclass(frozen=True)
class AxisChoice:
    """A parameter that a sweep may go over. A choice or a switch has no bounds: all its values are taken."""

    name: str
    label: str
    low: str
    high: str


@dataclass(frozen=True)
class AxisField:
    """The controls of one axis of a sweep, with what was typed into them."""

    name: str
    label: str
    chosen: str
    low: str
    high: str
    steps: str
    spacing: str


def axis_choices(simulation: Simulation[Any, Any]) -> list[tuple[str, list[AxisChoice]]]:
    """(group, its parameters), in order; those that a sweep can go over."""
    fields = simulation.params.model_fields
    choices = []
    for name, knob in simulation.knobs.items():
        if fields[name].annotation is Numbers:
            continue
        bounded = fields[name].annotation in (int, float)
        label = f"{knob.label} ({knob.unit})" if knob.unit else knob.label
        bounds = (plain(knob.low), plain(knob.high)) if bounded else ("", "")
        choices.append((knob.group, AxisChoice(name, label, *bounds)))
    return [(group, [choice for _, choice in found]) for group, found in groupby(choices, key=lambda pair: pair[0])]


def axis_fields(typed: Mapping[str, str]) -> list[AxisField]:
    """The two axes as they were typed, right or wrong."""
    parts = ("", *(f"_{part}" for part, _ in AXIS_PARTS))
    return [AxisField(axis, label, *(typed.get(axis + part, "") for part in parts)) for axis, label in AXIS_LABELS]


AXIS_LABELS = (("x", "Across"), ("y", "Upwards"))
AXIS_PARTS = (("from", "From"), ("to", "To"), ("steps", "Values"), ("spacing", "Spacing"))
# What the fields of a page of many runs are called there.
MANY_LABELS = {
    "replications": "Seeds",
    "seeds": "Seeds per point",
    "metric": "Measure",
    **dict(AXIS_LABELS),
    **{f"{axis}_{part}": f"{words} ({label.lower()})" for axis, label in AXIS_LABELS for part, words in AXIS_PARTS},
}


def worded(simulation: Simulation[Any, Any], problem: Problem) -> str:
    """A problem in the words of the page: the knob's label instead of the parameter's name."""
    labels = MANY_LABELS | {name: knob.label for name, knob in {**simulation.knobs, "seed": SEED}.items()}
    if problem.name not in labels:
        return problem.message
    return problem.message.replace(problem.name, f"“{labels[problem.name]}”", 1)


def told(simulation: Simulation[Any, Any], name: str, value: Any) -> str:
    """A parameter's value as a person reads it: "30 s", "No breaker", "on"."""
    annotation = simulation.params.model_fields[name].annotation if name != "seed" else int
    _, choices = _kind(annotation)
    words = dict(choices).get(plain(value), plain(value))
    return f"{words} {simulation.knobs[name].unit}".rstrip() if name != "seed" else words


def plain(value: Any) -> str:
    """A value as it is typed: 5 rather than 5.0, true rather than True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value)


def _control(name: str, knob: Knob, annotation: Any, given: str | None, start: Any, error: str) -> Control:
    kind, choices = _kind(annotation)
    words = dict(choices).get(plain(start), plain(start))
    value = plain(start) if given is None else given
    return Control(name, kind, annotation is int, knob, value, plain(start), words, choices, error)


def _kind(annotation: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    if annotation is bool:
        return "switch", (("false", "off"), ("true", "on"))
    if isinstance(annotation, type) and issubclass(annotation, Choice):
        return "choice", tuple((member.value, member.label) for member in annotation)
    return "numbers" if annotation is Numbers else "number", ()
