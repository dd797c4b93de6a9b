"""The circuit breaker's model in SimPy, as one would write it there: the same calls, rules and outcomes."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

import simpy

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

MEASURED = (COUNT_WINDOW, TIME_WINDOW)


class Breaker:
    """Resilience4j's state machine and pybreaker's, on the clock of a SimPy environment."""

    def __init__(self, env: simpy.Environment, rules: Rules) -> None:
        self.env, self.rules = env, rules
        self.changes: list[tuple[float, int]] = []
        self.half_open_window = False
        self.enter(CLOSED)

    def enter(self, state: int) -> None:
        self.state, self.since_s = state, self.env.now
        self.changes.append((self.env.now, state))
        if state != OPEN:
            self.window: deque[tuple[int, bool, bool]] = deque()
            self.failed = self.slow = self.streak = 0
        if state == HALF_OPEN:
            self.permits = self.rules.permitted_calls_in_half_open
        self.half_open_window = state == HALF_OPEN or (state == OPEN and self.half_open_window)
        if state == OPEN and self.rules.automatic_transition:
            self.env.process(self.leave(len(self.changes), self.rules.wait_duration_in_open_state_s, HALF_OPEN))
        if state == HALF_OPEN and self.rules.max_wait_in_half_open_s > 0:
            self.env.process(self.leave(len(self.changes), self.rules.max_wait_in_half_open_s, OPEN))

    def leave(self, change: int, after_s: float, state: int) -> Generator[simpy.Event, None, None]:
        """Move to `state` after a while, unless the breaker has moved already."""
        yield self.env.timeout(after_s)
        if len(self.changes) == change:
            self.enter(state)

    def permit(self) -> bool:
        if self.state == CLOSED:
            return True
        until_s = self.since_s + self.rules.wait_duration_in_open_state_s
        at_the_end = self.rules.kind == CONSECUTIVE and self.env.now == until_s
        if self.state == OPEN and (self.env.now > until_s or at_the_end):
            self.enter(HALF_OPEN)
        if self.state == HALF_OPEN and self.permits > 0:
            self.permits -= 1
            return True
        return False

    def record(self, failed: bool, duration_s: float) -> None:
        if self.rules.kind == CONSECUTIVE:
            self.record_in_a_row(failed)
        elif self.rules.kind != NONE:
            self.measure(failed, duration_s > self.rules.slow_call_duration_threshold_s)
            self.decide()

    def record_in_a_row(self, failed: bool) -> None:
        if self.state == OPEN:
            return
        self.streak = self.streak + 1 if failed else 0
        if failed and (self.state == HALF_OPEN or self.streak >= self.rules.consecutive_failures):
            self.enter(OPEN)
        elif not failed and self.state == HALF_OPEN:
            self.enter(CLOSED)

    def measure(self, failed: bool, slow: bool) -> None:
        self.window.append((int(self.env.now), failed, slow))
        self.failed += failed
        self.slow += slow
        while self.is_too_old(self.window[0][0]):
            _, failed, slow = self.window.popleft()
            self.failed -= failed
            self.slow -= slow

    def is_too_old(self, second: int) -> bool:
        if self.rules.kind == TIME_WINDOW and not self.half_open_window:
            return second <= int(self.env.now) - self.rules.window
        room = self.rules.permitted_calls_in_half_open if self.half_open_window else self.rules.window
        return len(self.window) > room

    def minimum(self) -> int:
        if self.half_open_window:
            return min(self.rules.minimum_number_of_calls, self.rules.permitted_calls_in_half_open)
        if self.rules.kind == TIME_WINDOW:
            return self.rules.minimum_number_of_calls
        return min(self.rules.minimum_number_of_calls, self.rules.window)

    def decide(self) -> None:
        calls = len(self.window)
        if self.state == OPEN or calls < self.minimum():
            return
        failure_rate, slow_call_rate = self.failed * 100.0 / calls, self.slow * 100.0 / calls
        if failure_rate >= self.rules.failure_rate_threshold or slow_call_rate >= self.rules.slow_call_rate_threshold:
            self.enter(OPEN)
        elif self.state == HALF_OPEN:
            self.enter(CLOSED)


def play(
    rules: Rules, arrival_s: list[float], duration_s: list[float], failed: list[bool], end_s: float
) -> tuple[list[bool], list[tuple[float, int]]]:
    """Which calls the breaker lets through, and its changes of state as (moment, state), the first at 0 s."""
    env = simpy.Environment()
    breaker = Breaker(env, rules)
    permitted = [False] * len(arrival_s)

    def arrivals() -> Generator[simpy.Event, None, None]:
        for number, at_s in enumerate(arrival_s):
            yield env.timeout(at_s - env.now)
            env.process(call(number))

    def call(number: int) -> Generator[simpy.Event, None, None]:
        if not breaker.permit():
            return
        permitted[number] = True
        yield env.timeout(duration_s[number])
        breaker.record(failed[number], duration_s[number])

    env.process(arrivals())
    env.run(until=end_s)
    return permitted, breaker.changes
