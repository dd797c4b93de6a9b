"""The circuit breaker itself: permission to call, results, and the moves between its three states.

Model     Resilience4j's state machine over a count window or a time window, and pybreaker's consecutive failures.
          OPEN keeps the measurements that opened it; HALF_OPEN and CLOSED begin with none. HALF_OPEN measures a count
          window of its permitted calls, with the smaller of that number and minimum_number_of_calls as its minimum.
          A result counts in the state in which it *arrives*, whichever state let the call through. A call let
          through by CLOSED that ends in OPEN is measured and moves nothing; one that ends in HALF_OPEN is measured
          there like a trial and can decide it. This is what Resilience4j does, for it asks the current state only.
          OPEN lets go strictly after its wait in Resilience4j, at the end of its wait in pybreaker.
          pybreaker counts an ignored error as a success; Resilience4j gives the permit back and forgets the call.
Left out  Forced, disabled and metrics-only states; waits that grow with each opening. pybreaker holds a lock during a
          call, so its callers queue: here they run side by side, and all but one are refused in HALF_OPEN.
Source    Resilience4j CircuitBreakerStateMachine, CircuitBreakerMetrics, SlidingTimeWindowMetrics; pybreaker 1.x.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

CLOSED, OPEN, HALF_OPEN = 0, 1, 2
NONE, COUNT_WINDOW, TIME_WINDOW, CONSECUTIVE = 0, 1, 2, 3
SUCCESS, FAILURE, IGNORED = 0, 1, 2

# Places in `Breaker.number`. The last three are also, from 0, the columns of the ring: they are its sums.
STATE, PERMITS, REFUSED, STREAK, SIZE, MINIMUM, BY_SECONDS, HEAD, SECOND, CALLS, FAILED, SLOW = range(12)


class Rules(NamedTuple):
    """How a breaker decides. Rates in percent, times in seconds; `window` is in calls or in seconds, as `kind` says."""

    kind: int
    failure_rate_threshold: float = 50.0
    slow_call_rate_threshold: float = 100.0
    slow_call_duration_threshold_s: float = 60.0
    window: int = 100
    minimum_number_of_calls: int = 100
    consecutive_failures: int = 5
    wait_duration_in_open_state_s: float = 60.0
    permitted_calls_in_half_open: int = 10
    max_wait_in_half_open_s: float = 0.0
    automatic_transition: bool = False


class Breaker(NamedTuple):
    """What a breaker knows, in arrays that are changed in place.

    Few arrays, because the compiled loop counts references to each of them at every call.
    """

    number: NDArray[np.int64]  # (12,): STATE; PERMITS left in HALF_OPEN; calls REFUSED and failures in a row (STREAK)
    # since the measurements began; SIZE, MINIMUM and kind of their window; HEAD, the ring's newest slot, and the SECOND
    # it stands for in a time window; the sums over the window of CALLS, FAILED and SLOW
    since_s: NDArray[np.float64]  # (1,): when the state began
    ring: NDArray[np.int64]  # (slots, 3): calls, failed, slow of one call or of one second


@njit(cache=True)
def closed_breaker(rules: Rules) -> Breaker:
    """A breaker in CLOSED at 0 s that has seen nothing."""
    slots = max(rules.window, rules.permitted_calls_in_half_open)
    breaker = Breaker(np.zeros(12, np.int64), np.zeros(1, np.float64), np.zeros((slots, 3), np.int64))
    to_closed(rules, breaker, 0.0)
    return breaker


@njit(cache=True)
def permit(rules: Rules, breaker: Breaker, now_s: float) -> bool:
    """Whether a call may go ahead now. Moves OPEN to HALF_OPEN when the wait is over."""
    if breaker.number[STATE] == CLOSED:
        return True
    if breaker.number[STATE] == OPEN and _wait_is_over(rules, breaker, now_s):
        to_half_open(rules, breaker, now_s)
    if breaker.number[STATE] == HALF_OPEN and breaker.number[PERMITS] > 0:
        breaker.number[PERMITS] -= 1
        return True
    breaker.number[REFUSED] += 1
    return False


@njit(cache=True)
def record(rules: Rules, breaker: Breaker, now_s: float, outcome: int, duration_s: float) -> None:
    """Take the result of a permitted call, in whatever state the breaker is by now."""
    if rules.kind == CONSECUTIVE:
        _record_in_a_row(rules, breaker, now_s, outcome)
    elif rules.kind != NONE and outcome == IGNORED:
        release(breaker)
    elif rules.kind != NONE:
        _record_in_window(rules, breaker, now_s, outcome, duration_s)


@njit(cache=True)
def release(breaker: Breaker) -> None:
    """Give back the permit of a call that has no result (cancelled, or an ignored error)."""
    if breaker.number[STATE] == HALF_OPEN:
        breaker.number[PERMITS] += 1


@njit(cache=True)
def timer_due_s(rules: Rules, breaker: Breaker) -> float:
    """When the breaker will move by itself; infinity if it waits for a call or a result."""
    if breaker.number[STATE] == OPEN and rules.automatic_transition:
        return float(breaker.since_s[0] + rules.wait_duration_in_open_state_s)
    if breaker.number[STATE] == HALF_OPEN and rules.max_wait_in_half_open_s > 0:
        return float(breaker.since_s[0] + rules.max_wait_in_half_open_s)
    return np.inf


@njit(cache=True)
def fire_timer(rules: Rules, breaker: Breaker, now_s: float) -> None:
    """The move that was due: automatic OPEN to HALF_OPEN, or HALF_OPEN to OPEN after its maximum wait."""
    if breaker.number[STATE] == OPEN:
        to_half_open(rules, breaker, now_s)
    elif breaker.number[STATE] == HALF_OPEN:
        to_open(breaker, now_s)


@njit(cache=True)
def failure_rate(breaker: Breaker, now_s: float) -> float:
    """Percent of the measured calls that failed; -1 below the minimum number of calls."""
    return _rate(breaker, now_s, FAILED)


@njit(cache=True)
def slow_call_rate(breaker: Breaker, now_s: float) -> float:
    """Percent of the measured calls that were slow; -1 below the minimum number of calls."""
    return _rate(breaker, now_s, SLOW)


@njit(cache=True)
def to_open(breaker: Breaker, now_s: float) -> None:
    """Refuse calls from now. The measurements stay, so that the rate that opened the breaker can be read."""
    breaker.number[STATE] = OPEN
    breaker.since_s[0] = now_s


@njit(cache=True)
def to_half_open(rules: Rules, breaker: Breaker, now_s: float) -> None:
    """Let the permitted number of trial calls through, and measure those alone."""
    trials = rules.permitted_calls_in_half_open
    breaker.number[STATE] = HALF_OPEN
    breaker.since_s[0] = now_s
    breaker.number[PERMITS] = trials
    _forget(breaker, trials, min(rules.minimum_number_of_calls, trials), 0, now_s)


@njit(cache=True)
def to_closed(rules: Rules, breaker: Breaker, now_s: float) -> None:
    """Let every call through, and begin to measure afresh."""
    breaker.number[STATE] = CLOSED
    breaker.since_s[0] = now_s
    if rules.kind == TIME_WINDOW:
        _forget(breaker, rules.window, rules.minimum_number_of_calls, 1, now_s)
    else:
        _forget(breaker, rules.window, min(rules.minimum_number_of_calls, rules.window), 0, now_s)


@njit(cache=True)
def _wait_is_over(rules: Rules, breaker: Breaker, now_s: float) -> bool:
    until_s = breaker.since_s[0] + rules.wait_duration_in_open_state_s
    return now_s > until_s or (rules.kind == CONSECUTIVE and now_s == until_s)


@njit(cache=True)
def _record_in_a_row(rules: Rules, breaker: Breaker, now_s: float, outcome: int) -> None:
    if breaker.number[STATE] == OPEN:
        return
    if outcome != FAILURE:
        breaker.number[STREAK] = 0
        if breaker.number[STATE] == HALF_OPEN:
            to_closed(rules, breaker, now_s)
        return
    breaker.number[STREAK] += 1
    if breaker.number[STATE] == HALF_OPEN or breaker.number[STREAK] >= rules.consecutive_failures:
        to_open(breaker, now_s)


@njit(cache=True)
def _record_in_window(rules: Rules, breaker: Breaker, now_s: float, outcome: int, duration_s: float) -> None:
    _measure(breaker, now_s, outcome == FAILURE, duration_s > rules.slow_call_duration_threshold_s)
    calls = breaker.number[CALLS]
    if breaker.number[STATE] == OPEN or calls < breaker.number[MINIMUM]:
        return
    too_many_failed = breaker.number[FAILED] * 100.0 / calls >= rules.failure_rate_threshold
    too_many_slow = breaker.number[SLOW] * 100.0 / calls >= rules.slow_call_rate_threshold
    if too_many_failed or too_many_slow:
        to_open(breaker, now_s)
    elif breaker.number[STATE] == HALF_OPEN:
        to_closed(rules, breaker, now_s)


@njit(cache=True)
def _rate(breaker: Breaker, now_s: float, column: int) -> float:
    if breaker.number[BY_SECONDS]:
        _move_to(breaker, now_s)
    calls = breaker.number[CALLS]
    if calls == 0 or calls < breaker.number[MINIMUM]:
        return -1.0
    return float(breaker.number[column] * 100.0 / calls)


@njit(cache=True)
def _measure(breaker: Breaker, now_s: float, failed: bool, slow: bool) -> None:
    """Add one call to the window. A count window gives it a slot of its own, a time window the slot of its second."""
    if breaker.number[BY_SECONDS]:
        _move_to(breaker, now_s)
    else:
        _step(breaker)
    slot = breaker.ring[breaker.number[HEAD]]
    for column, happened in ((CALLS, True), (FAILED, failed), (SLOW, slow)):
        if happened:
            slot[column - CALLS] += 1
            breaker.number[column] += 1


@njit(cache=True)
def _move_to(breaker: Breaker, now_s: float) -> None:
    second = int(np.floor(now_s))
    for _ in range(min(second - breaker.number[SECOND], breaker.number[SIZE])):
        _step(breaker)
    breaker.number[SECOND] = second


@njit(cache=True)
def _step(breaker: Breaker) -> None:
    """Take the oldest slot out of the total and make it the newest, empty."""
    head = breaker.number[HEAD] + 1
    if head == breaker.number[SIZE]:
        head = 0
    breaker.number[HEAD] = head
    for column in range(3):
        breaker.number[CALLS + column] -= breaker.ring[head, column]
        breaker.ring[head, column] = 0


@njit(cache=True)
def _forget(breaker: Breaker, size: int, minimum: int, by_seconds: int, now_s: float) -> None:
    breaker.number[SIZE] = size
    breaker.number[MINIMUM] = minimum
    breaker.number[BY_SECONDS] = by_seconds
    breaker.number[HEAD] = 0
    breaker.number[SECOND] = int(np.floor(now_s))
    breaker.ring[:] = 0
    breaker.number[CALLS:] = 0
    breaker.number[REFUSED] = 0
    breaker.number[STREAK] = 0
