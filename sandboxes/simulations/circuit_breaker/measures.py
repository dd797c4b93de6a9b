"""The numbers and the sentence that a run of the circuit breaker is told in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, OPEN
from sandboxes.simulations.circuit_breaker.model import FAILED, REFUSED, SLOW, CircuitBreakerResult, Phase
from sandboxes.simulations.circuit_breaker.params import Kind
from sandboxes.simulations.quantities import duration
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
        "Nineteen requests in twenty were over within this time. Every request counts; a refusal takes no time.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "time_to_open_s",
        "Opened after",
        "s",
        "Time from the start of the dependency's trouble until the breaker was open; 0 if it was open already.",
        Better.LOWER,
        undefined="never",
    ),
    Metric(
        "wasted_caller_s",
        "Caller time wasted",
        "s",
        "Time spent waiting for calls that failed, added up over all callers.",
        Better.LOWER,
        digits=0,
    ),
    Metric(
        "time_to_recover_s",
        "Recovered after",
        "s",
        "Time from the dependency's recovery until the breaker was closed for good; 0 if it was closed all along.",
        Better.LOWER,
        undefined="never",
        headline=False,
    ),
    Metric(
        "p50_ms",
        "p50 latency",
        "ms",
        "Half of the requests were over within this time. Every request counts; a refusal takes no time.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "p99_ms",
        "p99 latency",
        "ms",
        "All but one request in a hundred were over within this time. Every request counts; a refusal takes no time.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "goodput_per_s",
        "Goodput",
        "req/s",
        "Good answers per second over the whole run, late ones included.",
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
        "How often the breaker went from closed to open; going back to open after a failed trial does not count.",
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
    p50_ms, p95_ms, p99_ms = percentiles_ms(result, 50, 95, 99)
    return {
        "availability": good / calls if calls else None,
        "p95_ms": p95_ms,
        "time_to_open_s": _time_to_open_s(result),
        "wasted_caller_s": wasted_caller_s(result),
        "time_to_recover_s": _time_to_recover_s(result),
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "goodput_per_s": good / result.duration_s,
        "rejected_fraction": refused / calls if calls else None,
        "times_opened": float(times_opened(result)),
    }


def explain(result: CircuitBreakerResult) -> str:
    """A few plain sentences on what just happened, computed from the run."""
    if not result.outcome.size:
        return "No request came in the whole run."
    if result.params.kind is Kind.NONE:
        return _without_a_breaker(result)
    openings = times_opened(result)
    if openings == 0:
        return _never_opened(result)
    trouble = _trouble(result)
    if trouble is None:
        return _opened_for_nothing(result, openings)
    if openings > 1:
        return _opened_often(result, trouble)
    return " ".join((_opening(result, trouble), _refusing(result), _ending(result)))


def count(result: CircuitBreakerResult, outcome: int) -> int:
    return int(np.count_nonzero(result.outcome == outcome))


def percentiles_ms(result: CircuitBreakerResult, *percents: float) -> list[float | None]:
    if not result.latency_s.size:
        return [None] * len(percents)
    return [float(value) * 1000 for value in np.percentile(result.latency_s, percents)]


def wasted_caller_s(result: CircuitBreakerResult) -> float:
    return float(result.latency_s[result.outcome == FAILED].sum())


def times_opened(result: CircuitBreakerResult) -> int:
    return len(_openings_s(result))


def _openings_s(result: CircuitBreakerResult) -> list[float]:
    return [
        after.start_s for before, after in pairwise(result.stretches) if before.state == CLOSED and after.state == OPEN
    ]


def _trouble(result: CircuitBreakerResult) -> Phase | None:
    """The time in which the dependency is not well, in one piece whatever its phases."""
    unwell = [phase for phase in result.phases if phase.name not in ("healthy", "recovered")]
    return Phase("trouble", unwell[0].start_s, unwell[-1].end_s) if unwell else None


def _recovery_s(result: CircuitBreakerResult) -> float | None:
    """When the dependency recovered from its trouble; None if it had none, or had not by the end."""
    trouble = _trouble(result)
    return None if trouble is None or result.phases[-1].name != "recovered" else trouble.end_s


def _time_to_open_s(result: CircuitBreakerResult) -> float | None:
    trouble = _trouble(result)
    if trouble is None:
        return None
    opens = (stretch for stretch in result.stretches if stretch.state == OPEN and stretch.end_s > trouble.start_s)
    return next((max(stretch.start_s - trouble.start_s, 0.0) for stretch in opens), None)


def _time_to_recover_s(result: CircuitBreakerResult) -> float | None:
    """Until the last stretch of the run began, if that is a closed one: from then on every call went through."""
    recovery_s, last = _recovery_s(result), result.stretches[-1]
    if result.params.kind is Kind.NONE or recovery_s is None or last.state != CLOSED:
        return None
    return max(last.start_s - recovery_s, 0.0)


def _refused_while_well(result: CircuitBreakerResult, trouble: Phase) -> int:
    well = (result.arrival_s < trouble.start_s) | (result.arrival_s >= trouble.end_s)
    return int(np.count_nonzero(well & (result.outcome == REFUSED)))


def _without_a_breaker(result: CircuitBreakerResult) -> str:
    failed, wasted_s = count(result, FAILED), wasted_caller_s(result)
    if not failed:
        return "Nothing stood between the callers and the dependency, and nothing was needed: every call was answered."
    waited = f"its caller waited {_long(wasted_s)}"
    if failed > 1:
        waited = f"their callers waited {_long(wasted_s)} in all, {_long(wasted_s / failed)} each on average"
    return f"Nothing stood between the callers and the dependency. {_calls(failed)} failed, and {waited}."


def _never_opened(result: CircuitBreakerResult) -> str:
    failed = count(result, FAILED)
    if not failed:
        return "The breaker stayed closed and had no reason to open: every call was answered."
    if _trouble(result) is None:
        return (
            f"The breaker stayed closed throughout. {failed:,} of {_calls(result.outcome.size)} failed, too few at a "
            "time to open it."
        )
    return (
        "The breaker never opened: what it saw was not enough to open it. "
        f"{_calls(failed)} failed and cost {'its caller' if failed == 1 else 'callers'} "
        f"{_long(wasted_caller_s(result))} of waiting."
    )


def _opened_for_nothing(result: CircuitBreakerResult, openings: int) -> str:
    failed = count(result, FAILED)
    return (
        f"The dependency was well throughout, and yet the breaker opened {_times(openings)}. It refused "
        f"{_requests(count(result, REFUSED))}, while {f'{failed:,}' if failed else 'none'} of the calls it let "
        "through failed."
    )


def _opened_often(result: CircuitBreakerResult, trouble: Phase) -> str:
    openings_s = _openings_s(result)
    before = sum(opened_s < trouble.start_s for opened_s in openings_s)
    after = sum(opened_s >= trouble.end_s for opened_s in openings_s)
    during = len(openings_s) - before - after
    if during > 1:
        told = (
            f"The breaker flapped: it opened {_times(during)} in {_long(trouble.end_s - trouble.start_s)} of trouble, "
            "closing in between on trials that went well enough."
        )
        elsewhere = _places(before, 0, after)
        told += f" It also opened {_listed(elsewhere)}." if elsewhere else ""
    elif max(before, after) == len(openings_s):
        where = "before the trouble began" if before else "after the dependency had recovered"
        told = f"The breaker opened {_times(len(openings_s))}, each time {where}."
    else:
        told = f"The breaker opened {_times(len(openings_s))}: {_listed(_places(before, during, after))}."
    refused = count(result, REFUSED)
    well = _while_well(refused, _refused_while_well(result, trouble))
    return f"{told} It refused {_requests(refused)}{well}. {_calls(count(result, FAILED)).capitalize()} failed."


def _places(before: int, during: int, after: int) -> list[str]:
    places = (
        (before, "before the trouble began"),
        (during, "during the trouble"),
        (after, "after the dependency had recovered"),
    )
    return [f"{_times(number)} {where}" for number, where in places if number]


def _opening(result: CircuitBreakerResult, trouble: Phase) -> str:
    opened_s = _openings_s(result)[0]
    if opened_s < trouble.start_s:
        return f"The breaker opened {_long(trouble.start_s - opened_s)} before the trouble began."
    late = ", when the dependency had already recovered" if opened_s >= trouble.end_s else ""
    seen = _seen_by(result, trouble.start_s, opened_s)
    return f"The breaker opened {_long(opened_s - trouble.start_s)} after the trouble began{late}.{seen}"


def _seen_by(result: CircuitBreakerResult, from_s: float, until_s: float) -> str:
    """What callers knew at `until_s`: a call that is still waiting may yet succeed or fail."""
    called = result.outcome != REFUSED
    ended_s = result.arrival_s + result.latency_s
    ended = called & (ended_s >= from_s) & (ended_s <= until_s)
    failed = int(np.count_nonzero(ended & (result.outcome == FAILED)))
    slow = int(np.count_nonzero(ended & (result.outcome == SLOW)))
    waiting = int(np.count_nonzero(called & (result.arrival_s <= until_s) & (ended_s > until_s)))
    parts = [f"{_calls(failed)} had failed"]
    parts += [f"{slow:,} had been slow"] if slow else []
    parts += [f"{waiting:,} {'was' if waiting == 1 else 'were'} still waiting"] if waiting else []
    return f" By then {_listed(parts)}."


def _refusing(result: CircuitBreakerResult) -> str:
    refused, trouble = count(result, REFUSED), _trouble(result)
    if not refused or trouble is None:
        return "It had no request to refuse."
    well = _refused_while_well(result, trouble)
    if 2 * well > refused:
        return f"It then refused {_requests(refused)} at once{_while_well(refused, well)}."
    each = ", which" if refused == 1 else "; each"
    return (
        f"It then refused {_requests(refused)} at once{each} could have waited up to "
        f"{_long(result.params.call_timeout_s)}."
    )


def _while_well(refused: int, well: int) -> str:
    if not well:
        return ""
    of_them = "" if refused == 1 else " all of them" if well == refused else f" {well:,} of them"
    return f",{of_them} while the dependency was well"


def _ending(result: CircuitBreakerResult) -> str:
    recovered_s = _time_to_recover_s(result)
    if recovered_s == 0:
        return "It had closed again before the dependency recovered."
    if recovered_s is not None:
        return f"It closed {_long(recovered_s)} after the dependency recovered."
    if _recovery_s(result) is not None:
        return "It was not yet closed again when the run ended, although the dependency had recovered."
    if result.stretches[-1].state == CLOSED:
        return "It had closed again when the run ended, although the dependency had not recovered."
    return "The dependency had not recovered when the run ended."


def _listed(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def _calls(number: int) -> str:
    return _counted(number, "call")


def _requests(number: int) -> str:
    return _counted(number, "request")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s" if number else f"no {noun}s"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _long(seconds: float) -> str:
    return " ".join(duration(seconds))
