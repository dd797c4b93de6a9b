"""A run before it begins: the parameters in the kernel's terms, and the world in which nothing has happened yet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.agenda import empty_agenda
from sandboxes.simulations.saga.chance import WORD
from sandboxes.simulations.saga.params import (
    MOST_STEPS,
    Coordination,
    CoordinatorLog,
    Isolation,
    Jitter,
    Protocol,
    SagaParams,
)
from sandboxes.simulations.saga.world import (
    CHOREOGRAPHY,
    ENTRY,
    ITEM,
    NO_ISOLATION,
    ORCHESTRATION,
    ORDER,
    PIVOT_ORDERING,
    ROOM,
    RULES,
    SAGA,
    SEMANTIC_LOCK,
    TASK,
    TCC,
    TOTALS,
    TWO_PHASE_COMMIT,
    Rules,
    World,
)
from sandboxes.simulations.streams import streams

# The standard normal quantile of 0.99: a lognormal's p99 is its median times exp(this x sigma).
NORMAL_P99 = 2.3263478740408408


def prepared(params: SagaParams, seed: int) -> tuple[Rules, World]:
    """The rules of a run and the world before anything has happened."""
    arrivals, items, draws = streams(seed, "arrivals", "items", "draws")
    return rules(params, draws.integers(0, WORD, 2)), new_world(params, arrivals, items)


def arrivals_last_s(params: SagaParams) -> float:
    """How long orders come, on average."""
    return params.orders / params.arrival_rate_per_s


def has_coordinator(params: SagaParams) -> bool:
    return params.protocol is not Protocol.SAGA or params.coordination is Coordination.ORCHESTRATION


def crash_moments_s(params: SagaParams) -> tuple[float, ...]:
    """When the coordinator dies: at even distances over the time in which orders come, on average.

    Each time it is up again first, for a quarter of the time that it is down. If it is down for long the distances are
    longer for that, and the last crashes come after the last order.
    """
    if not has_coordinator(params):
        return ()
    first_s = arrivals_last_s(params) / (params.crashes + 1)
    apart_s = max(first_s, params.down_s * 1.25)
    return tuple(first_s + apart_s * number for number in range(params.crashes))


def rules(params: SagaParams, words: NDArray[np.int64]) -> Rules:
    """The parameters in the kernel's terms."""
    saga = params.protocol is Protocol.SAGA
    isolation = {
        Isolation.NONE: NO_ISOLATION,
        Isolation.SEMANTIC_LOCK: SEMANTIC_LOCK,
        Isolation.PIVOT_ORDERING: PIVOT_ORDERING,
    }[params.isolation]
    values: dict[str, Any] = {
        "first_word": words[0],
        "second_word": words[1],
        "protocol": {Protocol.SAGA: SAGA, Protocol.TWO_PHASE_COMMIT: TWO_PHASE_COMMIT, Protocol.TCC: TCC}[
            params.protocol
        ],
        "coordination": ORCHESTRATION if has_coordinator(params) else CHOREOGRAPHY,
        "isolation": isolation if saga else SEMANTIC_LOCK,
        "idempotent": params.idempotent_handlers or params.protocol is Protocol.TWO_PHASE_COMMIT,
        "steps": params.steps,
        "timeout_effect": params.timeout_effect_percent / 100,
        "retry_interval_s": params.retry_interval_s,
        "retry_max_attempts": params.retry_max_attempts,
        "retry_backoff_rate": params.retry_backoff_rate,
        "retry_max_delay_s": params.retry_max_delay_s,
        "full_jitter": params.retry_jitter is Jitter.FULL,
        "compensation_failure": params.compensation_failure_percent / 100,
        "compensation_refused": params.compensation_refused_percent / 100 if saga else 0.0,
        "compensation_max_attempts": params.compensation_max_attempts,
        "down_s": params.down_s,
        "durable": params.coordinator_log is CoordinatorLog.DURABLE,
        "event_delay_s": params.event_delay_ms / 1000,
        "event_duplicate": params.event_duplicate_percent / 100,
        "event_held_up": params.event_reordered_percent / 100,
        "sigma": float(np.log(params.p99_to_median) / NORMAL_P99),
        "step_timeout_s": params.step_timeout_s,
        "lock_timeout_s": params.lock_timeout_s,
        "median_s": by_step(params, "median_latency_ms") / 1000,
        "refused": by_step(params, "permanent_failure_percent") / 100,
        "failing": by_step(params, "transient_failure_percent") / 100,
        "unknown": by_step(params, "timeout_percent") / 100,
    }
    row = np.zeros(1, RULES)
    for name in RULES.names or ():
        row[name] = values[name]
    return row[0]


def by_step(params: SagaParams, name: str) -> NDArray[np.float64]:
    """One value per step: a list's own, one alone for all, the slider's beyond the list. Shape (MOST_STEPS,)."""
    listed: tuple[float, ...] = getattr(params, f"{name}_by_step").values
    if len(listed) == 1:
        return np.full(MOST_STEPS, listed[0])
    values = np.full(MOST_STEPS, getattr(params, name), dtype=np.float64)
    values[: len(listed)] = listed
    return values


def new_world(params: SagaParams, arrivals: np.random.Generator, items: np.random.Generator) -> World:
    """Everything as it is before the first order comes."""
    orders = np.zeros(params.orders, ORDER)
    orders["number"] = np.arange(params.orders)
    orders["arrival_s"] = np.cumsum(arrivals.standard_exponential(params.orders)) / params.arrival_rate_per_s
    orders["item"] = (items.random(params.orders) * params.items).astype(np.int64)
    shelf = np.zeros(params.items, ITEM)
    shelf["stock"] = shelf["free"] = params.stock_per_item
    totals = np.zeros(1, TOTALS)
    totals["up"] = 1
    return World(
        orders=orders,
        tasks=np.zeros(params.orders * params.steps, TASK),
        items=shelf,
        totals=totals[0],
        agenda=empty_agenda(params.orders + 4 * ROOM),
        log=np.zeros(params.orders * (3 * params.steps + 4) + 4 * ROOM, ENTRY),
    )
