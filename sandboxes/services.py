"""The way of a run: its key, its cached result, one computation for everyone who asks the same.

A run is a pure function of (slug, version, parameters, seed), so its key is their hash and its result may be thrown
away at any time: losing it costs a recomputation and nothing else. Nothing here touches the database.

    run:<key>     the result, compressed JSON, kept for a while
    claim:<key>   held while a worker has been asked, so that equal requests share one computation
    tries:<key>   how often a worker has been asked in vain; after a few times we say so instead of asking again
    wanted:<key>  held while somebody waits; a worker skips a run nobody waits for any more
    done:<key>    channel on which the worker says that it has finished with the run
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from threading import BoundedSemaphore
from typing import Any

import redis
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import current_app
from django.conf import settings
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from sandboxes import limits, simulations
from sandboxes.queues import INTERACTIVE, SWEEPS, Queue
from sandboxes.simulations import catalogue
from sandboxes.simulations.checks import carry_out, report
from sandboxes.simulations.replays import packed
from sandboxes.simulations.spec import Params, Simulation
from sandboxes.store import connection

log = structlog.get_logger(__name__)

DEFAULT_SEED = 1
RESULT_KEPT_S = 10 * 60
FAILURE_KEPT_S = 10
WANTED_KEPT_S = 5
TRIES = 3
TRIES_KEPT_S = 120
SUBSCRIBE_PATIENCE_S = 1.0
# A worker gives a run up after this long, all the checks of a simulation later, and is killed if it cannot.
TIME_LIMIT_S = 10
CHECKS_TIME_LIMIT_S = 60
KILLED_LATER_S = 5
ASK_AGAIN_S = 2

# One claim for all who ask the same, and only with room in the queue and a token of the visitor's: all or nothing.
# Whoever waits for a claim that has been made costs nothing.
CLAIM = (
    limits.TAKE
    + """
local claim, tries, queue, bucket = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mine, kept_s, most_tries, tries_kept_s, most_queued = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('exists', claim) == 1 then return 'asked' end
if tonumber(redis.call('get', tries) or 0) >= tonumber(most_tries) then return 'in vain' end
if redis.call('llen', queue) >= tonumber(most_queued) then return 'busy' end
if bucket then
  local wait_s = take(bucket, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]))
  if wait_s > 0 then return tostring(wait_s) end
end
redis.call('set', claim, mine, 'EX', kept_s)
redis.call('incr', tries)
redis.call('expire', tries, tries_kept_s)
return 'claimed'
"""
)
# A claim is given back only by the task it was made for.
GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Part(StrEnum):
    """What is wanted of a run. Each part is computed, kept and waited for on its own."""

    RESULT = "result"
    CHECKS = "checks"
    BASELINE = "baseline"
    REPLAY = "replay"


@dataclass(frozen=True)
class Run:
    """One run's identity: what is simulated, with which parameters, from which seed, and which part of it is wanted."""

    simulation: Simulation[Any, Any]
    params: Params
    seed: int = DEFAULT_SEED
    part: Part = Part.RESULT

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters as plain JSON values."""
        return self.params.model_dump(mode="json")

    @property
    def key(self) -> str:
        """The run's content address: equal runs of the same code share it."""
        identity = [self.simulation.slug, self.simulation.version, self.settings, self.seed, self.part, code()]
        return sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Ready:
    """The answer: what `compute` returned, wherever and whenever it was computed."""

    result: Mapping[str, Any]


@dataclass(frozen=True)
class Waiting:
    """A worker has been asked and has not answered yet."""


@dataclass(frozen=True)
class Failed:
    """There is no answer, and the reason in words for a reader. `again`: asking again may help by itself.

    `again_s`: when to ask again. `too_many`: it was this visitor who asked for too much.
    """

    reason: str
    again: bool
    again_s: int = ASK_AGAIN_S
    too_many: bool = False


Outcome = Ready | Waiting | Failed

UNREACHABLE = Failed(
    "The workers cannot be reached just now. Your settings are kept; this page tries again.", again=True
)
IN_VAIN = "This run was not finished in several tries: the workers are overloaded, or it is too large for them."
BUSY = "Too many runs are waiting for the workers just now. Your settings are kept; this page tries again by itself."
TOO_MANY = (
    "You have asked for many runs in a short time, so others get their turn first. Your settings are kept; this page "
    "tries again by itself."
)
# Why a worker gave a run up, by the mark it leaves.
GIVEN_UP = {
    "slow": f"This run took longer than {TIME_LIMIT_S} s and was stopped. Make it smaller: fewer requests, or a "
    "shorter run.",
    "slow checks": f"The checks took longer than {CHECKS_TIME_LIMIT_S} s and were stopped: the workers are overloaded.",
    "memory": "This run needed more memory than the worker has. Make it smaller: fewer requests, or a shorter run.",
    "error": "This run failed in the worker, and its log says why. Other settings may work.",
}


def run(wanted: Run, wait_s: float, visitor: HttpRequest | None = None) -> Outcome:
    """The run's result, from the cache or from a worker, waiting at most `wait_s` seconds for it.

    A run that has to be computed costs the `visitor` a token (sandboxes.limits); None is nobody's request.
    """
    try:
        kept = _kept(wanted.key)
        return kept if kept else _ask(wanted, wait_s, visitor)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("run_unreachable", key=wanted.key, error=type(error).__name__)
        return UNREACHABLE


def execute(key: str, slug: str, params: Mapping[str, Any], seed: int, part: str, claim: str) -> str:
    """In a worker: compute the run and put its result where the waiting requests look.

    Returns "computed", "cached", "abandoned" (nobody waits any more) or "failed", for the log line.
    """
    store = connection()
    with store.pipeline(transaction=False) as asking:
        asking.exists(f"run:{key}")
        asking.exists(f"wanted:{key}")
        is_kept, is_wanted = asking.execute()
    if is_kept:
        outcome = "cached"
    elif not is_wanted:
        outcome = "abandoned"
    else:
        outcome = _compute_and_keep(key, slug, params, seed, Part(part))
    with store.pipeline(transaction=False) as saying:
        saying.delete(f"tries:{key}")
        saying.eval(GIVE_BACK, 1, f"claim:{key}", claim)
        saying.publish(f"done:{key}", outcome)
        saying.execute()
    return outcome


def lost(key: str, claim: str, why: str = "") -> None:
    """In a worker: the process that was computing the run has been killed; whoever waits hears of it at once.

    They ask again, as often as a run is tried at all; unless `why`, a key of GIVEN_UP, says that it would be in vain.
    """
    if why:
        _keep(key, {"failed": why}, FAILURE_KEPT_S)
    store = connection()
    store.eval(GIVE_BACK, 1, f"claim:{key}", claim)
    store.publish(f"done:{key}", "lost")


def compute(wanted: Run) -> dict[str, Any]:
    """The wanted part of the run, computed here and now, as plain JSON."""
    return COMPUTED[wanted.part](wanted)


def _result(wanted: Run) -> dict[str, Any]:
    """What the run was, its metrics, its charts, and the sentence on it."""
    simulation = wanted.simulation
    result = simulation.run(wanted.params, wanted.seed)
    return {
        "simulation": simulation.slug,
        "version": simulation.version,
        "params": wanted.settings,
        "seed": wanted.seed,
        "metrics": simulation.measure(result),
        "explanation": simulation.explain(result),
        "charts": [
            {
                "name": chart.name,
                "title": chart.title,
                "note": chart.note,
                "keys": chart.keys,
                "height_px": chart.height_px,
                "figure": chart.figure,
                "columns": chart.columns,
                "rows": chart.rows,
            }
            for chart in simulation.charts(result)
        ],
    }


def _checks(wanted: Run) -> dict[str, Any]:
    """What the simulation is checked against and what came of it, whatever the parameters and the seed.

    A worker's limit on time ends the whole part: it says nothing on the model.
    """
    simulation = wanted.simulation
    carried_out = carry_out(simulation.checks, never_caught=(SoftTimeLimitExceeded,))
    return {"simulation": simulation.slug, "version": simulation.version, **report(carried_out)}


def _replay(wanted: Run) -> dict[str, Any]:
    """The run frame by frame. Raises ValueError where the simulation has no replay."""
    simulation = wanted.simulation
    if simulation.replay is None:
        raise ValueError(f"{simulation.slug} has no replay")
    replay = simulation.replay(simulation.run(wanted.params, wanted.seed))
    return {"pictures": replay.pictures, "frames": packed(replay), "note": replay.note}


def _baseline(wanted: Run) -> dict[str, Any]:
    """What another run needs of its baseline: the metrics, and by chart what is drawn over it."""
    result = wanted.simulation.run(wanted.params, wanted.seed)
    charts = wanted.simulation.charts(result)
    return {
        "params": wanted.settings,
        "metrics": wanted.simulation.measure(result),
        "overlays": {chart.name: asdict(chart.overlay()) for chart in charts if chart.overlay},
    }


# How each part is computed, and by which workers where it is not something a person turns a knob for.
COMPUTED: Mapping[Part, Callable[[Run], dict[str, Any]]] = {
    Part.RESULT: _result,
    Part.BASELINE: _baseline,
    Part.CHECKS: _checks,
    Part.REPLAY: _replay,
}
QUEUES: Mapping[Part, Queue] = {Part.CHECKS: SWEEPS}
LIMITS_S: Mapping[Part, int] = {Part.CHECKS: CHECKS_TIME_LIMIT_S}


def warm(simulation: Simulation[Any, Any]) -> None:
    """Compile a simulation's kernels by running it, so that no learner waits for a compiler."""
    for part in (Part.RESULT, Part.REPLAY) if simulation.replay else (Part.RESULT,):
        for values in simulation.compiled_by:
            compute(Run(simulation, simulation.parse(values), part=part))


def _kept(key: str) -> Ready | Failed | None:
    packed = connection().get(f"run:{key}")
    if not isinstance(packed, bytes):
        return None
    result = json.loads(zlib.decompress(packed))
    if why := result.get("failed"):
        return Failed(GIVEN_UP[why], again=False)
    return Ready(result)


def _ask(wanted: Run, wait_s: float, visitor: HttpRequest | None) -> Outcome:
    """Ask a worker unless one has been asked, and wait. Subscribing first, so that no announcement is missed."""
    store, key = connection(), wanted.key
    store.set(f"wanted:{key}", b"1", ex=WANTED_KEPT_S)
    with place_to_wait() as may_wait, store.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        deadline = time.monotonic() + (wait_s if may_wait else 0)
        channel.subscribe(f"done:{key}")
        channel.get_message(timeout=SUBSCRIBE_PATIENCE_S)  # in force once Redis has said so
        if refused := _publish(wanted, visitor):
            return refused
        while (left_s := deadline - time.monotonic()) > 0:
            if not channel.get_message(timeout=left_s):
                continue
            if kept := _kept(key):
                return kept
            # The worker had found nobody waiting, just before we came; or it was killed.
            if refused := _publish(wanted, visitor):
                return refused
    return _kept(key) or Waiting()


@contextmanager
def place_to_wait() -> Iterator[bool]:
    """Whether this request may wait: only half the threads do, so that signing in never queues behind sandboxes."""
    got = _places().acquire(blocking=False)
    try:
        yield got
    finally:
        if got:
            _places().release()


@cache
def _places() -> BoundedSemaphore:
    return BoundedSemaphore(max(1, settings.ENV.web_threads // 2))


def _publish(wanted: Run, visitor: HttpRequest | None) -> Failed | None:
    """Ask a worker unless one has been asked; or why none is asked."""
    claim = token_hex(8)
    queue = QUEUES.get(wanted.part, INTERACTIVE)
    verdict = _claim(wanted.key, claim, queue, visitor)
    if verdict != "claimed":
        return _refusal(verdict)
    arguments = (wanted.key, wanted.simulation.slug, wanted.settings, wanted.seed, wanted.part.value, claim)
    try:
        limit_s = LIMITS_S.get(wanted.part, TIME_LIMIT_S)
        current_app.send_task(
            "sandboxes.tasks.execute",
            arguments,
            queue=queue.name,
            expires=queue.claim_kept_s,
            soft_time_limit=limit_s,
            time_limit=limit_s + KILLED_LATER_S,
        )
    except Exception:
        connection().eval(GIVE_BACK, 1, f"claim:{wanted.key}", claim)
        raise
    return None


def _claim(key: str, claim: str, queue: Queue, visitor: HttpRequest | None) -> str:
    """What CLAIM says: "claimed", "asked" (already), "in vain", "busy", or the seconds until there is a token."""
    keys = [f"claim:{key}", f"tries:{key}", queue.name]
    arguments: list[str | float] = [claim, queue.claim_kept_s, TRIES, TRIES_KEPT_S, queue.most_queued()]
    if visitor is not None:
        tokens = limits.taking(visitor, "runs")
        keys.append(tokens.key)
        arguments += [tokens.per_s, tokens.burst, tokens.cost]
    verdict: bytes = connection().eval(CLAIM, len(keys), *keys, *arguments)
    return verdict.decode()


def _refusal(verdict: str) -> Failed | None:
    match verdict:
        case "asked":
            return None
        case "in vain":
            return Failed(IN_VAIN, again=False)
        case "busy":
            return Failed(BUSY, again=True)
        case wait_s:
            return too_many(float(wait_s))


def too_many(wait_s: float) -> Failed:
    """What a visitor is told who has no token left for the next so many seconds."""
    return Failed(TOO_MANY, again=True, again_s=max(1, math.ceil(wait_s)), too_many=True)


def _compute_and_keep(key: str, slug: str, params: Mapping[str, Any], seed: int, part: Part) -> str:
    try:
        simulation = catalogue.simulation(slug)
        result = compute(Run(simulation, simulation.parse(params), seed, part))
    except Exception as error:
        log.exception("run_failed", slug=slug, key=key)
        _keep(key, {"failed": _why(error, part)}, FAILURE_KEPT_S)
        return "failed"
    _keep(key, result, RESULT_KEPT_S)
    return "computed"


def _why(error: Exception, part: Part) -> str:
    if isinstance(error, SoftTimeLimitExceeded):
        return "slow checks" if part is Part.CHECKS else "slow"
    return "memory" if isinstance(error, MemoryError) else "error"


def _keep(key: str, result: Mapping[str, Any], kept_s: int) -> None:
    text = json.dumps(result, separators=(",", ":"), allow_nan=False)
    connection().set(f"run:{key}", zlib.compress(text.encode(), level=1), ex=kept_s)


@cache
def code() -> str:
    """A fingerprint of the code that makes results, so that an upgrade never shows what older code made."""
    files = sorted(Path(simulations.__path__[0]).rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in [*files, Path(__file__)])).hexdigest()[:16]
