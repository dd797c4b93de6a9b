"""A run in words: which knobs are not where they start, and a title made of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes.forms import SEED, Control, controls, plain
from sandboxes.models import TITLE_LENGTH
from sandboxes.services import DEFAULT_SEED, Run

MOST_NAMED = 3


@dataclass(frozen=True)
class Setting:
    """One turned knob: ("Wait while open", "30 s"). `phrase` says both in one: "Wait while open 30 s"."""

    label: str
    words: str
    phrase: str


def turned(run: Run, start: Mapping[str, Any] | None = None) -> list[Setting]:
    """The settings, seed included, that differ from `start` (the defaults unless given) and have an effect."""
    before = {**run.simulation.params().model_dump(mode="json"), "seed": DEFAULT_SEED} | dict(start or {})
    now = {**run.settings, "seed": run.seed}
    typed = {name: plain(value) for name, value in now.items()}
    return [
        _setting(control)
        for control in controls(run.simulation, typed, None, before)
        if control.value != control.default and _has_effect(control, typed)
    ]


def title(run: Run) -> str:
    """A title for the run: the scenario it is or is closest to, and what is turned away from it."""
    turns = [("", turned(run))]
    for scenario in run.simulation.scenarios:
        start = run.simulation.parse(scenario.params).model_dump(mode="json")
        # A scenario that only uses the defaults is told by its name when nothing is turned, and else left unsaid.
        if scenario.params or run.settings == start:
            turns.append((scenario.title, turned(run, start)))
    # Told in the fewest words; among equals the one with a name.
    name, changes = min(turns, key=lambda told: (len(told[1]), not told[0]))
    return _listed(name, [change.phrase for change in changes]) or run.simulation.title


def _listed(name: str, phrases: list[str]) -> str:
    """The name and the first phrases, as many as a title has room for, and how many more there are."""
    for told in range(min(MOST_NAMED, len(phrases)), -1, -1):
        parts = [part for part in [name, *phrases[:told]] if part]
        text = ", ".join([*parts[:1], *(_lower(part) for part in parts[1:])])
        if left := len(phrases) - told:
            text += f" and {left} more" if text else f"{left} knob{'s' if left > 1 else ''} turned"
        if len(text) <= TITLE_LENGTH:
            return text
    return name[:TITLE_LENGTH]


def _setting(control: Control) -> Setting:
    label = control.knob.label
    value = dict(control.choices).get(control.value, control.value)
    words = f"{value} {control.knob.unit}".strip()
    return Setting(label, words, words if control.kind == "choice" else f"{label} {words}")


def _has_effect(control: Control, typed: Mapping[str, str]) -> bool:
    return control.knob is SEED or all(typed[name] in values for name, values in control.knob.shown_when.items())


def _lower(phrase: str) -> str:
    """In the middle of a sentence; an abbreviation keeps its capitals."""
    return phrase if phrase[1:2].isupper() else phrase[:1].lower() + phrase[1:]
