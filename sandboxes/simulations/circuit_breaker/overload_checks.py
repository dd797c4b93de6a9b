"""What the pool, the queue, the retries and the shared store are checked against: queueing theory and small cases."""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.checks import Check, Finding, Source, exact, statistical, within
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, run
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.start import Traffic, play_until, rules, started
from sandboxes.simulations.circuit_breaker.world import NO_THREAD, Run

ERLANG = Source(
    "Erlang B and C, GNU Octave queueing package", "https://octave.sourceforge.io/queueing/function/erlangb.html"
)
KLEINROCK = Source("Kleinrock, Queueing Systems I, 1975, sections 3.2 and 5.6")
AMPLIFICATION = Source(
    "Timeouts, retries, and backoff with jitter, Amazon Builders' Library",
    "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/",
)
JITTER = Source(
    "Exponential Backoff And Jitter, AWS Architecture Blog",
    "https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/",
)
CONCURRENT_UPDATES = Source(
    "Best practices for handling concurrent updates in DynamoDB",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/BestPractices_ImplementingVersionControl.html",
)
METASTABLE = Source(
    "Bronson et al., Metastable Failures in Distributed Systems, HotOS 2021", "https://doi.org/10.1145/3458336.3465286"
)
BOOKS = Source("Conservation: what arrives is what ends")

QUEUES, LOOPS, STORE = "queues and pools", "retries and overload", "shared state"
SEEDS = range(1, 13)
# A run starts with empty queues, which theory knows nothing of.
WARM_UP_S = 10
# Nothing but calls and queues: no breaker, no errors, no timeout that anybody would meet.
PURE: Mapping[str, Any] = {
    "kind": "none",
    "healthy_s": 110,
    "dead_s": 0,
    "recovered_s": 0,
    "background_error_percent": 0,
    "call_timeout_s": 30,
}
ONE_SERVER: Mapping[str, Any] = {"dependency_capacity": "limited", "servers": 1, "queue_size": 20_000}


def _runs(**changes: Any) -> list[CircuitBreakerResult]:
    params = CircuitBreakerParams.model_validate({**PURE, **changes})
    return [run(params, seed) for seed in SEEDS]


def _steady(result: CircuitBreakerResult) -> NDArray[np.bool_]:
    return result.arrival_s >= WARM_UP_S


def _blocked(threads: int, erlangs: float, expected: float, **changes: Any) -> Finding:
    """The share of requests that find all threads of a pool taken, where nobody waits for one. Mean service 50 ms."""
    runs = _runs(
        pool="limited",
        pool_size=threads,
        pool_wait_s=0,
        arrival_rate_per_s=erlangs / 0.05,
        **_mean_of_50_ms(),
        **changes,
    )
    return statistical(expected, [float(np.mean(one.outcome[_steady(one)] == NO_THREAD)) for one in runs])


def _mean_of_50_ms() -> dict[str, Any]:
    """Lognormal, its p99 4 times its median: the mean is the median times exp(sigma squared / 2)."""
    sigma = log(4) / 2.3263478740408408
    return {"healthy_median_ms": 50 / np.exp(sigma**2 / 2), "healthy_p99_to_median": 4}


def _mean_latency(expected_ms: float, **changes: Any) -> Finding:
    return statistical(
        expected_ms, [1000 * float(one.latency_s[_steady(one)].mean()) for one in _runs(**changes)], "ms"
    )


def _p99(expected_ms: float, **changes: Any) -> Finding:
    values_ms = [1000 * float(np.percentile(one.latency_s[_steady(one)], 99)) for one in _runs(**changes)]
    return statistical(expected_ms, values_ms, "ms")


def _waits_for_threads() -> Finding:
    """Ten threads and 8 erlangs of exponential calls of 50 ms."""
    wait_s = 0.4092 / (10 * 20 - 160)
    return _mean_latency(
        1000 * (wait_s + 0.05),
        pool="limited",
        pool_size=10,
        pool_wait_s=30,
        arrival_rate_per_s=160,
        service_time="exponential",
        healthy_median_ms=50 * log(2),
    )


def _calls_per_request() -> Finding:
    runs = _runs(background_error_percent=50, retries="backoff", max_attempts=3)
    # A request makes 1, 2 or 3 calls with probabilities 1/2, 1/4 and 1/4.
    sigma = sqrt((1 / 2 + 4 / 4 + 9 / 4 - 1.75**2) / 22_000)
    return statistical(1.75, [float(one.calls.mean()) for one in runs], "calls", sigma=sigma)


def _backoff() -> Finding:
    """Four calls of exactly 40 ms and three waits of 100, 200 and 400 ms, in every request."""
    params = CircuitBreakerParams.model_validate(
        {
            **PURE,
            "healthy_s": 5,
            "healthy_p99_to_median": 1,
            "background_error_percent": 100,
            "retries": "backoff",
            "max_attempts": 4,
            "retry_jitter": "none",
        }
    )
    latency_s = run(params, 1).latency_s
    return within(860, 1000 * float(np.abs(latency_s - 0.86).max() + 0.86), 1e-6, "ms")


def _full_jitter() -> Finding:
    """Two calls of exactly 40 ms and one wait between nothing and a second."""
    runs = _runs(
        healthy_p99_to_median=1, background_error_percent=100, retries="backoff", max_attempts=2, retry_base_ms=1000
    )
    sigma_ms = 1000 / sqrt(12) / sqrt(22_000)
    return statistical(580, [1000 * float(one.latency_s.mean()) for one in runs], "ms", sigma=sigma_ms)


def _after_the_trigger() -> Finding:
    """How the dependency's queue stands 50 s after it has recovered, with retries and without, in 3 seeds each."""
    words = []
    for retries in ("backoff", "none"):
        params = CircuitBreakerParams.model_validate(
            {"kind": "none", "dead_s": 10, "recovered_s": 50, "retries": retries, "dependency_capacity": "limited"}
        )
        queued = [int(levels.queued[-1]) for seed in range(1, 4) if (levels := run(params, seed).levels) is not None]
        words += [
            "full" if least >= 0.9 * params.queue_size else f"{least}" for least in [min(queued)] if retries != "none"
        ]
        words += ["drained" if most <= 20 else f"{most}" for most in [max(queued)] if retries == "none"]
    return exact(["full", "drained"], words)


def _two_writers(writes: str) -> Run:
    """Two instances' calls fail 2 ms apart, and each result takes 10 ms to read the state and 10 ms to write it."""
    params = CircuitBreakerParams.model_validate(
        {"state_kept": "shared", "instances": 2, "store_latency_ms": 10, "store_writes": writes, "dead_s": 0}
    )
    rule = rules(params)
    come = Traffic(
        requests=2,
        arrival_s=np.array([0.95, 0.952]),
        service_s=np.full(2, 0.04),
        chance=np.full(2, -1.0),
        instance=np.arange(2, dtype=np.int32),
        keys=(1, 2, 3, 4),
    )
    return play_until(rule, started(params, rule, come), np.inf)


def _failures_kept(writes: str, expected: str) -> Finding:
    run = _two_writers(writes)
    words = [f"{int(run.breakers[0].failed)} failed", f"{int(run.world.lost_updates)} lost"]
    return exact(expected.split(", "), words)


def _books() -> Finding:
    """A run with everything turned on: every request has exactly one end, and every call too."""
    params = CircuitBreakerParams.model_validate(
        {
            "pool": "limited",
            "pool_size": 30,
            "neighbour": "shares_pool",
            "retries": "backoff",
            "dependency_capacity": "limited",
            "instances": 4,
            "state_kept": "shared",
            "store_error_percent": 1,
        }
    )
    one = run(params, 1)
    ends = np.bincount(np.append(one.outcome, one.neighbour_outcome) + 1, minlength=6)
    return exact(
        [f"{one.arrival_s.size + one.neighbour_arrival_s.size:,} ends", "0 without"],
        [f"{int(ends[1:].sum()):,} ends", f"{int(ends[0]):,} without"],
    )


OVERLOAD_CHECKS = tuple(
    Check(name, group, claim, source, carried_out)
    for group, source, name, claim, carried_out in (
        (
            QUEUES,
            ERLANG,
            "A full pool, 5 threads",
            "Of requests worth 4 erlangs that do not wait, 5 threads turn away Erlang B, 0.1991, whatever the spread "
            "of call times: here they are lognormal.",
            lambda: _blocked(5, 4, 0.1991),
        ),
        (
            QUEUES,
            ERLANG,
            "A full pool, 10 threads",
            "Of requests worth 8 erlangs that do not wait, 10 threads turn away 0.1217.",
            lambda: _blocked(10, 8, 0.1217),
        ),
        (
            QUEUES,
            ERLANG,
            "Waiting for a thread",
            "8 erlangs of exponential calls of 50 ms wait for 10 threads 0.4092 ÷ (200 − 160) s on average (Erlang C).",
            _waits_for_threads,
        ),
        (
            QUEUES,
            KLEINROCK,
            "One server, exponential",
            "50 calls a second at a server of 100 stay 1 ÷ (100 − 50) s on average.",
            lambda: _mean_latency(
                20, **ONE_SERVER, arrival_rate_per_s=50, service_time="exponential", healthy_median_ms=10 * log(2)
            ),
        ),
        (
            QUEUES,
            KLEINROCK,
            "p99 at one server",
            "Their time there is exponential, so its p99 is ln 100 times its mean.",
            lambda: _p99(
                20 * log(100),
                **ONE_SERVER,
                arrival_rate_per_s=50,
                service_time="exponential",
                healthy_median_ms=10 * log(2),
            ),
        ),
        (
            QUEUES,
            KLEINROCK,
            "One server, always 10 ms",
            "80 calls of exactly 10 ms a second wait half as long as exponential ones: 20 ms, so they stay 30 ms.",
            lambda: _mean_latency(
                30, **ONE_SERVER, arrival_rate_per_s=80, healthy_median_ms=10, healthy_p99_to_median=1
            ),
        ),
        (
            LOOPS,
            AMPLIFICATION,
            "Calls per request",
            "If half of all calls fail at random, three attempts make 1 + 1/2 + 1/4 calls of each request.",
            _calls_per_request,
        ),
        (
            LOOPS,
            JITTER,
            "Backoff",
            "Four calls of 40 ms with waits of 100, 200 and 400 ms between them take 860 ms.",
            _backoff,
        ),
        (
            LOOPS,
            JITTER,
            "Full jitter",
            "A backoff of a second with full jitter is half a second on average.",
            _full_jitter,
        ),
        (
            LOOPS,
            METASTABLE,
            "Overload outlives its cause",
            "50 s after ten dead seconds the queue is still full if callers try again, and drained if they do not.",
            _after_the_trigger,
        ),
        (LOOPS, BOOKS, "Every request ends", "With everything turned on, each request ends exactly once.", _books),
        (
            STORE,
            CONCURRENT_UPDATES,
            "Two writers, overwriting",
            "Two failures read the same state and write it back: one of them is lost.",
            lambda: _failures_kept("overwrite", "1 failed, 1 lost"),
        ),
        (
            STORE,
            CONCURRENT_UPDATES,
            "Two writers, conditional",
            "With conditional writes the second finds a new version and starts again: none is lost.",
            lambda: _failures_kept("conditional", "2 failed, 0 lost"),
        ),
    )
)
