"""A run over its baseline: both asked for together, what was turned between them, one's figure over the other's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest

from sandboxes import addresses, services
from sandboxes.forms import told
from sandboxes.services import Outcome, Part, Ready, Run, Waiting
from sandboxes.simulations.spec import Params, Simulation


@dataclass(frozen=True)
class Turn:
    """One knob in which a run differs from its baseline, in the words of the form."""

    label: str
    before: str
    now: str


@dataclass(frozen=True)
class Comparison:
    """A run, and the baseline it is compared with if there is one. `outcome` is what became of the baseline."""

    run: Run
    baseline: Run | None = None
    outcome: Outcome | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether the run on show is the baseline itself."""
        return self.baseline is not None and self.baseline.params == self.run.params

    @property
    def before(self) -> Mapping[str, Any] | None:
        """What was computed of a baseline that differs from the run; None while there is nothing to compare with."""
        return self.outcome.result if isinstance(self.outcome, Ready) and not self.is_baseline else None

    @property
    def turns(self) -> list[Turn]:
        """What was turned, from the baseline to the run."""
        return turns(self.run.simulation, self.baseline.params, self.run.params) if self.baseline else []

    @property
    def keep_address(self) -> str:
        """The run as its own baseline."""
        return addresses.address(self.run, **addresses.pin(self.run.simulation, self.run.params))

    @property
    def drop_address(self) -> str:
        """The run alone."""
        return addresses.address(self.run)

    @property
    def back_address(self) -> str:
        """The settings of the baseline, which stays."""
        run = replace(self.run, params=self.baseline.params) if self.baseline else self.run
        return Comparison(run).keep_address


def compared(
    run: Run, baseline: Params | None, wait_s: float, visitor: HttpRequest | None = None
) -> tuple[Outcome, Comparison]:
    """The run's outcome and its comparison, waiting at most `wait_s` seconds for both together.

    The baseline is asked for before the run is waited for, so that two workers compute them side by side.
    """
    if baseline is None:
        return services.run(run, wait_s, visitor), Comparison(run)
    deadline = time.monotonic() + wait_s
    other = replace(run, params=baseline, part=Part.BASELINE)
    before = services.run(other, 0, visitor)
    outcome = services.run(run, wait_s, visitor)
    if isinstance(before, Waiting) and isinstance(outcome, Ready):
        before = services.run(other, max(0.0, deadline - time.monotonic()), visitor)
    return outcome, Comparison(run, other, before)


def turns(simulation: Simulation[Any, Any], before: Params, now: Params) -> list[Turn]:
    """The knobs in which two parameter sets differ, in the order of declaration."""
    pairs = ((name, knob, getattr(before, name), getattr(now, name)) for name, knob in simulation.knobs.items())
    return [
        Turn(knob.label, told(simulation, name, old), told(simulation, name, new))
        for name, knob, old, new in pairs
        if old != new
    ]


def differences_in_metrics(
    metrics: Mapping[str, float | None], before: Mapping[str, float | None]
) -> dict[str, float | None]:
    """By metric, the run's value minus its baseline's; None where one of the two is undefined."""
    return {name: _minus(value, before[name]) for name, value in metrics.items()}


def overlaid(figure: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """A run's figure with what its baseline leaves on it: traces on top, axes that hold both. Plotly's JSON, all of it.

    Nothing of `figure` or `overlay` (a `spec.Overlay` as plain JSON) is changed.
    """
    return {
        **figure,
        "data": [*figure["data"], *overlay["traces"]],
        "layout": _changed(figure["layout"], overlay["layout"]),
    }


def _changed(layout: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**layout, **{name: _with(name, layout.get(name), change) for name, change in changes.items()}}


def _with(name: str, value: Any, change: Any) -> Any:
    if name == "range" and value is not None:
        return [min(value[0], change[0]), max(value[1], change[1])]
    if isinstance(value, Mapping) and isinstance(change, Mapping):
        return _changed(value, change)
    return change


def _minus(value: float | None, before: float | None) -> float | None:
    return None if value is None or before is None else value - before
