"""Many runs of one simulation: replications over seeds, sweeps over one or two parameters.

A batch is a grid of points, each run with the same seeds, so that a difference between points is the parameters' doing.
Like a run it is its content. It is dealt into pieces of a fraction of a second, each spread over the whole grid, so the
picture of a batch that is still running is a coarse one of the whole. How it is worked off: `chains`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from itertools import product
from math import ceil, gcd, prod
from typing import Any

import numpy as np
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from numpy.typing import NDArray

from sandboxes import services
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import Chart, Curves, Simulation
from sandboxes.simulations.statistics import Array, Moments, moments
from sandboxes.simulations.streams import LARGEST_SEED

log = structlog.get_logger(__name__)

# A piece holds about this many requests (a tenth of a second or two), and there are enough pieces for every worker.
PIECE_REQUESTS = 400_000
MOST_RUNS_IN_A_PIECE = 64
FEWEST_PIECES = 16

PENDING, DONE, FAILED = 0, 1, 2

Field = bytes | bytearray | memoryview | str | int | float


@dataclass(frozen=True)
class Axis:
    """A parameter that takes several values, as plain JSON, in the order they are drawn."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Batch:
    """Which runs: every combination of the axes' values over `settings`, each with `seeds` seeds from `seed` on.

    Runs are numbered by point, the last axis fastest, then by seed. `curves`: average the charts' curves as well.
    """

    simulation: Simulation[Any, Any]
    settings: Mapping[str, Any]
    seed: int
    seeds: int
    axes: tuple[Axis, ...] = ()
    curves: bool = False

    @cached_property
    def key(self) -> str:
        """The batch's content address: equal batches of the same code share it."""
        identity = [self.simulation.version, self.spec, services.code()]
        return sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The batch as plain JSON, for a task's message."""
        return {
            "slug": self.simulation.slug,
            "settings": dict(self.settings),
            "seed": self.seed,
            "seeds": self.seeds,
            "axes": [asdict(axis) for axis in self.axes],
            "curves": self.curves,
        }

    @cached_property
    def points(self) -> tuple[tuple[Any, ...], ...]:
        """The values of the axes at each point; one empty tuple when there is no axis."""
        return tuple(product(*(axis.values for axis in self.axes)))

    @property
    def runs(self) -> int:
        return self.seeds * prod(len(axis.values) for axis in self.axes)

    @cached_property
    def requests(self) -> int:
        """About how many requests all runs simulate together, from the corners of the grid."""
        corners = list(product(*(_ends(axis) for axis in self.axes)))
        each = [self.simulation.requests(self.simulation.parse(self.settings_at(corner))) for corner in corners]
        return round(self.runs * sum(each) / len(each))

    @cached_property
    def runs_in_a_piece(self) -> int:
        by_size = max(1, PIECE_REQUESTS * self.runs // max(1, self.requests))
        return min(by_size, MOST_RUNS_IN_A_PIECE, ceil(self.runs / FEWEST_PIECES))

    @property
    def pieces(self) -> int:
        """Into how many pieces the runs are dealt."""
        return ceil(self.runs / self.runs_in_a_piece)

    @cached_property
    def dealt(self) -> NDArray[np.int64]:
        """The runs in the order in which they are worked off, shape (runs,): evenly over the grid, from the start.

        Each is a golden section of the whole from the one before; the step shares no divisor with the number of runs,
        nor then with the length of any axis, so that no column or row is left for later.
        """
        golden = round(self.runs * (5**0.5 - 1) / 2)
        step = next(step for step in range(max(1, golden), 2 * self.runs + 2) if gcd(step, self.runs) == 1)
        return np.arange(self.runs) * step % self.runs

    def settings_at(self, point: Sequence[Any]) -> dict[str, Any]:
        """All parameters at a point of the grid."""
        return {**self.settings, **{axis.name: value for axis, value in zip(self.axes, point, strict=True)}}

    def seed_of(self, run: int) -> int:
        return (self.seed + run % self.seeds) % (LARGEST_SEED + 1)

    def runs_of(self, piece: int) -> NDArray[np.int64]:
        return self.dealt[piece * self.runs_in_a_piece : (piece + 1) * self.runs_in_a_piece]


def _ends(axis: Axis) -> tuple[Any, ...]:
    """The first and the last of some numbers; of named values, all."""
    is_number = not isinstance(axis.values[0], (str, bool))
    return (axis.values[0], axis.values[-1]) if is_number else axis.values


def batch_of(spec: Mapping[str, Any]) -> Batch:
    """The batch that `spec` describes."""
    axes = tuple(Axis(axis["name"], tuple(axis["values"])) for axis in spec["axes"])
    simulation = catalogue.simulation(spec["slug"])
    return Batch(simulation, spec["settings"], spec["seed"], spec["seeds"], axes, spec["curves"])


@dataclass(frozen=True)
class Look:
    """A batch as it stands.

    values     (points, seeds, metrics), nan where there is no value
    states     (points, seeds): PENDING, DONE or FAILED
    charts     what the curves belong to: one mapping for each chart that has some
    averages   moments of all curves' values, one after another; None as long as there are none
    left_s     how much longer it takes at the present pace; None when that cannot be said
    """

    batch: Batch
    values: Array
    states: NDArray[np.uint8]
    charts: tuple[Mapping[str, Any], ...] = ()
    averages: Moments | None = None
    left_s: float | None = None
    at_work: bool = False

    @property
    def done(self) -> int:
        """How many runs are over, failed ones included."""
        return int(np.count_nonzero(self.states != PENDING))

    @property
    def failed(self) -> int:
        return int(np.count_nonzero(self.states == FAILED))

    @property
    def complete(self) -> bool:
        return self.done == self.batch.runs


@dataclass(frozen=True)
class Standing:
    """How far several batches are that belong together."""

    looks: tuple[Look, ...]

    @property
    def runs(self) -> int:
        return sum(look.batch.runs for look in self.looks)

    @property
    def done(self) -> int:
        return sum(look.done for look in self.looks)

    @property
    def failed(self) -> int:
        return sum(look.failed for look in self.looks)

    @property
    def complete(self) -> bool:
        return all(look.complete for look in self.looks)

    @property
    def at_work(self) -> bool:
        return any(look.at_work for look in self.looks)

    @property
    def left_s(self) -> float | None:
        """Until the last is over, if that can be said of each."""
        each = [look.left_s for look in self.looks if not look.complete]
        known = [left_s for left_s in each if left_s is not None]
        return max(known) if known and len(known) == len(each) else None


def computed(batch: Batch, piece: int, at_any_rate: bool) -> dict[Field, bytes]:
    """What is kept of a piece. With `at_any_rate`, a run that raises is marked as failed instead of raising here."""
    metrics = batch.simulation.metrics
    runs = batch.runs_of(piece)
    states = np.full(len(runs), DONE, np.uint8)
    values = np.full((len(runs), len(metrics)), np.nan)
    curves: list[list[tuple[Chart, Curves]]] = []
    for place, run in enumerate(runs.tolist()):
        try:
            params = batch.simulation.parse(batch.settings_at(batch.points[run // batch.seeds]))
            result = batch.simulation.run(params, batch.seed_of(run))
            measured = batch.simulation.measure(result)
            values[place] = [np.nan if (value := measured[metric.name]) is None else value for metric in metrics]
            if batch.curves:
                charts = batch.simulation.charts(result)
                curves.append([(chart, chart.curves()) for chart in charts if chart.curves])
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            if not at_any_rate:
                raise
            log.exception("run_of_a_piece_failed", key=batch.key, run=run)
            states[place], values[place] = FAILED, np.nan
    fields: dict[Field, bytes] = {f"r{piece}": values.tobytes() + states.tobytes()}
    if curves:
        averages = moments(np.array([list(_values(charts)) for charts in curves], np.float64))
        fields[f"c{piece}"] = np.array([averages.count, averages.mean, averages.squares]).tobytes()
        fields["charts"] = json.dumps([_described(*chart) for chart in curves[0]]).encode()
    return fields


def _values(charts: Sequence[tuple[Chart, Curves]]) -> Iterator[float]:
    """All values of all curves, one after another; nan for none."""
    for _, curves in charts:
        for line in curves.lines:
            yield from (np.nan if value is None else value for value in line.y)


def _described(chart: Chart, curves: Curves) -> dict[str, Any]:
    """What has to be known to draw the averages: everything but the values."""
    return {
        "name": chart.name,
        "title": chart.title,
        "note": curves.note,
        "height_px": chart.height_px,
        "x": curves.x,
        "yaxis": dict(curves.yaxis),
        "xaxis": dict(curves.xaxis),
        "x_column": curves.x_column,
        "lines": [{"name": line.name, "colour": line.colour} for line in curves.lines],
    }
