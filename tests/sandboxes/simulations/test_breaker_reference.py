"""A second breaker, slow and plain, written from the rules alone; the compiled one must agree with it at every step."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.simulations.circuit_breaker import breaker as compiled
from sandboxes.simulations.circuit_breaker.breaker import (
    CONSECUTIVE,
    COUNT_WINDOW,
    FAILURE,
    IGNORED,
    NONE,
    SUCCESS,
    TIME_WINDOW,
    Rules,
)

NAMES = {compiled.CLOSED: "closed", compiled.OPEN: "open", compiled.HALF_OPEN: "half-open"}


class PlainBreaker:
    """Keeps every outcome it has seen and counts them when asked."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.enter("closed", 0.0)

    def enter(self, state: str, now_s: float) -> None:
        self.state, self.since_s = state, now_s
        if state != "open":
            self.seen: list[tuple[int, bool, bool]] = []
            self.measured_in, self.refused = state, 0
            self.row: deque[int] = deque(maxlen=self.rules.consecutive_failures)
        self.permits = self.rules.permitted_calls_in_half_open if state == "half-open" else 0

    def in_window(self, now_s: float) -> list[tuple[int, bool, bool]]:
        if self.measured_in == "half-open":
            return self.seen[-self.rules.permitted_calls_in_half_open :]
        if self.rules.kind == TIME_WINDOW:
            return [one for one in self.seen if one[0] > int(now_s) - self.rules.window]
        return self.seen[-self.rules.window :]

    def minimum(self) -> int:
        if self.measured_in == "half-open":
            return min(self.rules.minimum_number_of_calls, self.rules.permitted_calls_in_half_open)
        if self.rules.kind == TIME_WINDOW:
            return self.rules.minimum_number_of_calls
        return min(self.rules.minimum_number_of_calls, self.rules.window)

    def rates(self, now_s: float) -> tuple[float, float]:
        window = self.in_window(now_s)
        if not window or len(window) < self.minimum():
            return -1.0, -1.0
        return (
            100.0 * sum(failed for _, failed, _ in window) / len(window),
            100.0 * sum(slow for _, _, slow in window) / len(window),
        )

    def pass_time(self, now_s: float) -> None:
        while True:
            if self.state == "open" and self.rules.automatic_transition:
                due_s, then = self.since_s + self.rules.wait_duration_in_open_state_s, "half-open"
            elif self.state == "half-open" and self.rules.max_wait_in_half_open_s:
                due_s, then = self.since_s + self.rules.max_wait_in_half_open_s, "open"
            else:
                return
            if due_s > now_s:
                return
            self.enter(then, due_s)

    def permit(self, now_s: float) -> bool:
        waited_s = now_s - self.since_s
        enough_s = self.rules.wait_duration_in_open_state_s
        if self.state == "open" and (waited_s > enough_s or (waited_s == enough_s and self.rules.kind == CONSECUTIVE)):
            self.enter("half-open", now_s)
        if self.state == "closed":
            return True
        if self.permits:
            self.permits -= 1
            return True
        self.refused += 1
        return False

    def release(self) -> None:
        if self.state == "half-open":
            self.permits += 1

    def record(self, now_s: float, outcome: int, duration_s: float) -> None:
        if self.rules.kind == NONE:
            return
        if self.rules.kind == CONSECUTIVE:
            self.record_in_a_row(now_s, outcome)
        elif outcome == IGNORED:
            self.release()
        else:
            slow = duration_s > self.rules.slow_call_duration_threshold_s
            self.seen.append((int(now_s), outcome == FAILURE, slow))
            failure_rate, slow_rate = self.rates(now_s)
            if self.state == "open" or failure_rate < 0:
                return
            if failure_rate >= self.rules.failure_rate_threshold or slow_rate >= self.rules.slow_call_rate_threshold:
                self.enter("open", now_s)
            elif self.state == "half-open":
                self.enter("closed", now_s)

    def record_in_a_row(self, now_s: float, outcome: int) -> None:
        if self.state == "half-open":
            self.enter("open" if outcome == FAILURE else "closed", now_s)
        elif self.state == "closed":
            self.row.append(outcome)
            if list(self.row) == [FAILURE] * self.rules.consecutive_failures:
                self.enter("open", now_s)


ANY_RULES = st.builds(
    Rules,
    kind=st.sampled_from([NONE, COUNT_WINDOW, TIME_WINDOW, CONSECUTIVE]),
    failure_rate_threshold=st.sampled_from([1.0, 25.0, 50.0, 75.0, 100.0]),
    slow_call_rate_threshold=st.sampled_from([1.0, 50.0, 100.0]),
    slow_call_duration_threshold_s=st.just(1.0),
    window=st.integers(1, 8),
    minimum_number_of_calls=st.integers(1, 10),
    consecutive_failures=st.integers(1, 4),
    wait_duration_in_open_state_s=st.sampled_from([0.5, 2.0, 3.25]),
    permitted_calls_in_half_open=st.integers(1, 5),
    max_wait_in_half_open_s=st.sampled_from([0.0, 0.0, 1.5]),
    automatic_transition=st.booleans(),
)
# Quarters of a second are exact in binary, so that equal moments really are equal.
GAPS_S = st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0, 3.25, 20.0])
STEPS = st.lists(
    st.one_of(
        st.tuples(GAPS_S, st.just("permit")),
        st.tuples(GAPS_S, st.just("release")),
        st.tuples(
            GAPS_S,
            st.just("record"),
            st.sampled_from([SUCCESS, FAILURE, FAILURE, IGNORED]),
            st.sampled_from([0.5, 1.0, 2.0]),
        ),
    ),
    min_size=20,
    max_size=80,
)


def seen_in(breaker: compiled.Breaker, now_s: float) -> tuple[Any, ...]:
    return (
        NAMES[int(breaker.state)],
        float(breaker.since_s),
        int(breaker.refused),
        compiled.failure_rate(breaker, now_s),
        compiled.slow_call_rate(breaker, now_s),
    )


@settings(max_examples=300, deadline=None)
@given(rules=ANY_RULES, steps=STEPS)
def test_the_compiled_breaker_agrees_with_the_plain_one_at_every_step(rules: Rules, steps: list[Any]) -> None:
    fast, plain = compiled.closed_breaker(rules), PlainBreaker(rules)
    now_s = 0.0
    for gap_s, step, *result in steps:
        now_s += gap_s
        plain.pass_time(now_s)
        while compiled.timer_due_s(rules, fast) <= now_s:
            compiled.fire_timer(rules, fast, compiled.timer_due_s(rules, fast))

        if step == "permit":
            assert compiled.permit(rules, fast, now_s) == plain.permit(now_s)
        elif step == "release":
            compiled.release(fast)
            plain.release()
        else:
            compiled.record(rules, fast, now_s, *result)
            plain.record(now_s, *result)

        assert seen_in(fast, now_s) == (plain.state, plain.since_s, plain.refused, *plain.rates(now_s))
