"""The knobs of a sandbox as a person meets them: controls built from the one declaration of each parameter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sandboxes.simulations.spec import BadParams, Choice, Knob, Params, Simulation, knobs


@dataclass(frozen=True)
class Control:
    """One labelled control: what it is called, what it holds, what it may hold, and what is wrong with it."""

    name: str
    kind: str  # "number", "choice" or "switch"
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
        return plain(self.knob.step) if self.knob.step else "any"

    @property
    def shown_when(self) -> str:
        """For the browser: {"kind": ["count", "time"]} as JSON, or nothing."""
        return json.dumps({name: list(values) for name, values in self.knob.shown_when.items()} or None)


def controls(
    simulation: Simulation[Any, Any], given: Mapping[str, str], refused: BadParams | None
) -> list[tuple[str, list[Control]]]:
    """The controls of a simulation in their groups: (group, controls), in the order of declaration.

    `given` holds what the reader asked for, right or wrong, so that nothing typed is lost.
    """
    wrong = {problem.name: problem.message for problem in refused.problems} if refused else {}
    defaults = simulation.params().model_dump(mode="json")
    made = [
        _control(simulation.params, name, knob, given.get(name), defaults[name], wrong.get(name, ""))
        for name, knob in knobs(simulation.params).items()
    ]
    return [(group, list(members)) for group, members in groupby(made, key=lambda control: control.knob.group)]


def plain(value: Any) -> str:
    """A value as it is typed: 5 rather than 5.0, true rather than True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value)


def _control(params: type[Params], name: str, knob: Knob, given: str | None, default: Any, error: str) -> Control:
    kind, choices = _kind(params.model_fields[name].annotation)
    words = dict(choices).get(plain(default), plain(default))
    value = plain(default) if given is None else given
    return Control(name, kind, knob, value, plain(default), words, choices, error)


def _kind(annotation: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    if annotation is bool:
        return "switch", (("false", "off"), ("true", "on"))
    if isinstance(annotation, type) and issubclass(annotation, Choice):
        return "choice", tuple((member.value, member.label) for member in annotation)
    return "number", ()
