"""What a page of many runs is about: a batch, and how it is told in numbers, pictures and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.urls import reverse
from numpy.typing import NDArray

from sandboxes import addresses, naming, pictures, sweeps
from sandboxes.addresses import BASELINE
from sandboxes.batches import DONE, FAILED, Batch, Look, Standing
from sandboxes.presentation import Figure, amount, paired_change, present_mean
from sandboxes.services import Run
from sandboxes.simulations.spec import Better, Params
from sandboxes.simulations.statistics import Array, Moments, moments
from sandboxes.sweeps import METRIC, SEEDS, Sweep


@dataclass(frozen=True)
class Plan:
    """Batches around `run`, the first of which is told. `named` is what its address says besides the run."""

    kind = ""
    run: Run
    batches: tuple[Batch, ...]
    named: Mapping[str, str]

    @property
    def query(self) -> str:
        return addresses.query(self.run, **self.named)

    @property
    def address(self) -> str:
        return reverse(self.kind, args=[self.run.simulation.slug]) + self.query

    @property
    def title(self) -> str:
        """What this is, in a few words."""
        raise NotImplementedError

    def figures(self, standing: Standing) -> list[Figure]:
        """The headline numbers; none where the picture is the number."""
        return []

    def pictures(self, standing: Standing) -> list[pictures.Picture]:
        raise NotImplementedError

    def explain(self, standing: Standing) -> str:
        """A sentence or two computed from the runs there are."""
        raise NotImplementedError

    def as_json(self, standing: Standing) -> dict[str, Any]:
        """The batch and its numbers for other programs."""
        return {
            "simulation": self.run.simulation.slug,
            "version": self.run.simulation.version,
            "params": self.run.settings,
            "seed": self.run.seed,
            "seeds": self.batches[0].seeds,
            "runs": standing.runs,
            "done": standing.done,
            "failed": standing.failed,
            "complete": standing.complete,
        }


@dataclass(frozen=True)
class Replications(Plan):
    """One setting over several seeds, and its baseline over the same ones if there is one."""

    kind = "replications"

    @property
    def title(self) -> str:
        return f"{naming.title(self.run)}, {self.batches[0].seeds} seeds"

    def figures(self, standing: Standing) -> list[Figure]:
        here, *before = standing.looks
        metrics = self.run.simulation.metrics
        found = moments(here.values[0])
        figures = [present_mean(metric, found.at(place), here.done) for place, metric in enumerate(metrics)]
        if not before:
            return figures
        # By the same seeds, so each pair met the same traffic: the difference is surer than either mean.
        paired, first = moments(here.values[0] - before[0].values[0]), moments(before[0].values[0])
        return [
            replace(figure, change=paired_change(figure.metric, paired.at(place), first.at(place), here.batch.seeds))
            for place, figure in enumerate(figures)
        ]

    def pictures(self, standing: Standing) -> list[pictures.Picture]:
        here, *before = standing.looks
        return [
            *pictures.averaged(here, before[0] if before else None),
            pictures.each_run(here, addresses.address(self.run, **self._pin())),
        ]

    def explain(self, standing: Standing) -> str:
        metric = self.run.simulation.metrics[0]
        values = standing.looks[0].values[0, :, 0]
        values = values[np.isfinite(values)]
        if values.size < 2:
            return ""
        low, high = moments(values).interval()
        return (
            f"{values.size} runs put the mean of “{metric.label}” between {amount(metric, float(low))} and "
            f"{amount(metric, float(high))}. That is how sure the mean is, not how far runs differ: a single one came "
            f"out anywhere from {amount(metric, values.min())} to {amount(metric, values.max())}."
        )

    def as_json(self, standing: Standing) -> dict[str, Any]:
        here, *before = standing.looks
        answer = {**super().as_json(standing), "metrics": self._told(here.values[0])}
        if before:
            answer["baseline"] = {"params": before[0].batch.settings, "metrics": self._told(before[0].values[0])}
            answer["differences"] = self._told(here.values[0] - before[0].values[0])
        return answer

    def _told(self, values: Array) -> dict[str, Any]:
        """By metric: mean, interval and each run's value; `values` has shape (seeds, metrics)."""
        found = moments(values)
        low, high = found.interval()
        return {
            metric.name: {
                "mean": _number(found.mean[place]),
                "low": _number(low[place]),
                "high": _number(high[place]),
                "values": [_number(value) for value in values[:, place]],
            }
            for place, metric in enumerate(self.run.simulation.metrics)
        }

    def _pin(self) -> dict[str, str]:
        return {name: value for name, value in self.named.items() if name == BASELINE}


@dataclass(frozen=True)
class SweepPlan(Plan):
    """One number over the values of one parameter or two."""

    sweep: Sweep
    kind = "sweep"

    @property
    def title(self) -> str:
        return pictures.title(self.sweep)

    def pictures(self, standing: Standing) -> list[pictures.Picture]:
        return [pictures.swept(standing.looks[0], self.sweep, addresses.address(self.run))]

    def explain(self, standing: Standing) -> str:
        metric, look = self.sweep.metric, standing.looks[0]
        found = moments(self._values(look))
        # Where some runs have no value, the mean of the others says nothing about the point.
        whole = (found.count > 0) & (found.count == (look.states == DONE).sum(axis=1))
        ranked = replace(found, mean=np.where(whole, found.mean, np.nan))
        rest = self._undefined(look, whole) + self._missing(look)
        if not whole.any():
            return f"No point so far has a value for “{metric.label}” in every run.{rest}" if look.done else ""
        least, most = np.nanmin(ranked.mean), np.nanmax(ranked.mean)
        if np.isclose(least, most):
            return f"“{metric.label}” is {amount(metric, most)} at {whole.sum():,} of {whole.size:,} points.{rest}"
        ends = [("highest", most), ("lowest", least)]
        if metric.better is Better.LOWER:
            ends.reverse()
        told = [f"{word} at {self._at(ranked, value)}: {amount(metric, value)}" for word, value in ends]
        return f"“{metric.label}” is {told[0]}; {told[1]}.{self._doubt(ranked, *ends[0])}{rest}"

    def _undefined(self, look: Look, whole: NDArray[np.bool_]) -> str:
        points = int(np.count_nonzero(~whole & (look.states == DONE).any(axis=1)))
        if not points:
            return ""
        at = "1 point" if points == 1 else f"{points:,} points"
        return f" At {at}, left out here, some or all runs have no value ({self.sweep.metric.undefined})."

    def _at(self, found: Moments, value: float) -> str:
        """Where the mean is this value: the point, or what all such points have in common."""
        batch = self.batches[0]
        points = [batch.points[place] for place in np.flatnonzero(np.isclose(found.mean, value))]
        if len(points) == 1:
            return pictures.where(batch, points[0])
        shared = [number for number in range(len(batch.axes)) if len({point[number] for point in points}) == 1]
        if not shared:
            return f"{len(points)} points, such as {pictures.where(batch, points[0])}"
        return f"{pictures.where(batch, points[0], shared)} ({len(points)} points)"

    def _doubt(self, found: Moments, word: str, value: float) -> str:
        """How sure the first of the two ends is."""
        if self.batches[0].seeds == 1:
            return " Each point is one run, so a small difference may be chance."
        low, high = found.interval()
        first = int(np.flatnonzero(np.isclose(found.mean, value))[0])
        near = np.isfinite(low) & (low <= high[first]) & (high >= low[first]) & ~np.isclose(found.mean, value)
        others = int(np.count_nonzero(near))
        if not others:
            return ""
        points = "1 other point" if others == 1 else f"{others:,} other points"
        return f" {points} may be as {'high' if word == 'highest' else 'low'}: the 95 % intervals overlap."

    def _missing(self, look: Look) -> str:
        lost, points = int((look.states == FAILED).all(axis=1).sum()), len(self.batches[0].points)
        return f" {lost:,} of {points:,} points are missing, because their runs failed." if lost else ""

    def as_json(self, standing: Standing) -> dict[str, Any]:
        found = moments(self._values(standing.looks[0]))
        low, high = found.interval()
        points = [
            {
                **dict(zip((axis.name for axis in self.batches[0].axes), point, strict=True)),
                "mean": _number(found.mean[place]),
                "low": _number(low[place]),
                "high": _number(high[place]),
                "count": int(found.count[place]),
            }
            for place, point in enumerate(self.batches[0].points)
        ]
        return {**super().as_json(standing), "metric": self.sweep.metric.name, "points": points}

    def _values(self, look: Look) -> Any:
        """The drawn metric: (seeds, points)."""
        names = [metric.name for metric in self.run.simulation.metrics]
        return look.values[:, :, names.index(self.sweep.metric.name)].T


def replications(run: Run, asked: Mapping[str, str], baseline: Params | None) -> Replications:
    """The plan that `asked` describes. Raises BadParams."""
    batch = sweeps.replications(run, asked)
    named = {sweeps.REPLICATIONS: str(batch.seeds), **addresses.pin(run.simulation, baseline)}
    if baseline is None or baseline == run.params:
        return Replications(run, (batch,), named)
    before = sweeps.replications(replace(run, params=baseline), asked)
    return Replications(run, (batch, before), named)


def sweep(run: Run, asked: Mapping[str, str], baseline: Params | None) -> SweepPlan:
    """The plan that `asked` describes; a baseline has no place in it but stays in the address. Raises BadParams."""
    found = sweeps.sweep(run, asked)
    named = {name: asked[name] for name in sweeps.AXIS_NAMES if asked.get(name)}
    named |= {METRIC: found.metric.name, SEEDS: str(found.batch.seeds), **addresses.pin(run.simulation, baseline)}
    return SweepPlan(run, (found.batch,), named, found)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
