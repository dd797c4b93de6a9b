"""A run in words: which knobs are not where they start, and a title made of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes.forms import SEED, plain, told
from sandboxes.models import TITLE_LENGTH
from sandboxes.services import DEFAULT_SEED, Run
from sandboxes.simulations.spec import Choice, Knob

MOST_NAMED = 3


@dataclass(frozen=True)
class Setting:
    """One turned knob: ("Wait while open", "30 s"). `phrase` says both in one: "Wait while open 30 s"."""

    label: str
    words: str
    phrase: str


def turned(run: Run, start: Mapping[str, Any] | None = None) -> list[Setting]:
    """The settings, seed included, that differ from `start` (the defaults unless given) and have an effect."""
    before = {"seed": DEFAULT_SEED, **(run.simulation.defaults if start is None else start)}
    now = {**run.settings, "seed": run.seed}
    declared = {**run.simulation.knobs, "seed": SEED}
    return [
        _setting(run, name, knob, now[name])
        for name, knob in declared.items()
        if now[name] != before[name] and _has_effect(knob, now)
    ]


def title(run: Run) -> str:
    """A title for the run: the scenario it is or is closest to, and what is turned away from it."""
    turns = [("", turned(run))]
    for scenario, start in run.simulation.scenario_settings:
        # A scenario that only uses the defaults is told by its name when nothing is turned, and else left unsaid.
        if scenario.params or run.settings == start:
            turns.append((scenario.title, turned(run, start)))
    # Told in the fewest words; among equals the one with a name.
    name, changes = min(turns, key=lambda told: (len(told[1]), not told[0]))
    return _listed(name, [change.phrase for change in changes]) or run.simulation.title


def _listed(name: str, phrases: list[str]) -> str:
    """The name and the first phrases, as many as a title has room for, and how many more there are."""
    for some in range(min(MOST_NAMED, len(phrases)), -1, -1):
        parts = [part for part in [name, *phrases[:some]] if part]
        text = ", ".join([*parts[:1], *(_lower(part) for part in parts[1:])])
        if left := len(phrases) - some:
            text += f" and {left} more" if text else f"{left} knob{'s' if left > 1 else ''} turned"
        if len(text) <= TITLE_LENGTH:
            return text
    return name[:TITLE_LENGTH]


def _setting(run: Run, name: str, knob: Knob, value: Any) -> Setting:
    words = told(run.simulation, name, value)
    is_choice = isinstance(getattr(run.params, name, None), Choice)
    return Setting(knob.label, words, words if is_choice else f"{knob.label} {words}")


def _has_effect(knob: Knob, settings: Mapping[str, Any]) -> bool:
    return knob.has_effect({name: plain(settings[name]) for name in (*knob.shown_when, *knob.hidden_when)})


def _lower(phrase: str) -> str:
    """In the middle of a sentence; an abbreviation keeps its capitals."""
    return phrase if phrase[1:2].isupper() else phrase[:1].lower() + phrase[1:]
