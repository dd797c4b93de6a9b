"""What a page of many runs is about: a batch, and how it is told in numbers, pictures and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.urls import reverse

from sandboxes import addresses, pictures, sweeps
from sandboxes.batches import FAILED, Batch, Look
from sandboxes.presentation import Figure, amount, present_mean
from sandboxes.services import Run
from sandboxes.simulations.spec import Better
from sandboxes.simulations.statistics import moments
from sandboxes.sweeps import METRIC, SEEDS, Sweep


@dataclass(frozen=True)
class Plan:
    """A batch around `run`. `named` is what its address says besides the run."""

    kind = ""
    run: Run
    batch: Batch
    named: Mapping[str, str]

    @property
    def query(self) -> str:
        return addresses.query(self.run, **self.named)

    @property
    def address(self) -> str:
        return reverse(self.kind, args=[self.run.simulation.slug]) + self.query

    def figures(self, look: Look) -> list[Figure]:
        """The headline numbers; none where the picture is the number."""
        return []

    def pictures(self, look: Look) -> list[pictures.Picture]:
        raise NotImplementedError

    def explain(self, look: Look) -> str:
        """A sentence or two computed from the runs there are."""
        raise NotImplementedError

    def as_json(self, look: Look) -> dict[str, Any]:
        """The batch and its numbers for other programs."""
        return {
            "simulation": self.run.simulation.slug,
            "version": self.run.simulation.version,
            "params": self.run.settings,
            "seed": self.run.seed,
            "seeds": self.batch.seeds,
            "runs": self.batch.runs,
            "done": look.done,
            "failed": look.failed,
            "complete": look.complete,
        }


@dataclass(frozen=True)
class Replications(Plan):
    """One setting over several seeds."""

    kind = "replications"

    def figures(self, look: Look) -> list[Figure]:
        found = moments(look.values[0])
        return [
            present_mean(metric, found.at(place), look.done) for place, metric in enumerate(self.run.simulation.metrics)
        ]

    def pictures(self, look: Look) -> list[pictures.Picture]:
        return [*pictures.averaged(look), pictures.each_run(look, addresses.address(self.run))]

    def explain(self, look: Look) -> str:
        metric = self.run.simulation.metrics[0]
        values = look.values[0, :, 0]
        values = values[np.isfinite(values)]
        if values.size < 2:
            return ""
        found = moments(values)
        low, high = found.interval()
        return (
            f"Over {values.size} seeds, the mean of “{metric.label}” lies between {amount(metric, float(low))} and "
            f"{amount(metric, float(high))}: if you did this again with other seeds, nineteen such intervals in twenty "
            f"would hold the true mean. A single run came out anywhere from {amount(metric, values.min())} to "
            f"{amount(metric, values.max())}."
        )

    def as_json(self, look: Look) -> dict[str, Any]:
        found = moments(look.values[0])
        low, high = found.interval()
        metrics = {
            metric.name: {
                "mean": _number(found.mean[place]),
                "low": _number(low[place]),
                "high": _number(high[place]),
                "values": [_number(value) for value in look.values[0, :, place]],
            }
            for place, metric in enumerate(self.run.simulation.metrics)
        }
        return {**super().as_json(look), "metrics": metrics}


@dataclass(frozen=True)
class SweepPlan(Plan):
    """One number over the values of one parameter or two."""

    sweep: Sweep
    kind = "sweep"

    def pictures(self, look: Look) -> list[pictures.Picture]:
        return [pictures.swept(look, self.sweep, addresses.address(self.run))]

    def explain(self, look: Look) -> str:
        metric = self.sweep.metric
        mean = moments(self._values(look)).mean
        if not np.isfinite(mean).any():
            return f"No run so far has a value for “{metric.label}”: {metric.undefined}." if look.done else ""
        least, most = int(np.nanargmin(mean)), int(np.nanargmax(mean))
        if mean[least] == mean[most]:
            return f"“{metric.label}” is {amount(metric, mean[most])} everywhere."
        ends = [("highest", most), ("lowest", least)]
        if metric.better is Better.LOWER:
            ends.reverse()
        words = [
            f"{word} at {pictures.where(self.batch, self.batch.points[place])}: {amount(metric, mean[place])}"
            for word, place in ends
        ]
        lost = int((look.states == FAILED).all(axis=1).sum())
        missing = (
            f" {lost:,} of {len(self.batch.points):,} points are missing, because their runs failed." if lost else ""
        )
        return f"“{metric.label}” is {words[0]}; {words[1]}.{missing}"

    def as_json(self, look: Look) -> dict[str, Any]:
        found = moments(self._values(look))
        low, high = found.interval()
        points = [
            {
                **dict(zip((axis.name for axis in self.batch.axes), point, strict=True)),
                "mean": _number(found.mean[place]),
                "low": _number(low[place]),
                "high": _number(high[place]),
                "count": int(found.count[place]),
            }
            for place, point in enumerate(self.batch.points)
        ]
        return {**super().as_json(look), "metric": self.sweep.metric.name, "points": points}

    def _values(self, look: Look) -> Any:
        """The drawn metric: (seeds, points)."""
        names = [metric.name for metric in self.run.simulation.metrics]
        return look.values[:, :, names.index(self.sweep.metric.name)].T


def replications(run: Run, asked: Mapping[str, str]) -> Replications:
    """The plan that `asked` describes. Raises BadParams."""
    batch = sweeps.replications(run, asked)
    return Replications(run, batch, {sweeps.REPLICATIONS: str(batch.seeds)})


def sweep(run: Run, asked: Mapping[str, str]) -> SweepPlan:
    """The plan that `asked` describes. Raises BadParams."""
    found = sweeps.sweep(run, asked)
    named = {name: asked[name] for name in sweeps.AXIS_NAMES if asked.get(name)}
    named |= {METRIC: found.metric.name, SEEDS: str(found.batch.seeds)}
    return SweepPlan(run, found.batch, named, found)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
