"""The numbers that a run of the circuit breaker is told in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, OPEN
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, Stretch
from sandboxes.simulations.circuit_breaker.params import Fallback, Kind, Neighbour, Pool, StateKept
from sandboxes.simulations.circuit_breaker.start import Phase
from sandboxes.simulations.circuit_breaker.world import FAILED, REFUSED, SLOW, SUCCEEDED
from sandboxes.simulations.spec import Better, Metric

ANSWERED = "A refusal or a failure is none, however soon it came."

METRICS = (
    Metric(
        "availability",
        "Available",
        "%",
        "Share of all requests with a good answer, late ones included, or with a substitute where there is one.",
        Better.HIGHER,
        digits=1,
    ),
    Metric(
        "p95_ms",
        "p95 latency",
        "ms",
        f"Nineteen good answers in twenty came within this time of the request. {ANSWERED}",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "time_to_open_s",
        "Opened after",
        "s",
        "Time from the start of the dependency's trouble until the breaker was open; 0 if it was open already. "
        "Of several breakers the last counts.",
        Better.LOWER,
        undefined="never",
    ),
    Metric(
        "wasted_caller_s",
        "Caller time wasted",
        "s",
        "Time spent waiting for calls that failed, added up over all callers and all their calls.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "time_to_recover_s",
        "Recovered after",
        "s",
        "Time from the dependency's recovery until the breaker was closed for good; 0 if it was closed all along. "
        "Of several breakers the last counts.",
        Better.LOWER,
        undefined="never",
        headline=False,
    ),
    Metric(
        "p50_ms",
        "p50 latency",
        "ms",
        f"Half of the good answers came within this time of the request. {ANSWERED}",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "p99_ms",
        "p99 latency",
        "ms",
        f"All but one good answer in a hundred came within this time of the request. {ANSWERED}",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "goodput_per_s",
        "Goodput",
        "req/s",
        "Good answers by the dependency per second over the whole run, late ones included; a substitute is none.",
        Better.HIGHER,
        digits=1,
        headline=False,
    ),
    Metric(
        "rejected_fraction",
        "Refused",
        "%",
        "Share of all requests that ended with a refusal by the breaker, most of them without a call.",
        Better.NEITHER,
        digits=1,
        headline=False,
    ),
    Metric(
        "times_opened",
        "Times opened",
        "",
        "How often a breaker went from closed to open; going back to open after a failed trial does not count.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "victim_availability",
        "Neighbour served",
        "%",
        "Share of the requests for the healthy neighbour that got its answer. What they can lack is a thread, or "
        "the patience for an answer slower than the call timeout.",
        Better.HIGHER,
        digits=1,
        headline={"pool": (Pool.LIMITED,), "neighbour": (Neighbour.SHARES_POOL,)},
        undefined="no neighbour",
    ),
    Metric(
        "lost_updates",
        "Lost updates",
        "",
        "Updates of the shared state that are gone because a later write did not know them, or because a conditional "
        "write met ten others in a row and gave up. Those that found the store down are not counted.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
)


def measure(result: CircuitBreakerResult) -> dict[str, float | None]:
    """One value per metric; None where there was no request, no answer, no trouble, no opening or no recovery."""
    requests = result.outcome.size
    good = count(result, SUCCEEDED) + count(result, SLOW)
    p50_ms, p95_ms, p99_ms = percentiles_ms(result, 50, 95, 99)
    return {
        "availability": (good + substituted(result)) / requests if requests else None,
        "p95_ms": p95_ms,
        "time_to_open_s": _time_to_open_s(result),
        "wasted_caller_s": wasted_caller_s(result),
        "time_to_recover_s": time_to_recover_s(result),
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "goodput_per_s": good / result.duration_s,
        "rejected_fraction": count(result, REFUSED) / requests if requests else None,
        "times_opened": float(times_opened(result)),
        "victim_availability": victim_availability(result),
        "lost_updates": float(result.lost_updates),
    }


def count(result: CircuitBreakerResult, outcome: int) -> int:
    """Requests to the dependency that ended so."""
    return int(np.count_nonzero(result.outcome == outcome))


def percentiles_ms(result: CircuitBreakerResult, *percents: float) -> list[float | None]:
    """Percentiles of the time that good answers took."""
    answered_s = result.latency_s[(result.outcome == SUCCEEDED) | (result.outcome == SLOW)]
    if not answered_s.size:
        return [None] * len(percents)
    return [float(value) * 1000 for value in np.percentile(answered_s, percents)]


def failed_calls(result: CircuitBreakerResult) -> int:
    """Calls that ended in an error or a timeout: of a request's calls all but a good last one."""
    return int(result.calls.sum()) - count(result, SUCCEEDED) - count(result, SLOW)


def is_shared(result: CircuitBreakerResult) -> bool:
    """Whether there is a breaker whose state is in the store."""
    return result.params.kind is not Kind.NONE and result.params.state_kept is StateKept.SHARED


def wasted_caller_s(result: CircuitBreakerResult) -> float:
    return float(result.wasted_s.sum())


def substituted(result: CircuitBreakerResult) -> int:
    """Requests that got a substitute answer."""
    if result.params.fallback is Fallback.NONE:
        return 0
    return count(result, FAILED) + count(result, REFUSED)


def victim_availability(result: CircuitBreakerResult) -> float | None:
    """Share of the neighbour's requests with a good answer; None without any."""
    if not result.neighbour_outcome.size:
        return None
    return float(np.count_nonzero(result.neighbour_outcome == SUCCEEDED) / result.neighbour_outcome.size)


def times_opened(result: CircuitBreakerResult) -> int:
    return len(openings_s(result))


def openings_s(result: CircuitBreakerResult) -> list[float]:
    """When a breaker went from closed to open, in order, of all breakers together."""
    return sorted(
        after.start_s
        for stretches in result.breakers
        for before, after in pairwise(stretches)
        if before.state == CLOSED and after.state == OPEN
    )


def trouble_of(result: CircuitBreakerResult) -> Phase | None:
    """The time in which the dependency is not well, in one piece whatever its phases."""
    unwell = [phase for phase in result.phases if phase.name not in ("healthy", "recovered")]
    return Phase("trouble", unwell[0].start_s, unwell[-1].end_s) if unwell else None


def recovery_s(result: CircuitBreakerResult) -> float | None:
    """When the dependency recovered from its trouble; None if it had none, or had not by the end."""
    trouble = trouble_of(result)
    return None if trouble is None or result.phases[-1].name != "recovered" else trouble.end_s


def _time_to_open_s(result: CircuitBreakerResult) -> float | None:
    trouble = trouble_of(result)
    if trouble is None:
        return None
    opened_s = [_opened_s(stretches, trouble) for stretches in result.breakers]
    known_s = [at_s for at_s in opened_s if at_s is not None]
    return max(known_s) if len(known_s) == len(opened_s) else None


def _opened_s(stretches: tuple[Stretch, ...], trouble: Phase) -> float | None:
    opens = (stretch for stretch in stretches if stretch.state == OPEN and stretch.end_s > trouble.start_s)
    return next((max(stretch.start_s - trouble.start_s, 0.0) for stretch in opens), None)


def time_to_recover_s(result: CircuitBreakerResult) -> float | None:
    """Until the last stretch of the run began, if that is a closed one: from then on every call went through."""
    recovered_s, last = recovery_s(result), [stretches[-1] for stretches in result.breakers]
    if result.params.kind is Kind.NONE or recovered_s is None or any(stretch.state != CLOSED for stretch in last):
        return None
    return max(0.0, *(stretch.start_s - recovered_s for stretch in last))
