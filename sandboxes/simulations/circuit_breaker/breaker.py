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

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit

CLOSED, OPEN, HALF_OPEN = 0, 1, 2
NONE, COUNT_WINDOW, TIME_WINDOW, CONSECUTIVE = 0, 1, 2, 3
SUCCESS, FAILURE, IGNORED = 0, 1, 2

# The most slots that a breaker has room for.
LARGEST_WINDOW = 1000


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


# What a breaker knows, as one record that is changed in place: the compiled loop reads and writes it as C would a
# struct, where it would count references to every array of a tuple at every call. No field may be named like
# an attribute that numpy.record has already (size, item): plain Python would read that.
BREAKER = np.dtype(
    [
        ("state", np.int64),
        ("since_s", np.float64),  # when the state began
        ("permits", np.int64),  # calls that HALF_OPEN may still let through
        ("refused", np.int64),  # calls, since the measurements began
        ("streak", np.int64),  # failures in a row
        # The window of the measurements, and the sums over it.
        ("by_seconds", np.int64),  # 1 if a slot is a second, 0 if it is a call
        ("slots", np.int64),  # of the ring that the window has
        ("minimum", np.int64),  # calls, before a rate means anything
        ("calls", np.int64),
        ("failed", np.int64),
        ("slow", np.int64),
        ("head", np.int64),  # the ring's newest slot
        ("second", np.int64),  # the one that it stands for in a time window
        ("ring", np.int64, (LARGEST_WINDOW, 3)),  # calls, failed, slow of one call or of one second
    ]
)
# A numpy.record of BREAKER; the type checker cannot know its fields.
Breaker: TypeAlias = Any


def closed_breaker(rules: Rules) -> Breaker:
    """A breaker in CLOSED at 0 s that has seen nothing. Raises ValueError for a window of more than LARGEST_WINDOW.

    For kernels it is an argument: a record made inside one would not outlive the array that holds it.
    """
    slots = max(rules.window, rules.permitted_calls_in_half_open)
    if slots > LARGEST_WINDOW:
        raise ValueError(f"a window has {slots} slots; use at most {LARGEST_WINDOW}")
    breaker = np.zeros(1, BREAKER).view(np.recarray)[0]
    to_closed(rules, breaker, 0.0)
    return breaker


@njit(cache=True)
def permit(rules: Rules, breaker: Breaker, now_s: float) -> bool:
    """Whether a call may go ahead now. Moves OPEN to HALF_OPEN when the wait is over."""
    if breaker.state == CLOSED:
        return True
    if breaker.state == OPEN and _wait_is_over(rules, breaker, now_s):
        to_half_open(rules, breaker, now_s)
    if breaker.state == HALF_OPEN and breaker.permits > 0:
        breaker.permits -= 1
        return True
    breaker.refused += 1
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
    if breaker.state == HALF_OPEN:
        breaker.permits += 1


@njit(cache=True)
def timer_due_s(rules: Rules, breaker: Breaker) -> float:
    """When the breaker will move by itself; infinity if it waits for a call or a result."""
    if breaker.state == OPEN and rules.automatic_transition:
        return float(breaker.since_s + rules.wait_duration_in_open_state_s)
    if breaker.state == HALF_OPEN and rules.max_wait_in_half_open_s > 0:
        return float(breaker.since_s + rules.max_wait_in_half_open_s)
    return np.inf


@njit(cache=True)
def fire_timer(rules: Rules, breaker: Breaker, now_s: float) -> None:
    """The move that was due: automatic OPEN to HALF_OPEN, or HALF_OPEN to OPEN after its maximum wait."""
    if breaker.state == OPEN:
        to_half_open(rules, breaker, now_s)
    elif breaker.state == HALF_OPEN:
        to_open(breaker, now_s)


@njit(cache=True)
def failure_rate(breaker: Breaker, now_s: float) -> float:
    """Percent of the measured calls that failed; -1 below the minimum number of calls."""
    _forget_what_is_old(breaker, now_s)
    return _rate(breaker, breaker.failed)


@njit(cache=True)
def slow_call_rate(breaker: Breaker, now_s: float) -> float:
    """Percent of the measured calls that were slow; -1 below the minimum number of calls."""
    _forget_what_is_old(breaker, now_s)
    return _rate(breaker, breaker.slow)


@njit(cache=True)
def to_open(breaker: Breaker, now_s: float) -> None:
    """Refuse calls from now. The measurements stay, so that the rate that opened the breaker can be read."""
    breaker.state = OPEN
    breaker.since_s = now_s


@njit(cache=True)
def to_half_open(rules: Rules, breaker: Breaker, now_s: float) -> None:
    """Let the permitted number of trial calls through, and measure those alone."""
    trials = rules.permitted_calls_in_half_open
    breaker.state = HALF_OPEN
    breaker.since_s = now_s
    breaker.permits = trials
    _forget(breaker, trials, min(rules.minimum_number_of_calls, trials), 0, now_s)


@njit(cache=True)
def to_closed(rules: Rules, breaker: Breaker, now_s: float) -> None:
    """Let every call through, and begin to measure afresh."""
    breaker.state = CLOSED
    breaker.since_s = now_s
    if rules.kind == TIME_WINDOW:
        _forget(breaker, rules.window, rules.minimum_number_of_calls, 1, now_s)
    else:
        _forget(breaker, rules.window, min(rules.minimum_number_of_calls, rules.window), 0, now_s)


@njit(cache=True)
def _wait_is_over(rules: Rules, breaker: Breaker, now_s: float) -> bool:
    until_s = breaker.since_s + rules.wait_duration_in_open_state_s
    return now_s > until_s or (rules.kind == CONSECUTIVE and now_s == until_s)


@njit(cache=True)
def _record_in_a_row(rules: Rules, breaker: Breaker, now_s: float, outcome: int) -> None:
    if breaker.state == OPEN:
        return
    if outcome != FAILURE:
        breaker.streak = 0
        if breaker.state == HALF_OPEN:
            to_closed(rules, breaker, now_s)
        return
    breaker.streak += 1
    if breaker.state == HALF_OPEN or breaker.streak >= rules.consecutive_failures:
        to_open(breaker, now_s)


@njit(cache=True)
def _record_in_window(rules: Rules, breaker: Breaker, now_s: float, outcome: int, duration_s: float) -> None:
    _measure(breaker, now_s, outcome == FAILURE, duration_s > rules.slow_call_duration_threshold_s)
    calls = breaker.calls
    if breaker.state == OPEN or calls < breaker.minimum:
        return
    too_many_failed = breaker.failed * 100.0 / calls >= rules.failure_rate_threshold
    too_many_slow = breaker.slow * 100.0 / calls >= rules.slow_call_rate_threshold
    if too_many_failed or too_many_slow:
        to_open(breaker, now_s)
    elif breaker.state == HALF_OPEN:
        to_closed(rules, breaker, now_s)


@njit(cache=True)
def _rate(breaker: Breaker, number: int) -> float:
    if breaker.calls == 0 or breaker.calls < breaker.minimum:
        return -1.0
    return float(number * 100.0 / breaker.calls)


@njit(cache=True)
def _forget_what_is_old(breaker: Breaker, now_s: float) -> None:
    if breaker.by_seconds:
        _move_to(breaker, now_s)


@njit(cache=True)
def _measure(breaker: Breaker, now_s: float, failed: bool, slow: bool) -> None:
    """Add one call to the window. A count window gives it a slot of its own, a time window the slot of its second."""
    if breaker.by_seconds:
        _move_to(breaker, now_s)
    else:
        _step(breaker)
    breaker.calls += 1
    breaker.failed += failed
    breaker.slow += slow
    head = breaker.head
    breaker.ring[head, 0] += 1
    breaker.ring[head, 1] += failed
    breaker.ring[head, 2] += slow


@njit(cache=True)
def _move_to(breaker: Breaker, now_s: float) -> None:
    second = int(np.floor(now_s))
    for _ in range(min(second - breaker.second, breaker.slots)):
        _step(breaker)
    breaker.second = second


@njit(cache=True)
def _step(breaker: Breaker) -> None:
    """Take the oldest slot out of the total and make it the newest, empty."""
    head = breaker.head + 1
    if head == breaker.slots:
        head = 0
    breaker.head = head
    breaker.calls -= breaker.ring[head, 0]
    breaker.failed -= breaker.ring[head, 1]
    breaker.slow -= breaker.ring[head, 2]
    for column in range(3):
        breaker.ring[head, column] = 0


@njit(cache=True)
def _forget(breaker: Breaker, size: int, minimum: int, by_seconds: int, now_s: float) -> None:
    breaker.slots = size
    breaker.minimum = minimum
    breaker.by_seconds = by_seconds
    breaker.head = 0
    breaker.second = int(np.floor(now_s))
    breaker.refused = 0
    breaker.streak = 0
    breaker.calls = 0
    breaker.failed = 0
    breaker.slow = 0
    for slot in range(size):
        for column in range(3):
            breaker.ring[slot, column] = 0
