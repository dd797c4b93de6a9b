"""What the circuit breaker is checked against: vectors of its libraries, closed forms, queueing theory."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import exp, log, pi, sqrt
from typing import Any

import numpy as np

from sandboxes.simulations.checks import Check, Finding, Source, statistical
from sandboxes.simulations.circuit_breaker.breaker import CLOSED, HALF_OPEN
from sandboxes.simulations.circuit_breaker.measures import measure
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, run
from sandboxes.simulations.circuit_breaker.overload_checks import OVERLOAD_CHECKS
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.start import NORMAL_P99
from sandboxes.simulations.circuit_breaker.vectors import PYBREAKER_VECTORS, RESILIENCE4J_RULES, RESILIENCE4J_VECTORS

LITTLE = Source("Little, A Proof for the Queuing Formula L = λW, 1961", "https://doi.org/10.1287/opre.9.3.383")
_HANDBOOK = "https://www.itl.nist.gov/div898/handbook/eda/section3/"
POISSON = Source("NIST handbook, Poisson distribution", f"{_HANDBOOK}eda366j.htm")
EXPONENTIAL = Source("NIST handbook, exponential distribution", f"{_HANDBOOK}eda3667.htm")
LOGNORMAL = Source("NIST handbook, lognormal distribution", f"{_HANDBOOK}eda3669.htm")
GAMMA = Source("NIST handbook, gamma distribution", f"{_HANDBOOK}eda366b.htm")
BINOMIAL = Source("NIST handbook, binomial distribution", f"{_HANDBOOK}eda366i.htm")

CLOSED_FORMS = "closed forms"
SEEDS = range(1, 21)


def _runs(**changes: Any) -> list[CircuitBreakerResult]:
    params = CircuitBreakerParams.model_validate(changes)
    return [run(params, seed) for seed in SEEDS]


def _measured(metric: str, **changes: Any) -> list[float]:
    """The metric in a run for each seed. Raises ValueError where a run has no value."""
    values = [measure(result)[metric] for result in _runs(**changes)]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        raise ValueError(f"{metric} has no value in {len(values) - len(known)} of {len(values)} runs")
    return known


HEALTHY: Mapping[str, Any] = {"healthy_s": 100, "dead_s": 0, "recovered_s": 0}


def _arrivals() -> Finding:
    sizes = [float(result.arrival_s.size) for result in _runs(**HEALTHY, arrival_rate_per_s=200)]
    return statistical(200 * 100, sizes, "requests", sigma=sqrt(200 * 100))


def _gaps() -> Finding:
    gaps_s = [np.diff(result.arrival_s) for result in _runs(**HEALTHY, arrival_rate_per_s=200)]
    return statistical(1, [float(gap_s.std() / gap_s.mean()) for gap_s in gaps_s])


def _wasted() -> Finding:
    wasted_s = _measured(
        "wasted_caller_s", kind="none", background_error_percent=0, call_timeout_s=3, dead_s=40, arrival_rate_per_s=100
    )
    return statistical(100 * 40 * 3, wasted_s, "s", sigma=3 * sqrt(100 * 40))


def _available() -> Finding:
    available = [
        100 * share for share in _measured("availability", **HEALTHY, kind="none", background_error_percent=10)
    ]
    return statistical(90, available, "%", sigma=100 * sqrt(0.1 * 0.9 / 20_000))


def _quantile(metric: str, share: float, expected_ms: float, normal: float) -> Finding:
    """`normal` is the standard normal's quantile of `share`; the spread of a sample's quantile is its first order."""
    latency_ms = _measured(metric, **HEALTHY, kind="none", healthy_median_ms=50, healthy_p99_to_median=6)
    density = exp(-(normal**2) / 2) / sqrt(2 * pi)
    sigma = log(6) / NORMAL_P99 * sqrt(share * (1 - share) / 20_000) / density
    return statistical(expected_ms, latency_ms, "ms", sigma=expected_ms * sigma)


def _opened(failures: int, **changes: Any) -> Finding:
    """The last failure needed is the last of so many arrivals (200 a second), and has timed out (after 2 s)."""
    opened_s = _measured("time_to_open_s", background_error_percent=0, **changes)
    return statistical(failures / 200 + 2, opened_s, "s", sigma=sqrt(failures) / 200)


def _trials() -> Finding:
    """The first 50 trials of each run: a fixed number, since a run with many closings has time for fewer."""
    results = _runs(
        dead_s=0,
        failing_s=300,
        failing_error_percent=40,
        failure_rate_threshold=30,
        permitted_number_of_calls_in_half_open_state=2,
        wait_duration_in_open_state_s=2,
    )
    closed = [100 * float(np.mean(_ends_of_trials(result)[:50])) for result in results]
    return statistical(36, closed, "%", sigma=100 * sqrt(0.36 * 0.64 / 50))


def _ends_of_trials(result: CircuitBreakerResult) -> list[bool]:
    """Whether each half-open stretch while the dependency was failing ended in CLOSED."""
    failing = next(phase for phase in result.phases if phase.name == "failing")
    return [
        after.state == CLOSED
        for trial, after in pairwise(result.stretches)
        if trial.state == HALF_OPEN and after.start_s < failing.end_s
    ]


CLOSED_FORM_CHECKS = tuple(
    Check(name, CLOSED_FORMS, claim, source, carried_out)
    for source, name, claim, carried_out in (
        (POISSON, "Arrivals", "200 requests a second for 100 s are 20,000 on average.", _arrivals),
        (
            EXPONENTIAL,
            "Gaps between arrivals",
            "Gaps are exponential: their standard deviation is their mean, a ratio of 1.",
            _gaps,
        ),
        (
            LITTLE,
            "Caller time wasted",
            "Without a breaker, 100 requests a second into 40 s of silence waste 100 × 40 × 3 s of timeouts.",
            _wasted,
        ),
        (BINOMIAL, "Availability", "With 10 % background errors and no breaker 90 % of requests succeed.", _available),
        (
            LOGNORMAL,
            "Median latency",
            "Half of the calls take less than the median that was set, 50 ms.",
            lambda: _quantile("p50_ms", 0.5, 50, 0),
        ),
        (
            LOGNORMAL,
            "p99 latency",
            "One call in a hundred takes longer than 6 times the median of 50 ms, as set.",
            lambda: _quantile("p99_ms", 0.99, 300, NORMAL_P99),
        ),
        (
            GAMMA,
            "Opening on a rate",
            "Half of 100 calls fail when the 50th request of an outage has timed out: 50 ÷ 200 + 2 s.",
            lambda: _opened(50, kind="count"),
        ),
        (
            GAMMA,
            "Opening on a row",
            "The fifth request of an outage has timed out after 5 ÷ 200 + 2 s.",
            lambda: _opened(5, kind="consecutive"),
        ),
        (
            BINOMIAL,
            "Trials by chance",
            "With 40 % errors two trials both succeed, and close the breaker, 0.6 × 0.6 of the time.",
            _trials,
        ),
    )
)

CHECKS = RESILIENCE4J_VECTORS + RESILIENCE4J_RULES + PYBREAKER_VECTORS + CLOSED_FORM_CHECKS + OVERLOAD_CHECKS
