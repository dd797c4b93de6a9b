"""The orchestrated saga written a second time, without events: one order after the other, from arrival to end.

It takes the parameters as they are typed. Of the code under test it shares only the random numbers, and the codes that
results are told in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, log
from typing import Any

import pytest

from sandboxes.simulations.saga.chance import UNSEEN, VERDICT, normal, uniform
from sandboxes.simulations.saga.model import run
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.saga.setup import prepared
from sandboxes.simulations.saga.trials import saga_params
from sandboxes.simulations.saga.world import (
    BACK,
    COMMITTED,
    DONE,
    FAILED,
    FORWARD,
    REFUSED,
    ROLLED_BACK,
    STUCK,
    UNKNOWN,
)


@dataclass
class Service:
    """What one service knows of one order: when it was done, undone and barred."""

    attempts: int = 0
    done_s: float = inf
    undone_s: float = inf
    barred_s: float = inf
    unknown: bool = False

    def do(self, at_s: float) -> None:
        if at_s < self.barred_s:
            self.done_s = min(self.done_s, at_s)

    def undo(self, at_s: float) -> None:
        if self.done_s <= at_s:
            self.undone_s = min(self.undone_s, at_s)
        self.barred_s = min(self.barred_s, at_s)


@dataclass
class Order:
    params: SagaParams
    rules: Any  # hold the seed, for what is drawn
    number: int
    now_s: float
    services: list[Service] = field(default_factory=list)

    def finish(self) -> tuple[int, float, int]:
        """Status, end, and how many steps were undone."""
        self.services = [Service() for _ in range(self.params.steps)]
        for step, service in enumerate(self.services):
            verdict = self.try_step(step, FORWARD)
            if verdict == DONE:
                continue
            if verdict in (FAILED, UNKNOWN) and service.unknown and self.decides(step):
                return self.ended(STUCK)
            if self.must_go_on(step):
                return self.ended(STUCK)
            for back in range(step if service.unknown else step - 1, -1, -1):
                if self.try_step(back, BACK) != DONE:
                    return self.ended(STUCK)
            return self.ended(ROLLED_BACK)
        return self.ended(COMMITTED)

    def ended(self, status: int) -> tuple[int, float, int]:
        return status, self.now_s, sum(service.undone_s < inf for service in self.services)

    def decides(self, step: int) -> bool:
        """Whether the order goes through once this step is done."""
        return step == self.params.steps - 1 or (self.has_pivot and step == 2)

    def must_go_on(self, step: int) -> bool:
        """Whether the step comes after a pivot."""
        return self.has_pivot and step > 2

    @property
    def has_pivot(self) -> bool:
        return self.params.isolation == "pivot_ordering"

    def rate(self, name: str, step: int) -> float:
        """What was typed for the step, or for all, as a fraction."""
        listed = [float(one) for one in str(getattr(self.params, f"{name}_by_step")).split(",") if one]
        slider = float(getattr(self.params, name))
        return (listed[0] if len(listed) == 1 else listed[step] if step < len(listed) else slider) / 100

    def luck(self, step: int, direction: int, drawn: float) -> int:
        """Refused, failed, without an answer, done: in this order, each by its rate, from 0 to 1."""
        refused = self.rate("permanent_failure_percent", step)
        failing = self.rate("transient_failure_percent", step)
        if direction == BACK:
            refused = self.params.compensation_refused_percent / 100
            failing = self.params.compensation_failure_percent / 100
        elif self.must_go_on(step):
            refused, failing = 0, refused + failing
        if drawn < refused:
            return REFUSED
        if drawn < refused + failing:
            return FAILED
        return UNKNOWN if drawn < refused + failing + self.rate("timeout_percent", step) else DONE

    def try_step(self, step: int, direction: int) -> int:
        service, retries = self.services[step], 0
        while True:
            verdict = self.attempt(step, direction, service)
            asks = direction == FORWARD and (self.must_go_on(step) or (service.unknown and self.decides(step)))
            most = self.params.retry_max_attempts if direction == FORWARD else self.params.compensation_max_attempts
            most = 50 if asks else most
            if verdict not in (FAILED, UNKNOWN) or retries == most:
                return verdict
            retries += 1
            wait_s = self.params.retry_interval_s * self.params.retry_backoff_rate ** (retries - 1)
            self.now_s += min(wait_s, 60.0) if asks and retries > self.params.retry_max_attempts else wait_s

    def attempt(self, step: int, direction: int, service: Service) -> int:
        service.attempts += 1
        at = (self.number, step, direction, service.attempts)
        sigma = log(self.params.p99_to_median) / 2.3263478740408408
        latency_s = self.params.median_latency_ms / 1000 * exp(sigma * normal(self.rules, *at))
        verdict = self.luck(step, direction, uniform(self.rules, VERDICT, *at))
        change = service.do if direction == FORWARD else service.undo
        if verdict == UNKNOWN or latency_s > self.params.step_timeout_s:
            seen = verdict == DONE
            if seen or (
                verdict == UNKNOWN and uniform(self.rules, UNSEEN, *at) < self.params.timeout_effect_percent / 100
            ):
                change(self.now_s + latency_s)
            self.now_s += self.params.step_timeout_s
            service.unknown |= direction == FORWARD
            return UNKNOWN
        self.now_s += latency_s
        if verdict == DONE:
            change(self.now_s)
        if verdict == REFUSED and direction == FORWARD:
            if service.done_s <= self.now_s:
                return DONE
            service.barred_s = self.now_s
        return verdict


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"timeout_percent": 30, "step_timeout_s": 0.15, "permanent_failure_percent": 10},
        {"transient_failure_percent": 40, "compensation_failure_percent": 60, "compensation_max_attempts": 1},
        {"steps": 8, "retry_max_attempts": 0, "timeout_percent": 20},
        {"timeout_percent_by_step": "0,0,0,97"},
        {"permanent_failure_percent_by_step": "0,15", "compensation_refused_percent": 20, "retry_interval_s": 7},
        {"isolation": "pivot_ordering", "steps": 5, "permanent_failure_percent": 15, "timeout_percent": 15},
        {"isolation": "pivot_ordering", "timeout_percent_by_step": "5,0,92", "transient_failure_percent": 4},
        {"isolation": "pivot_ordering", "transient_failure_percent_by_step": "5,5,5,96", "retry_backoff_rate": 3},
    ],
)
def test_an_order_ends_as_it_does_in_the_reference(changes: dict[str, Any], seed: int) -> None:
    params = saga_params(**{"orders": 150, "stock_per_item": 1000, **changes})
    result = run(params, seed)
    rules, world = prepared(params, seed)

    expected = [Order(params, rules, int(row["number"]), float(row["arrival_s"])).finish() for row in world.orders]

    for row, (status, ended_s, undone) in zip(result.orders, expected, strict=True):
        assert (row["status"], row["undone"]) == (status, undone)
        assert row["ended_s"] == pytest.approx(ended_s)
