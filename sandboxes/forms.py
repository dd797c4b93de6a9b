"""The knobs of a sandbox as a person meets them: controls built from the one declaration of each parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sandboxes.simulations.spec import BadParams, Choice, Knob, Problem, Simulation, knobs
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
    kind: str  # "number", "choice" or "switch"
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
        return json.dumps({name: list(values) for name, values in self.knob.shown_when.items()} or None)


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
    declared = {**knobs(simulation.params), "seed": SEED}
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


def grouped(members: Iterable[Control]) -> list[tuple[str, list[Control]]]:
    """(group, its controls), in order."""
    return [(group, list(found)) for group, found in groupby(members, key=lambda control: control.knob.group)]


def worded(simulation: Simulation[Any, Any], problem: Problem) -> str:
    """A problem in the words of the page: the knob's label instead of the parameter's name."""
    declared = {**knobs(simulation.params), "seed": SEED}
    if problem.name not in declared:
        return problem.message
    return problem.message.replace(problem.name, f"“{declared[problem.name].label}”", 1)


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
    return "number", ()
