"""The orchestrated saga written a second time, without events: one order after the other, from arrival to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf
from typing import Any

import pytest

from sandboxes.simulations.saga import calls
from sandboxes.simulations.saga.chance import UNSEEN, normal, uniform
from sandboxes.simulations.saga.checks import saga_params
from sandboxes.simulations.saga.model import run
from sandboxes.simulations.saga.setup import prepared
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
    rules: Any
    number: int
    now_s: float
    services: list[Service] = field(default_factory=list)

    def finish(self) -> tuple[int, float, int]:
        """Status, end, and how many steps were undone."""
        self.services = [Service() for _ in range(self.rules["steps"])]
        for step, service in enumerate(self.services):
            verdict = self.try_step(step, FORWARD)
            if verdict == DONE:
                continue
            if verdict in (FAILED, UNKNOWN) and service.unknown and self.decides(step):
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
        return step == int(self.rules["steps"]) - 1

    def try_step(self, step: int, direction: int) -> int:
        service, retries = self.services[step], 0
        while True:
            verdict = self.attempt(step, direction, service)
            most = self.rules["retry_max_attempts" if direction == FORWARD else "compensation_max_attempts"]
            if direction == FORWARD and service.unknown and self.decides(step):
                most = 50
            if verdict not in (FAILED, UNKNOWN) or retries == most:
                return verdict
            retries += 1
            wait_s = self.rules["retry_interval_s"] * self.rules["retry_backoff_rate"] ** (retries - 1)
            self.now_s += min(wait_s, 60.0) if retries > self.rules["retry_max_attempts"] else wait_s

    def attempt(self, step: int, direction: int, service: Service) -> int:
        service.attempts += 1
        at = (self.number, step, direction, service.attempts)
        latency_s = self.rules["median_s"][step] * exp(self.rules["sigma"] * normal(self.rules, *at))
        verdict = calls.luck(self.rules, *at)
        change = service.do if direction == FORWARD else service.undo
        if verdict == UNKNOWN or latency_s > self.rules["step_timeout_s"]:
            seen = verdict == DONE
            if seen or (verdict == UNKNOWN and uniform(self.rules, UNSEEN, *at) < self.rules["timeout_effect"]):
                change(self.now_s + latency_s)
            self.now_s += self.rules["step_timeout_s"]
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
    ],
)
def test_an_order_ends_as_it_does_in_the_reference(changes: dict[str, Any], seed: int) -> None:
    params = saga_params(**{"orders": 150, "stock_per_item": 1000, **changes})
    result = run(params, seed)
    rules, world = prepared(params, seed)

    expected = [Order(rules, int(row["number"]), float(row["arrival_s"])).finish() for row in world.orders]

    for row, (status, ended_s, undone) in zip(result.orders, expected, strict=True):
        assert (row["status"], row["undone"]) == (status, undone)
        assert row["ended_s"] == pytest.approx(ended_s)
