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
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from threading import BoundedSemaphore
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from sandboxes import simulations
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import Params, Simulation
from sandboxes.store import connection

log = structlog.get_logger(__name__)

DEFAULT_SEED = 1
RESULT_KEPT_S = 10 * 60
FAILURE_KEPT_S = 10
# A task waits no longer in its queue than its claim lasts; then whoever still waits asks again.
CLAIM_KEPT_S = 20
WANTED_KEPT_S = 5
TRIES = 3
TRIES_KEPT_S = 120
SUBSCRIBE_PATIENCE_S = 1.0

# A claim is given back only by the task it was made for.
GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Part(StrEnum):
    """What is wanted of a run. Each part is computed, kept and waited for on its own."""

    RESULT = "result"


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
    """There is no answer, and the reason in words for a reader. `again`: asking again may help by itself."""

    reason: str
    again: bool


Outcome = Ready | Waiting | Failed


def run(wanted: Run, wait_s: float) -> Outcome:
    """The run's result, from the cache or from a worker, waiting at most `wait_s` seconds for it."""
    try:
        kept = _kept(wanted.key)
        return kept if kept else _ask(wanted, wait_s)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("run_unreachable", key=wanted.key, error=type(error).__name__)
        return Failed(
            "The workers cannot be reached just now. Your settings are kept; this page tries again.", again=True
        )


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


# How each part is computed.
COMPUTED: Mapping[Part, Callable[[Run], dict[str, Any]]] = {Part.RESULT: _result}


def warm() -> None:
    """Compile every simulation's kernel, so that no learner waits for a compiler."""
    for simulation in catalogue.CATALOGUE:
        compute(Run(simulation, simulation.parse({})))


def _kept(key: str) -> Ready | Failed | None:
    packed = connection().get(f"run:{key}")
    if not isinstance(packed, bytes):
        return None
    result = json.loads(zlib.decompress(packed))
    if result.get("failed"):
        return Failed("This run failed in the worker, and its log says why. Other settings may work.", again=False)
    return Ready(result)


def _ask(wanted: Run, wait_s: float) -> Outcome:
    """Ask a worker unless one has been asked, and wait. Subscribing first, so that no announcement is missed."""
    store, key = connection(), wanted.key
    store.set(f"wanted:{key}", b"1", ex=WANTED_KEPT_S)
    with _place_to_wait() as may_wait, store.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        deadline = time.monotonic() + (wait_s if may_wait else 0)
        channel.subscribe(f"done:{key}")
        channel.get_message(timeout=SUBSCRIBE_PATIENCE_S)  # in force once Redis has said so
        if not _publish(wanted):
            return Failed(
                "This run was not finished in several tries: the workers are overloaded, or it is too large for them.",
                again=False,
            )
        while (left_s := deadline - time.monotonic()) > 0:
            if not channel.get_message(timeout=left_s):
                continue
            if kept := _kept(key):
                return kept
            _publish(wanted)  # the worker had found nobody waiting, just before we came
    return _kept(key) or Waiting()


@contextmanager
def _place_to_wait() -> Iterator[bool]:
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


def _publish(wanted: Run) -> bool:
    """Ask a worker unless one has been asked. False when workers have been asked in vain too often."""
    store, key, claim = connection(), wanted.key, token_hex(8)
    if not store.set(f"claim:{key}", claim, nx=True, ex=CLAIM_KEPT_S):
        return True
    if store.incr(f"tries:{key}") > TRIES:
        return False
    store.expire(f"tries:{key}", TRIES_KEPT_S)
    arguments = (key, wanted.simulation.slug, wanted.settings, wanted.seed, wanted.part.value, claim)
    try:
        current_app.send_task("sandboxes.tasks.execute", arguments, queue="interactive", expires=CLAIM_KEPT_S)
    except Exception:
        store.eval(GIVE_BACK, 1, f"claim:{key}", claim)
        raise
    return True


def _compute_and_keep(key: str, slug: str, params: Mapping[str, Any], seed: int, part: Part) -> str:
    try:
        simulation = catalogue.simulation(slug)
        result = compute(Run(simulation, simulation.parse(params), seed, part))
    except Exception:
        log.exception("run_failed", slug=slug, key=key)
        _keep(key, {"failed": True}, FAILURE_KEPT_S)
        return "failed"
    _keep(key, result, RESULT_KEPT_S)
    return "computed"


def _keep(key: str, result: Mapping[str, Any], kept_s: int) -> None:
    text = json.dumps(result, separators=(",", ":"), allow_nan=False)
    connection().set(f"run:{key}", zlib.compress(text.encode(), level=1), ex=kept_s)


@cache
def code() -> str:
    """A fingerprint of the code that makes results, so that an upgrade never shows what older code made."""
    files = sorted(Path(simulations.__path__[0]).rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in [*files, Path(__file__)])).hexdigest()[:16]
