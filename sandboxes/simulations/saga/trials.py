"""Runs to try the saga with: settings in which nothing, or everything, goes wrong, and what a run has broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.saga.measures import double_charged, oversold
from sandboxes.simulations.saga.model import SagaResult, run_with_crash_at
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.saga.world import FORGOTTEN, RUNNING

# Nothing goes wrong here but what a check adds.
CALM: dict[str, Any] = {
    "permanent_failure_percent": 0,
    "transient_failure_percent": 0,
    "timeout_percent": 0,
    "compensation_failure_percent": 0,
    "p99_to_median": 1,
    "stock_per_item": 100_000,
}
TROUBLED: dict[str, Any] = {
    "orders": 2000,
    "items": 20,
    "stock_per_item": 60,
    "permanent_failure_percent": 8,
    "transient_failure_percent": 10,
    "timeout_percent": 8,
    "compensation_max_attempts": 10,
    "step_timeout_s": 0.4,
    "event_duplicate_percent": 20,
    "event_reordered_percent": 20,
}
# Few orders for few units, close together, with every kind of trouble: each crash of its coordinator is tried.
SMALL: dict[str, Any] = {
    **TROUBLED,
    "orders": 5,
    "items": 1,
    "stock_per_item": 2,
    "arrival_rate_per_s": 10,
    "down_s": 3,
}
QUIET: dict[str, Any] = {**SMALL, **CALM}


def saga_params(**changes: Any) -> SagaParams:
    """Parameters from names and plain values, as an address gives them."""
    return SagaParams.model_validate(changes)


def anomalies(result: SagaResult) -> set[str]:
    """The invariants that a run has broken."""
    found = {
        "double charge": double_charged(result) > 0,
        "lost money": result.lost_eur.sum() > 0,
        "oversold": oversold(result) > 0,
        "forgotten": bool((result.orders["status"] == FORGOTTEN).any()),
        "unfinished": bool((result.orders["status"] == RUNNING).any()),
        "torn": any(torn(result)),
    }
    return {name for name, broken in found.items() if broken}


def torn(result: SagaResult) -> NDArray[np.bool_]:
    """Whether one step of an order was committed or confirmed and another undone or barred. Shape (orders,)."""
    tasks = result.tasks
    finished, undone = tasks["finished"] > 0, (tasks["undone"] > 0) | (tasks["cancelled"] > 0)
    return np.asarray(finished.any(axis=1) & undone.any(axis=1))


def crashed_everywhere(seed: int = 1, **changes: Any) -> Iterator[SagaResult]:
    """A run once for each event at which its coordinator may die: before it hears of it, and before it acts on it."""
    params = saga_params(**changes)
    events = run_with_crash_at(params, seed, -1, False).events
    for event in range(events):
        for after_logging in (False, True):
            yield run_with_crash_at(params, seed, event, after_logging)
