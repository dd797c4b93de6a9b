"""The numbers and the sentence that a run of the circuit breaker is told in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, OPEN
from sandboxes.simulations.circuit_breaker.model import FAILED, REFUSED, CircuitBreakerResult, Phase
from sandboxes.simulations.circuit_breaker.params import Kind
from sandboxes.simulations.spec import Better, Metric

METRICS = (
    Metric(
        "availability",
        "Available",
        "%",
        "Share of all requests that got a good answer, late ones included; a refused request did not.",
        Better.HIGHER,
        digits=1,
    ),
    Metric(
        "p95_ms",
        "p95 latency",
        "ms",
        "Nineteen requests in twenty were over within this time. Every request counts, and a refusal takes no time.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "time_to_open_s",
        "Opened after",
        "s",
        "Time from the start of the dependency's trouble until the breaker was open.",
        Better.LOWER,
        digits=2,
    ),
    Metric(
        "wasted_caller_s",
        "Caller time wasted",
        "s",
        "Time that callers, added together, spent waiting for calls that failed.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "time_to_recover_s",
        "Recovered after",
        "s",
        "Time from the dependency's recovery until the breaker was closed and every call went through.",
        Better.LOWER,
        digits=2,
        headline=False,
    ),
    Metric(
        "p50_ms",
        "p50 latency",
        "ms",
        "Half of the requests were over within this time. Every request counts, and a refusal takes no time.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "p99_ms",
        "p99 latency",
        "ms",
        "All but one request in a hundred were over within this time. Every request counts, a refusal as no time.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "goodput_per_s",
        "Goodput",
        "req/s",
        "Good answers per second over the whole run.",
        Better.HIGHER,
        digits=1,
        headline=False,
    ),
    Metric(
        "rejected_fraction",
        "Refused",
        "%",
        "Share of all requests that the breaker refused without calling the dependency.",
        Better.NEITHER,
        digits=1,
        headline=False,
    ),
    Metric(
        "times_opened",
        "Times opened",
        "",
        "How often a closed breaker opened; failed trials in half-open do not count.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
)


def measure(result: CircuitBreakerResult) -> dict[str, float | None]:
    """One value per metric; None where there was no request, no trouble, no opening or no recovery."""
    calls = result.outcome.size
    refused = count(result, REFUSED)
    good = calls - refused - count(result, FAILED)
    p50_ms, p95_ms, p99_ms = (percentile_ms(result, percent) for percent in (50, 95, 99))
    return {
        "availability": 100 * good / calls if calls else None,
        "p95_ms": p95_ms,
        "time_to_open_s": _time_to_open_s(result),
        "wasted_caller_s": wasted_caller_s(result),
        "time_to_recover_s": _time_to_recover_s(result),
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "goodput_per_s": good / result.duration_s,
        "rejected_fraction": 100 * refused / calls if calls else None,
        "times_opened": float(times_opened(result)),
    }


def explain(result: CircuitBreakerResult) -> str:
    """One or two plain sentences on what just happened, computed from the run."""
    if result.params.kind is Kind.NONE:
        return _without_a_breaker(result)
    openings = times_opened(result)
    if openings == 0:
        return _never_opened(result)
    if _trouble(result) is None:
        return _opened_for_nothing(result, openings)
    if openings > 1:
        return _flapped(result, openings)
    return _opened_once(result)


def count(result: CircuitBreakerResult, outcome: int) -> int:
    return int(np.count_nonzero(result.outcome == outcome))


def percentile_ms(result: CircuitBreakerResult, percent: float) -> float | None:
    if not result.latency_s.size:
        return None
    return float(np.percentile(result.latency_s, percent)) * 1000


def wasted_caller_s(result: CircuitBreakerResult) -> float:
    return float(result.latency_s[result.outcome == FAILED].sum())


def times_opened(result: CircuitBreakerResult) -> int:
    states = [stretch.state for stretch in result.stretches]
    return sum(before == CLOSED and after == OPEN for before, after in pairwise(states))


def _trouble(result: CircuitBreakerResult) -> Phase | None:
    """The first phase in which the dependency is not well."""
    return next((phase for phase in result.phases if phase.name not in ("healthy", "recovered")), None)


def _time_to_open_s(result: CircuitBreakerResult) -> float | None:
    trouble = _trouble(result)
    return None if trouble is None else _wait_for_s(result, OPEN, trouble.start_s)


def _time_to_recover_s(result: CircuitBreakerResult) -> float | None:
    recovered = result.phases[-1]
    if result.params.kind is Kind.NONE or _trouble(result) is None or recovered.name != "recovered":
        return None
    return _wait_for_s(result, CLOSED, recovered.start_s)


def _wait_for_s(result: CircuitBreakerResult, state: int, from_s: float) -> float | None:
    """How long after `from_s` the breaker was in `state`; 0 if it was already, None if it never came to be."""
    moments = (max(stretch.start_s - from_s, 0.0) for stretch in result.stretches if _holds(stretch, state, from_s))
    return next(moments, None)


def _holds(stretch: tuple[int, float, float], state: int, from_s: float) -> bool:
    return stretch[0] == state and stretch[2] > from_s


def _without_a_breaker(result: CircuitBreakerResult) -> str:
    failed = count(result, FAILED)
    if not failed:
        return "Nothing stood between the callers and the dependency, and nothing was needed: every call was answered."
    return (
        f"Nothing stood between the callers and the dependency. {_calls(failed)} failed, and callers spent "
        f"{_long(wasted_caller_s(result))} in all waiting for them, {_long(wasted_caller_s(result) / failed)} each."
    )


def _never_opened(result: CircuitBreakerResult) -> str:
    failed = count(result, FAILED)
    if not failed:
        return "The breaker stayed closed and had no reason to open: every call was answered."
    if _trouble(result) is None:
        return (
            f"The breaker stayed closed throughout. {_calls(failed)} failed out of {result.outcome.size:,}, too few "
            "at a time for it to open."
        )
    return (
        f"The breaker never opened: what it saw stayed short of its threshold. {_calls(failed)} failed and cost "
        f"callers {_long(wasted_caller_s(result))} of waiting."
    )


def _opened_for_nothing(result: CircuitBreakerResult, openings: int) -> str:
    return (
        f"The dependency was well throughout, and yet the breaker opened {_times(openings)}. "
        f"It refused {_requests(count(result, REFUSED))}, while {_calls(count(result, FAILED))} really failed."
    )


def _flapped(result: CircuitBreakerResult, openings: int) -> str:
    return (
        f"The breaker flapped: it opened {_times(openings)} in {_long(result.duration_s)}, closing in between on "
        f"trials that happened to succeed. {_calls(count(result, FAILED))} failed all the same and "
        f"{_requests(count(result, REFUSED))} were refused."
    )


def _opened_once(result: CircuitBreakerResult) -> str:
    return (
        f"The breaker opened {_opening(result)}. It then refused {_requests(count(result, REFUSED))} at once, which "
        f"without it could have waited up to {_long(result.params.call_timeout_s)} each. {_ending(result)}"
    )


def _opening(result: CircuitBreakerResult) -> str:
    opened_s = next(stretch.start_s for stretch in result.stretches if stretch.state == OPEN)
    trouble = _trouble(result)
    if trouble is None or opened_s < trouble.start_s:
        return "before the trouble began"
    let_in = (result.arrival_s >= trouble.start_s) & (result.arrival_s <= opened_s)
    failed = int(np.count_nonzero(let_in & (result.outcome == FAILED)))
    return (
        f"{_long(opened_s - trouble.start_s)} after the trouble began; {_calls(failed)} had gone in by then and failed"
    )


def _ending(result: CircuitBreakerResult) -> str:
    recovered_s = _time_to_recover_s(result)
    if recovered_s is not None:
        return f"It closed {_long(recovered_s)} after the dependency recovered."
    if result.phases[-1].name == "recovered":
        return "It was not yet closed again when the run ended, although the dependency had recovered."
    if result.stretches[-1].state == CLOSED:
        return "It had closed again when the run ended."
    return "The dependency had not recovered when the run ended."


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number:,} calls"


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number:,} requests"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _long(seconds: float) -> str:
    """A length of time to two or three figures, in the unit a person would use."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s".replace(".00 s", " s")
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 7170:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
