"""Many runs of one simulation: replications over seeds, sweeps over one or two parameters.

A batch is a grid of points, each run with the same seeds, so that a difference between points is the parameters' doing.
Like a run it is its content, kept in Redis under its hash for a while, and losing it costs a recomputation and nothing
else. It is computed in pieces of a fraction of a second by *chains* on the queue `sweeps`: a chain is a task that takes
the next free piece, again and again, and after half a second puts itself at the end of the queue, so that several
batches share the workers and more workers finish sooner. Each piece is spread over the whole grid, so the picture of a
batch that is still running is a coarse one of the whole.

    batch:<key>             hash: r<piece> its numbers ("" if it is given up), c<piece> and "charts" what its curves are
    batch:<key>:next        counts the pieces that were taken for the first time
    batch:<key>:tries       hash: piece -> how often it was taken
    batch:<key>:leases      hash: piece -> "<until> <chain>" while a chain is at it
    batch:<key>:wanted      held while somebody looks on; the chains of a batch nobody looks at end
    batch:<key>:alive       held by whoever started chains, and renewed by these as they work and as they queue again
    batch:<key>:generation  counts how often chains were started; those of an earlier time end
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from functools import cached_property
from hashlib import sha256
from itertools import product
from math import ceil, gcd, prod
from secrets import token_hex
from typing import Any, cast

import numpy as np
import redis
import structlog
from celery import current_app
from celery.exceptions import SoftTimeLimitExceeded
from django.http import HttpRequest
from kombu.exceptions import OperationalError
from numpy.typing import NDArray

from sandboxes import limits, services
from sandboxes.queues import SWEEPS
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import Chart, Curves, Simulation
from sandboxes.simulations.statistics import Array, Moments, merged, moments
from sandboxes.simulations.streams import LARGEST_SEED
from sandboxes.store import connection

log = structlog.get_logger(__name__)

Field = bytes | bytearray | memoryview | str | int | float

KEPT_S = 30 * 60
# Stopping is looking no more; chains notice after this long.
WANTED_KEPT_S = 3
# Longer than a task's hard time limit: whoever holds a lease beyond it is gone.
LEASE_S = 45
MOST_TRIES = 2
# A chain works about this long before it lets others have a turn.
SLICE_S = 0.5
CHAINS = 8
# A chain that waits for its turn any longer is dropped, and whoever looks on then starts new ones.
CHAIN_KEPT_S = ALIVE_KEPT_S = 120
ALL_FAILED_KEPT_S = 10
# A piece holds about this many requests (a tenth of a second or two), and there are enough pieces for every worker.
PIECE_REQUESTS = 400_000
MOST_RUNS_IN_A_PIECE = 64
FEWEST_PIECES = 16

PENDING, DONE, FAILED = 0, 1, 2

# The next piece to work on, or -1: one that nobody has taken yet, and when there are none, one that is free again. Free
# is what has no result, and no lease but an expired one, or one of this very chain, which then died and was started
# again. What has been tried often enough is given up.
TAKE = """
local results, tries, leases, next_one = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local pieces, chain, lease_s, most, kept_s = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local now = tonumber(redis.call('time')[1])
local function taken(piece)
  if redis.call('hexists', results, 'r' .. piece) == 1 then return false end
  local lease = redis.call('hget', leases, piece)
  local till, holder = 0, chain
  if lease then till, holder = string.match(lease, '(%d+) (.+)') end
  if holder ~= chain and tonumber(till) > now then return false end
  if redis.call('hincrby', tries, piece, 1) > most then
    redis.call('hset', results, 'r' .. piece, '')
    return false
  end
  redis.call('hset', leases, piece, (now + lease_s) .. ' ' .. chain)
  return true
end
local found = -1
while found < 0 do
  local fresh = redis.call('incr', next_one) - 1
  if fresh >= pieces then break end
  if taken(fresh) then found = fresh end
end
for piece = 0, pieces - 1 do
  if found >= 0 then break end
  if taken(piece) then found = piece end
end
for _, key in ipairs(KEYS) do redis.call('expire', key, kept_s) end
return found
"""


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


class Manner(Enum):
    """How to look at a batch."""

    ASK = "ask"  # and keep workers at it
    READ = "read"  # as it stands


def standing(
    batches: Sequence[Batch],
    wait_s: float = 0.0,
    manner: Manner = Manner.ASK,
    visitor: HttpRequest | None = None,
) -> Standing | services.Failed:
    """`look` at each; they share `wait_s`."""
    deadline = time.monotonic() + wait_s
    if wait_s:
        for batch in batches[1:]:
            look(batch, 0.0, manner, visitor)  # all are begun before one is waited for
    looks = [look(batch, max(0.0, deadline - time.monotonic()), manner, visitor) for batch in batches]
    failed = next((outcome for outcome in looks if isinstance(outcome, services.Failed)), None)
    return failed or Standing(tuple(outcome for outcome in looks if isinstance(outcome, Look)))


def look(
    batch: Batch, wait_s: float = 0.0, manner: Manner = Manner.ASK, visitor: HttpRequest | None = None
) -> Look | services.Failed:
    """The batch as it stands.

    Returns as soon as it is complete, after at most `wait_s` seconds. A batch that nobody has begun costs the `visitor`
    a token for each of its runs (sandboxes.limits); None is nobody's request.
    """
    try:
        at_work = _ask(batch, visitor) if manner is Manner.ASK else False
        if isinstance(at_work, services.Failed):
            return at_work
        with services.place_to_wait() as may_wait:
            deadline = time.monotonic() + (wait_s if may_wait else 0)
            while time.monotonic() < deadline and not _is_complete(batch):
                time.sleep(0.02)
        return _read(batch, at_work)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("batch_unreachable", key=batch.key, error=type(error).__name__)
        return services.UNREACHABLE


def work(spec: Mapping[str, Any], generation: int, chain: str) -> str:
    """In a worker: take pieces for a while.

    Returns "more" when there is more to do, "finished" when nothing is left to take, "left" when nobody looks on or
    other chains have been started since.
    """
    batch, until = batch_of(spec), time.monotonic() + SLICE_S
    name, store = f"batch:{batch.key}", connection()
    while True:
        wanted, current = store.mget(f"{name}:wanted", f"{name}:generation")
        if int(current or 0) != generation:
            return "left"  # what the newer chains hold is theirs
        if not wanted:
            store.delete(f"{name}:alive")
            return "left"
        store.set(f"{name}:alive", b"1", ex=ALIVE_KEPT_S)
        piece = int(store.eval(TAKE, 4, *_keys(name), batch.pieces, chain, LEASE_S, MOST_TRIES, KEPT_S))
        if piece < 0:
            # Should another chain have died over its piece, new ones may start once its lease is over.
            store.expire(f"{name}:alive", LEASE_S)
            return "finished"
        _work_on(batch, piece)
        if time.monotonic() > until:
            return "more"


def _ask(batch: Batch, visitor: HttpRequest | None) -> bool | services.Failed:
    """Say that somebody looks on, and start chains unless some are at work. Whether any are; or why none may be."""
    name, store = f"batch:{batch.key}", connection()
    store.set(f"{name}:wanted", b"1", ex=WANTED_KEPT_S)
    if _is_complete(batch):
        return False
    if not store.set(f"{name}:alive", b"1", ex=ALIVE_KEPT_S, nx=True):
        return True
    try:
        started = _start(batch, visitor)
    except Exception:
        store.delete(f"{name}:alive")
        raise
    if started is not True:
        store.delete(f"{name}:alive")
    return started


def _start(batch: Batch, visitor: HttpRequest | None) -> bool | services.Failed:
    """Start chains, if there is room in the queue and the visitor has the tokens for what nobody has begun."""
    name, store = f"batch:{batch.key}", connection()
    if store.llen(SWEEPS.name) >= SWEEPS.most_queued():
        return False
    if visitor is not None and not store.exists(name) and (wait_s := limits.take(visitor, "sweeps", batch.runs)):
        return services.too_many(wait_s)
    generation = store.incr(f"{name}:generation")
    store.expire(f"{name}:generation", KEPT_S)
    # The pace is measured from here: what was there before, and when.
    store.hset(name, "since", f"{time.time()} {_counted(batch)}")
    store.expire(name, KEPT_S)
    for _ in range(min(CHAINS, batch.pieces)):
        go_on(batch.spec, generation, token_hex(8))
    return True


def go_on(spec: Mapping[str, Any], generation: int, chain: str) -> None:
    """Put a chain at the end of the queue."""
    current_app.send_task("sandboxes.tasks.work", (spec, generation, chain), queue=SWEEPS.name, expires=CHAIN_KEPT_S)


def _keys(name: str) -> tuple[str, str, str, str]:
    return name, f"{name}:tries", f"{name}:leases", f"{name}:next"


def _work_on(batch: Batch, piece: int) -> None:
    """Compute one piece and keep it. A first failure gives it back; a second keeps what can be had of it."""
    name, store = f"batch:{batch.key}", connection()
    tries = int(store.hget(f"{name}:tries", str(piece)) or 0)
    try:
        fields = computed(batch, piece, at_any_rate=tries >= MOST_TRIES)
    except Exception as error:
        log.exception("piece_failed", key=batch.key, piece=piece, tries=tries, error=type(error).__name__)
        store.hdel(f"{name}:leases", str(piece))
        return
    store.hset(name, mapping=fields)


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
        "lines": [{"name": line.name, "colour": line.colour} for line in curves.lines],
    }


def _counted(batch: Batch) -> int:
    """How many pieces are over."""
    fields = cast(Sequence[bytes], connection().hkeys(f"batch:{batch.key}"))
    return sum(field.startswith(b"r") for field in fields)


def _is_complete(batch: Batch) -> bool:
    name = f"batch:{batch.key}"
    # Counting all fields is cheap and tells that it is too early to look closer.
    return connection().hlen(name) >= batch.pieces and _counted(batch) == batch.pieces


def _read(batch: Batch, at_work: bool) -> Look:
    kept = cast(Mapping[bytes, bytes], connection().hgetall(f"batch:{batch.key}"))
    values = np.full((batch.runs, len(batch.simulation.metrics)), np.nan)
    states = np.full(batch.runs, PENDING, np.uint8)
    over = 0
    for piece in range(batch.pieces):
        packed = kept.get(f"r{piece}".encode())
        if packed is None:
            continue
        over += 1
        runs = batch.runs_of(piece)
        number = runs.size
        if not packed:
            states[runs] = FAILED
            continue
        states[runs] = np.frombuffer(packed[-number:], np.uint8)
        values[runs] = np.frombuffer(packed[:-number]).reshape(number, -1)
    shape = (len(batch.points), batch.seeds)
    if over == batch.pieces and (states == FAILED).all():
        # Whatever was wrong may pass; whoever comes later tries again.
        connection().expire(f"batch:{batch.key}", ALL_FAILED_KEPT_S)
    return Look(
        batch,
        values.reshape(*shape, -1),
        states.reshape(shape),
        charts=tuple(json.loads(kept.get(b"charts", b"[]"))),
        averages=_averages(batch, kept),
        left_s=_left_s(kept.get(b"since"), over, batch.pieces) if at_work else None,
        at_work=at_work and over < batch.pieces,
    )


def _averages(batch: Batch, kept: Mapping[bytes, bytes]) -> Moments | None:
    pieces = [kept[field] for piece in range(batch.pieces) if (field := f"c{piece}".encode()) in kept]
    if not pieces:
        return None
    stacked = np.array([np.frombuffer(packed, np.float64).reshape(3, -1) for packed in pieces])
    return merged(stacked[:, 0], stacked[:, 1], stacked[:, 2])


def _left_s(since: bytes | None, over: int, pieces: int) -> float | None:
    """At the pace since chains were last started."""
    if since is None:
        return None
    started, before = since.decode().split()
    newly = over - int(before)
    return (time.time() - float(started)) / newly * (pieces - over) if newly > 0 else None
