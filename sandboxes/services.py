"""The way of a run: its key, its cached result, one computation for everyone who asks the same.

A run is a pure function of (slug, version, parameters, seed), so its key is their hash and its result may be thrown
away at any time: losing it costs a recomputation and nothing else. Nothing here touches the database.

    run:<key>     the result, kept for a while
    claim:<key>   held while a worker has been asked, so that equal requests share one computation
    wanted:<key>  held while somebody waits; a worker skips a run nobody waits for any more
    done:<key>    channel on which the worker says that the result is there
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import Params, Simulation

log = logging.getLogger(__name__)

DEFAULT_SEED = 1
LARGEST_SEED = 2**32 - 1
RESULT_KEPT_S = 60 * 60
FAILURE_KEPT_S = 10
CLAIM_KEPT_S = 20
WANTED_KEPT_S = 5
ASK_KEPT_S = 60
CONNECT_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Run:
    """One run's identity: what is simulated, with which parameters, from which seed."""

    simulation: Simulation[Any, Any]
    params: Params
    seed: int = DEFAULT_SEED

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters as plain JSON values."""
        return self.params.model_dump(mode="json")

    @property
    def key(self) -> str:
        """The run's content address: equal runs of the same model version share it."""
        identity = [self.simulation.slug, self.simulation.version, self.settings, self.seed]
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
        log.warning("run_unreachable key=%s error=%s", wanted.key, type(error).__name__)
        return Failed(
            "The workers cannot be reached just now. Your settings are kept; this page tries again.", again=True
        )


def execute(key: str, slug: str, params: Mapping[str, Any], seed: int) -> str:
    """In a worker: compute the run and put its result where the waiting requests look.

    Returns "computed", "cached", "abandoned" (nobody waits any more) or "failed", for the log line.
    """
    store = connection()
    if store.exists(f"run:{key}"):
        return _announce(store, key, "cached")
    if not store.exists(f"wanted:{key}"):
        return _announce(store, key, "abandoned")
    try:
        simulation = catalogue.simulation(slug)
        result = compute(Run(simulation, simulation.parse(params), seed))
    except Exception:
        log.exception("run_failed slug=%s key=%s", slug, key)
        store.set(f"run:{key}", json.dumps({"failed": True}), ex=FAILURE_KEPT_S)
        return _announce(store, key, "failed")
    store.set(f"run:{key}", json.dumps(result, separators=(",", ":"), allow_nan=False), ex=RESULT_KEPT_S)
    return _announce(store, key, "computed")


def compute(wanted: Run) -> dict[str, Any]:
    """The run computed here and now, as plain JSON: what it was, its metrics, its charts, and the sentence on it."""
    simulation = wanted.simulation
    started = time.perf_counter()
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
                "figure": json.loads(chart.figure.to_json()),
                "columns": chart.columns,
                "rows": chart.rows,
            }
            for chart in simulation.charts(result)
        ],
        "took_ms": round(1000 * (time.perf_counter() - started), 2),
    }


def warm() -> None:
    """Compile every simulation's kernel, so that no learner waits for a compiler."""
    for simulation in catalogue.CATALOGUE:
        compute(Run(simulation, simulation.parse({})))


@cache
def connection() -> redis.Redis:
    """This process's connections to Redis: a pool, made on first use, that gives up quickly."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=CONNECT_TIMEOUT_S,
        # redis-py would try again for seconds; whoever waits here had better be told.
        retry=Retry(NoBackoff(), 0),
    )


def _kept(key: str) -> Ready | Failed | None:
    text = connection().get(f"run:{key}")
    if text is None:
        return None
    result = json.loads(str(text))
    if result.get("failed"):
        return Failed(
            "This run failed in the worker, and the reason is in its log. Other settings may work.", again=False
        )
    return Ready(result)


def _ask(wanted: Run, wait_s: float) -> Outcome:
    """Ask a worker unless one has been asked, and wait. Subscribing first, so that no announcement is missed."""
    store = connection()
    store.set(f"wanted:{wanted.key}", "1", ex=WANTED_KEPT_S)
    with store.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        channel.subscribe(f"done:{wanted.key}")
        channel.get_message(timeout=CONNECT_TIMEOUT_S)  # the subscription is in force once Redis has said so
        if store.set(f"claim:{wanted.key}", "1", nx=True, ex=CLAIM_KEPT_S):
            _publish(wanted)
        deadline = time.monotonic() + wait_s
        while (left_s := deadline - time.monotonic()) > 0:
            if channel.get_message(timeout=left_s) and (kept := _kept(wanted.key)):
                return kept
    return _kept(wanted.key) or Waiting()


def _publish(wanted: Run) -> None:
    arguments = (wanted.key, wanted.simulation.slug, wanted.settings, wanted.seed)
    try:
        current_app.send_task("sandboxes.tasks.execute", arguments, queue="interactive", expires=ASK_KEPT_S)
    except Exception:
        connection().delete(f"claim:{wanted.key}")
        raise


def _announce(store: redis.Redis, key: str, word: str) -> str:
    store.delete(f"claim:{key}")
    store.publish(f"done:{key}", word)
    return word
