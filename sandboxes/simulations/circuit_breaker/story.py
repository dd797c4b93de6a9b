"""A moment of a run in a sentence or two. Every number must be what the words around it say, in odd runs too."""

from __future__ import annotations

from collections.abc import Iterator

from sandboxes.simulations.circuit_breaker.breaker import (
    CLOSED,
    CONSECUTIVE,
    COUNT_WINDOW,
    HALF_OPEN,
    NONE,
    OPEN,
    TIME_WINDOW,
    Rules,
)
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.scene import Scene
from sandboxes.simulations.quantities import duration

STATES = {CLOSED: "closed", OPEN: "open", HALF_OPEN: "half-open"}


def told(params: CircuitBreakerParams, rule: Rules, scene: Scene) -> str:
    """What is new at this moment, then how things stand."""
    return " ".join([*_news(params, rule, scene), *_standing(rule, scene)])


def calls(number: int, what: str = "call") -> str:
    """`1 call`, `12 calls`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def time(seconds: float) -> str:
    return " ".join(duration(seconds))


def _news(params: CircuitBreakerParams, rule: Rules, scene: Scene) -> Iterator[str]:
    if scene.is_first:
        yield "The run begins without a breaker." if rule.kind == NONE else "The run begins with the breaker closed."
    elif scene.phase_begins:
        yield _phase(params, scene)
    if scene.unseen:
        yield f"The breaker changed its state {'once' if scene.unseen == 1 else f'{scene.unseen:,} times'} on the way."
    if scene.changed:
        yield _change(rule, scene)
    if scene.is_last:
        yield "The run ends." if rule.kind == NONE else f"The run ends with the breaker {STATES[scene.state]}."
    elif not scene.is_key:
        yield _traffic(scene)


def _phase(params: CircuitBreakerParams, scene: Scene) -> str:
    words = {
        "healthy": "The dependency is healthy.",
        "slow": f"The dependency slows down: calls take {params.slow_factor:g} times as long.",
        "failing": f"The dependency begins to fail: {params.failing_error_percent:g} % of calls get an error.",
        "dead": f"The dependency dies: calls get no answer, and give up after {time(params.call_timeout_s)}.",
        "recovered": "The dependency is well again.",
    }
    return words[scene.phase.name]


def _change(rule: Rules, scene: Scene) -> str:
    if scene.state == OPEN:
        again = " again" if scene.came_from == HALF_OPEN else ""
        return f"The breaker opens{again}: {_reason(rule, scene)}."
    if scene.state == HALF_OPEN and scene.came_from == CLOSED:
        return "The shared state is half-open again: a write that came late put it back."
    if scene.state == HALF_OPEN:
        trials = calls(rule.permitted_calls_in_half_open, "trial")
        waited = f"The wait of {time(rule.wait_duration_in_open_state_s)} is over"
        if rule.automatic_transition:
            return f"{waited}: half-open by its timer, with room for {trials}."
        return f"{waited} and a call has come: half-open, with room for {trials}."
    if scene.came_from == OPEN:
        return "The shared state is closed again: a write that knew nothing of the opening replaced it."
    if rule.kind == CONSECUTIVE:
        return "The breaker closes: the trial succeeded."
    return "The breaker closes: its trials went well. It measures afresh."


def _reason(rule: Rules, scene: Scene) -> str:
    if rule.kind == CONSECUTIVE:
        return "the trial failed" if scene.came_from == HALF_OPEN else f"{calls(scene.streak, 'failure')} in a row"
    longest_s = rule.max_wait_in_half_open_s
    if scene.came_from == HALF_OPEN and 0 < longest_s <= scene.came_after_s:
        return f"the trials were not decided within {time(longest_s)}"
    failed = scene.percent(scene.failed)
    if failed is not None and failed >= rule.failure_rate_threshold:
        return f"{scene.failed:,} of {calls(scene.calls)} failed, {failed:.3g} %"
    return f"{scene.slow:,} of {calls(scene.calls)} were slow, {scene.percent(scene.slow) or 0:.3g} %"


def _traffic(scene: Scene) -> str:
    recent = scene.recent
    answered = recent.ended - recent.failed
    parts = [
        f"{calls(number)} {what}"
        for number, what in (
            (recent.passed, "let through"),
            (recent.refused, "refused"),
            (answered, "answered"),
            (recent.failed, "failed"),
        )
        if number
    ]
    if recent.no_thread:
        parts.append(f"{calls(recent.no_thread, 'request')} without a thread")
    return f"{_listed(parts)}." if parts else "Nothing new."


def _standing(rule: Rules, scene: Scene) -> Iterator[str]:
    if rule.kind == NONE or scene.is_last:
        return
    if scene.state == OPEN:
        left_s = scene.since_s + rule.wait_duration_in_open_state_s - scene.at_s
        yield f"{time(left_s)} of the wait left." if left_s > 0 else "The wait is over; the next call will be a trial."
    elif scene.state == HALF_OPEN:
        yield f"{scene.permits} of {calls(rule.permitted_calls_in_half_open, 'permit')} left."
    elif rule.kind == CONSECUTIVE:
        yield f"{calls(scene.streak, 'failure')} in a row."
    elif rule.kind in (COUNT_WINDOW, TIME_WINDOW):
        rate = scene.percent(scene.failed)
        if rate is None:
            yield f"{scene.calls:,} of the {calls(scene.minimum)} it needs to judge by."
        else:
            yield f"Failure rate {rate:.3g} %."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
