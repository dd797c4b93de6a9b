"""Circuit breaker: stop calling what does not answer, and ask again later.

Model     Callers arrive as a Poisson process, whatever happened to those before them (open loop). A breaker lets each
          one through or refuses it at once. A call let through takes a lognormal time, multiplied by the slow factor
          while the dependency is slow, fails at random at the phase's error rate, and is given up at the call timeout.
          The dependency follows a script: healthy, slow, failing, dead, recovered. Its health when a call starts
          decides the call. Dead means no answer at all: the caller waits out its whole timeout.
Claim     With a dead dependency and no breaker, callers waste arrival rate × dead time × call timeout.
Left out  Retries, a fallback, limits on threads or connections, load that makes the dependency slower, and the cost
          of a refusal (taken as no time at all).
Source    Nygard, Release It!, 2007; Resilience4j, for the rules and their names
          <https://resilience4j.readme.io/docs/circuitbreaker>; pybreaker <https://github.com/danielfm/pybreaker>.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import Agenda, empty_agenda, next_at_s, pop, push
from sandboxes.simulations.circuit_breaker.breaker import (
    CLOSED,
    CONSECUTIVE,
    COUNT_WINDOW,
    FAILURE,
    NONE,
    SUCCESS,
    TIME_WINDOW,
    Breaker,
    Rules,
    closed_breaker,
    fire_timer,
    permit,
    record,
    timer_due_s,
)
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams, Kind
from sandboxes.simulations.streams import streams

SUCCEEDED, SLOW, FAILED, REFUSED = 0, 1, 2, 3
# The standard normal quantile of 0.99: a lognormal's p99 is its median times exp(this x sigma).
NORMAL_P99 = 2.3263478740408408


class Phase(NamedTuple):
    """A stretch of the dependency's script."""

    name: str
    start_s: float
    end_s: float


class Stretch(NamedTuple):
    """A stretch of time the breaker spent in one state."""

    state: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class CircuitBreakerResult:
    """One run. Arrays are indexed by request, in order of arrival; times are seconds since the start."""

    params: CircuitBreakerParams
    seed: int
    phases: tuple[Phase, ...]
    stretches: tuple[Stretch, ...]  # they tile the run: each begins where the one before it ends
    arrival_s: NDArray[np.float64]
    outcome: NDArray[np.int8]  # SUCCEEDED, SLOW (late but good), FAILED or REFUSED
    latency_s: NDArray[np.float64]  # as the caller felt it; 0 for a refused call

    @property
    def duration_s(self) -> float:
        return self.phases[-1].end_s


def run(params: CircuitBreakerParams, seed: int) -> CircuitBreakerResult:
    """One run of the whole script. The same arguments give the same result, bit for bit.

    Every request keeps its own draws whatever the breaker does, so two settings face the same traffic.
    Raises ValueError for a seed out of range.
    """
    arrivals, service, errors = streams(seed, "arrivals", "service", "errors")
    phases = script(params)
    end_s = phases[-1].end_s
    arrival_s = poisson_arrivals(arrivals, params.arrival_rate_per_s, end_s)
    duration_s, failed = answers(
        params, phases, arrival_s, service.standard_normal(arrival_s.size), errors.random(arrival_s.size)
    )
    rule = rules(params)
    permitted, change_s, change_state = play(rule, closed_breaker(rule), arrival_s, duration_s, failed, end_s)
    slow = duration_s > params.slow_call_duration_threshold_s
    outcome = np.where(permitted, np.where(failed, FAILED, np.where(slow, SLOW, SUCCEEDED)), REFUSED)
    until_s = np.append(change_s[1:], end_s)
    return CircuitBreakerResult(
        params=params,
        seed=seed,
        phases=phases,
        stretches=tuple(
            Stretch(*row) for row in zip(change_state.tolist(), change_s.tolist(), until_s.tolist(), strict=True)
        ),
        arrival_s=arrival_s,
        outcome=outcome.astype(np.int8),
        latency_s=np.where(permitted, duration_s, 0.0),
    )


def requests(params: CircuitBreakerParams) -> int:
    """How many requests a run has on average."""
    return round(params.arrival_rate_per_s * script(params)[-1].end_s)


def script(params: CircuitBreakerParams) -> tuple[Phase, ...]:
    """The dependency's phases in order, without those that last no time."""
    phases: list[Phase] = []
    start_s = 0.0
    for name in ("healthy", "slow", "failing", "dead", "recovered"):
        length_s = getattr(params, f"{name}_s")
        if length_s > 0:
            phases.append(Phase(name, start_s, start_s + length_s))
            start_s += length_s
    return tuple(phases)


def rules(params: CircuitBreakerParams) -> Rules:
    """The parameters in the breaker's terms. pybreaker has one trial, and no timers."""
    windowed = params.kind in (Kind.COUNT, Kind.TIME)
    return Rules(
        kind={
            Kind.NONE: NONE,
            Kind.COUNT: COUNT_WINDOW,
            Kind.TIME: TIME_WINDOW,
            Kind.CONSECUTIVE: CONSECUTIVE,
        }[params.kind],
        failure_rate_threshold=params.failure_rate_threshold,
        slow_call_rate_threshold=params.slow_call_rate_threshold,
        slow_call_duration_threshold_s=params.slow_call_duration_threshold_s,
        window=params.sliding_window_size_s if params.kind is Kind.TIME else params.sliding_window_size_calls,
        minimum_number_of_calls=params.minimum_number_of_calls,
        consecutive_failures=params.consecutive_failures,
        wait_duration_in_open_state_s=params.wait_duration_in_open_state_s,
        permitted_calls_in_half_open=params.permitted_number_of_calls_in_half_open_state if windowed else 1,
        max_wait_in_half_open_s=params.max_wait_duration_in_half_open_state_s if windowed else 0.0,
        automatic_transition=windowed and params.automatic_transition_from_open_to_half_open_enabled,
    )


def poisson_arrivals(stream: np.random.Generator, rate_per_s: float, end_s: float) -> NDArray[np.float64]:
    """Moments of arrival before `end_s`. A longer run, or a busier one, uses the same draws from the start."""
    expected = rate_per_s * end_s
    draws = int(expected + 6 * np.sqrt(expected)) + 16
    arrival_s = np.cumsum(stream.standard_exponential(draws) / rate_per_s)
    while arrival_s[-1] < end_s:
        more_s = np.cumsum(stream.standard_exponential(draws) / rate_per_s)
        arrival_s = np.append(arrival_s, arrival_s[-1] + more_s)
    return arrival_s[: np.searchsorted(arrival_s, end_s)]


def answers(
    params: CircuitBreakerParams,
    phases: tuple[Phase, ...],
    arrival_s: NDArray[np.float64],
    normal: NDArray[np.float64],
    uniform: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How long each call would take if it were let through, in seconds, and whether it would fail. Shapes (n,)."""
    sigma = np.log(params.healthy_p99_to_median) / NORMAL_P99
    factor = {"slow": params.slow_factor, "dead": np.inf}
    error_percent = {"failing": params.failing_error_percent}
    phase = np.searchsorted([phase.end_s for phase in phases], arrival_s, side="right")
    factors = np.array([factor.get(phase.name, 1.0) for phase in phases])[phase]
    error_rates = np.array([error_percent.get(p.name, params.background_error_percent) for p in phases])[phase] / 100
    service_s = params.healthy_median_ms / 1000 * np.exp(sigma * normal) * factors
    failed = (service_s > params.call_timeout_s) | (uniform < error_rates)
    return np.minimum(service_s, params.call_timeout_s), failed


@njit(cache=True)
def play(
    rules: Rules,
    breaker: Breaker,
    arrival_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    failed: NDArray[np.bool_],
    end_s: float,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Which calls the breaker lets through, and when it changes to which state (the first change is CLOSED at 0 s).

    `breaker` begins closed. Shapes (n,), (n,), (n,) -> (n,), (changes,), (changes,).
    At one moment a timer goes first, then results, then calls.
    """
    permitted = np.zeros(arrival_s.size, np.bool_)
    changes = [(0.0, CLOSED)]
    under_way = empty_agenda(arrival_s.size)
    for call in range(arrival_s.size):
        now_s = arrival_s[call]
        settle(rules, breaker, under_way, changes, duration_s, failed, now_s)
        before = breaker.state
        permitted[call] = permit(rules, breaker, now_s)
        if breaker.state != before:
            changes.append((now_s, breaker.state))
        if permitted[call]:
            push(under_way, now_s + duration_s[call], call)
    settle(rules, breaker, under_way, changes, duration_s, failed, end_s)
    change_s = np.array([change[0] for change in changes])
    change_state = np.array([change[1] for change in changes])
    return permitted, change_s, change_state


@njit(cache=True)
def settle(
    rules: Rules,
    breaker: Breaker,
    under_way: Agenda,
    changes: list[tuple[float, int]],
    duration_s: NDArray[np.float64],
    failed: NDArray[np.bool_],
    now_s: float,
) -> None:
    """Bring the breaker up to `now_s`: timers that went off and calls that ended, in the order of time."""
    while True:
        timer_s = timer_due_s(rules, breaker)
        ended_s = next_at_s(under_way)
        if min(timer_s, ended_s) > now_s:
            return
        if timer_s <= ended_s:
            fire_timer(rules, breaker, timer_s)
            changes.append((timer_s, breaker.state))
        else:
            call = pop(under_way)
            before = breaker.state
            record(rules, breaker, ended_s, FAILURE if failed[call] else SUCCESS, duration_s[call])
            if breaker.state != before:
                changes.append((ended_s, breaker.state))
