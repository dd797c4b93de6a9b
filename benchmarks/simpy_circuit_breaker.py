"""The circuit breaker's model in SimPy, as one would write it there: the same requests, rules and outcomes.

Callers are processes, a pool is a Resource, and an answer that may come too late is an event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from copy import copy
from typing import Any, NamedTuple

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
from sandboxes.simulations.circuit_breaker.loop import LONGEST_BACKOFF_S
from sandboxes.simulations.circuit_breaker.store import TRIES
from sandboxes.simulations.circuit_breaker.world import FAILED, NO_THREAD, REFUSED, SUCCEEDED

MEASURED = (COUNT_WINDOW, TIME_WINDOW)
Steps = Generator[simpy.Event, Any, Any]


class Inputs(NamedTuple):
    """What is drawn already, as plain lists: per request, and per request and attempt where a request has several."""

    requests: int  # to the dependency; the neighbour's follow
    arrival_s: list[float]
    service_s: list[list[float]]
    chance: list[list[float]]
    jitter: list[list[float]]
    instance: list[int]


class Outcomes(NamedTuple):
    """What became of each request to the dependency and then of the neighbour's, and of the breakers."""

    outcome: list[int]
    latency_s: list[float]
    calls: list[int]
    changes: list[list[tuple[float, int]]]
    lost_updates: int


class Breaker:
    """Resilience4j's state machine and pybreaker's, on the clock of a SimPy environment."""

    def __init__(self, env: simpy.Environment, rules: Rules, with_timers: bool = True) -> None:
        self.env, self.rules, self.with_timers = env, rules, with_timers
        self.changes: list[tuple[float, int]] = []
        self.half_open_window = False
        self.enter(CLOSED)

    def copy(self) -> Breaker:
        """A breaker of the same state, which is changed on its own."""
        other = copy(self)
        other.window, other.changes = self.window.copy(), self.changes.copy()
        return other

    def enter(self, state: int) -> None:
        self.state, self.since_s = state, self.env.now
        self.changes.append((self.env.now, state))
        if state != OPEN:
            self.window: deque[tuple[int, bool, bool]] = deque()
            self.failed = self.slow = self.streak = 0
        if state == HALF_OPEN:
            self.permits = self.rules.permitted_calls_in_half_open
        self.half_open_window = state == HALF_OPEN or (state == OPEN and self.half_open_window)
        if not self.with_timers:
            return
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


class Dependency:
    """Servers and a bounded queue, or no limit; its health follows the script."""

    def __init__(self, env: simpy.Environment, world: Any) -> None:
        self.env, self.world = env, world
        self.busy, self.queue = 0, deque[Any]()
        self.ends_s = world.phase_end_s[: world.phases].tolist()
        self.factor, self.error_rate = world.factor.tolist(), world.error_rate.tolist()
        self.limited, self.servers = bool(world.capacity_limited), int(world.servers)
        self.room = int(world.queue_size)
        if self.limited:
            for phase, end_s in enumerate(self.ends_s):
                if self.factor[phase] == float("inf"):
                    env.process(self.revive(end_s))

    def phase(self) -> int:
        return next((i for i, end_s in enumerate(self.ends_s) if self.env.now < end_s), len(self.ends_s) - 1)

    def is_dead(self) -> bool:
        return bool(self.factor[self.phase()] == float("inf"))

    def revive(self, at_s: float) -> Steps:
        yield self.env.timeout(at_s)
        self.serve_next()

    def take(self, service_s: float, chance: float) -> simpy.Event:
        """The event of the answer, whose value is whether it is an error; it may never come."""
        answer = self.env.event()
        if self.busy < self.servers and not self.is_dead():
            self.env.process(self.work(answer, service_s, chance))
        elif len(self.queue) < self.room:
            self.queue.append((answer, service_s, chance))
        elif not self.is_dead():
            answer.succeed(True)
        return answer

    def work(self, answer: simpy.Event, service_s: float, chance: float) -> Steps:
        self.busy += 1
        phase = self.phase()
        yield self.env.timeout(service_s * self.factor[phase])
        self.busy -= 1
        answer.succeed(chance < self.error_rate[phase])
        self.serve_next()

    def serve_next(self) -> None:
        # A process begins only when it is scheduled, so that those begun here have to be counted.
        begun = 0
        while self.queue and self.busy + begun < self.servers and not self.is_dead():
            self.env.process(self.work(*self.queue.popleft()))
            begun += 1


class Store:
    """The shared state: read, changed and written back, with or without a condition."""

    def __init__(self, env: simpy.Environment, rules: Rules, world: Any) -> None:
        self.env, self.world = env, world
        self.kept = Breaker(env, rules, with_timers=False)
        self.version = self.holds = self.lost = 0
        self.latency_s, self.timeout_s = float(world.store_latency_s), float(world.store_timeout_s)
        self.down_s = float(world.store_down_from_s), float(world.store_down_until_s)
        self.conditional = bool(world.conditional)

    def answer(self) -> Steps:
        """Wait for the store; whether it answered."""
        gone = self.down_s[0] <= self.env.now < self.down_s[1]
        yield self.env.timeout(self.timeout_s if gone else self.latency_s)
        return not gone

    def ask(self) -> Steps:
        """Whether a call may go out."""
        for _ in range(TRIES):
            if not (yield from self.answer()):
                return not self.world.refuse_when_gone
            if self.kept.state == CLOSED:
                return True
            read, version, holds = self.read()
            state = read.state
            granted = read.permit()
            if not granted and read.state == state == self.kept.state:
                return False
            if not (yield from self.answer()):
                return not self.world.refuse_when_gone
            if self.write(read, version, holds):
                return granted
        return False

    def record(self, failed: bool, duration_s: float) -> Steps:
        for _ in range(TRIES):
            if not (yield from self.answer()):
                return
            read, version, holds = self.read()
            read.record(failed, duration_s)
            if not (yield from self.answer()) or self.write(read, version, holds):
                return
        self.lost += 1

    def read(self) -> tuple[Breaker, int, int]:
        read = self.kept.copy()
        rules = read.rules
        while True:
            if read.state == OPEN and rules.automatic_transition:
                due_s, then = read.since_s + rules.wait_duration_in_open_state_s, HALF_OPEN
            elif read.state == HALF_OPEN and rules.max_wait_in_half_open_s > 0:
                due_s, then = read.since_s + rules.max_wait_in_half_open_s, OPEN
            else:
                break
            if due_s > self.env.now:
                break
            read.enter(then)
            read.since_s = due_s
        return read, self.version, self.holds

    def write(self, changed: Breaker, version: int, holds: int) -> bool:
        if self.conditional and version != self.version:
            return False
        self.lost += self.holds - holds
        self.version, self.holds = self.version + 1, holds + 1
        changes = self.kept.changes
        if changed.state != self.kept.state:
            changes = [*changes, (self.env.now, changed.state)]
        self.kept = changed
        self.kept.changes = changes
        return True


class Callers:
    """All requests, each a process of its own."""

    def __init__(self, rules: Rules, world: Any, come: Inputs, instances: int) -> None:
        self.env, self.rules, self.come = simpy.Environment(), rules, come
        self.dependency = Dependency(self.env, world)
        self.shared = bool(world.shared)
        self.store = Store(self.env, rules, world)
        self.breakers = [Breaker(self.env, rules) for _ in range(1 if self.shared else instances)]
        self.pooled, self.pool_wait_s = bool(world.pool_limited), float(world.pool_wait_s)
        self.pools = [simpy.Resource(self.env, capacity=max(1, int(world.pool_size))) for _ in range(instances)]
        self.timeout_s, self.max_attempts = float(world.call_timeout_s), int(world.max_attempts)
        self.base_s, self.rate = float(world.retry_base_s), float(world.retry_backoff_rate)
        self.full_jitter = bool(world.full_jitter)
        self.outcome = [-1] * len(come.arrival_s)
        self.latency_s = [0.0] * len(come.arrival_s)
        self.calls = [0] * len(come.arrival_s)

    def arrive(self, first: int, last: int) -> Steps:
        for number in range(first, last):
            yield self.env.timeout(self.come.arrival_s[number] - self.env.now)
            self.env.process(self.request(number))

    def request(self, number: int) -> Steps:
        if not self.pooled:
            yield from self.with_thread(number)
            return
        pool = self.pools[self.come.instance[number]]
        if pool.count >= pool.capacity and not self.pool_wait_s:
            self.end(number, NO_THREAD)
            return
        with pool.request() as thread:
            if not thread.triggered:
                yield thread | self.env.timeout(self.pool_wait_s)
            if thread.triggered:
                yield from self.with_thread(number)
            else:
                self.end(number, NO_THREAD)

    def with_thread(self, number: int) -> Steps:
        if number < self.come.requests:
            yield from self.call_dependency(number)
            return
        service_s = self.come.service_s[number][0]
        yield self.env.timeout(min(service_s, self.timeout_s))
        self.end(number, FAILED if service_s > self.timeout_s else SUCCEEDED)

    def call_dependency(self, number: int) -> Steps:
        breaker = self.breakers[0 if self.shared else self.come.instance[number]]
        while True:
            permitted = (yield from self.store.ask()) if self.shared else breaker.permit()
            if not permitted:
                self.end(number, REFUSED)
                return
            began_s = self.env.now
            attempt = self.calls[number]
            self.calls[number] += 1
            failed, lasted_s = yield from self.call(number, attempt)
            if not self.shared:
                breaker.record(failed, lasted_s)
            elif self.rules.kind != NONE:
                self.env.process(self.store.record(failed, lasted_s))
            if not failed or self.calls[number] == self.max_attempts:
                self.end(number, FAILED if failed else SUCCEEDED, began_s + lasted_s)
                return
            backoff_s = min(self.base_s * self.rate**attempt, LONGEST_BACKOFF_S)
            yield self.env.timeout(backoff_s * self.come.jitter[number][attempt] if self.full_jitter else backoff_s)

    def call(self, number: int, attempt: int) -> Steps:
        """Whether it failed, and how long it lasted."""
        service_s, chance = self.come.service_s[number][attempt], self.come.chance[number][attempt]
        dependency = self.dependency
        if not dependency.limited:
            phase = dependency.phase()
            service_s *= dependency.factor[phase]
            timed_out = service_s > self.timeout_s
            lasted_s = min(service_s, self.timeout_s)
            yield self.env.timeout(lasted_s)
            return timed_out or chance < dependency.error_rate[phase], lasted_s
        began_s = self.env.now
        answer = dependency.take(service_s, chance)
        yield answer | self.env.timeout(self.timeout_s)
        if answer.processed:
            return answer.value, self.env.now - began_s
        return True, self.timeout_s

    def end(self, number: int, outcome: int, at_s: float | None = None) -> None:
        self.outcome[number] = outcome
        self.latency_s[number] = (self.env.now if at_s is None else at_s) - self.come.arrival_s[number]


def play(rules: Rules, world: Any, come: Inputs, instances: int, until_s: float) -> Outcomes:
    """The run of `world`'s settings, followed until `until_s`, when nothing must be under way any more."""
    callers = Callers(rules, world, come, instances)
    callers.env.process(callers.arrive(0, come.requests))
    callers.env.process(callers.arrive(come.requests, len(come.arrival_s)))
    callers.env.run(until=until_s)
    breakers = [callers.store.kept] if callers.shared else callers.breakers
    end_s = float(world.end_s)
    return Outcomes(
        callers.outcome,
        callers.latency_s,
        callers.calls,
        [[change for change in breaker.changes if change[0] <= end_s] for breaker in breakers],
        callers.store.lost,
    )
