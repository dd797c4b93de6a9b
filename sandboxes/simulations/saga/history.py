"""The log of a run, read: what took effect for an order, in what order, and the words for each line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.world import (
    BACK,
    DONE,
    FINISH,
    FORWARD,
    ROLLED_BACK,
    STUCK,
    Rows,
)

# A sequence of more lines is hard to take in; an order with fewer is looked at if there is one.
MOST_LINES = 40

LETTERS = {FORWARD: "T", BACK: "C", FINISH: "F"}


def effects(log: Rows) -> tuple[str, ...]:
    """What took effect, in the order of time: T1, T2, C2, C1 for a saga; F1 for a commit or confirm of step 1."""
    done = log[log["kind"] == DONE]
    return tuple(
        f"{LETTERS[direction]}{step + 1}"
        for direction, step in zip(done["direction"].tolist(), done["step"].tolist(), strict=True)
    )


def is_whole_or_undone(done: tuple[str, ...], steps: int) -> bool:
    """Whether effects are T1..Tn, or T1..Tj Cj..C1 for some j < n (Garcia-Molina and Salem 1987, section 2)."""
    forward = [f"T{step}" for step in range(1, steps + 1)]
    if list(done) == forward:
        return True
    undone = len(done) // 2
    back = [f"C{step}" for step in range(undone, 0, -1)]
    return undone < steps and list(done) == forward[:undone] + back


def effects_of_all(result: SagaResult) -> list[tuple[str, ...]]:
    """The effects of every order, in the order of arrival."""
    log = result.log[(result.log["kind"] == DONE) & (result.log["order"] >= 0)]
    log = log[np.argsort(log["order"], kind="stable")]
    bounds = np.searchsorted(log["order"], np.arange(result.orders.size + 1))
    return [effects(log[a:b]) for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]


def order_looked_at(result: SagaResult) -> int:
    """The order, from 0, whose sequence is shown: the one asked for, or the last, or one with much to tell."""
    count = result.orders.size
    return most_telling(result) if result.params.order == 0 else min(result.params.order, count) - 1


def most_telling(result: SagaResult) -> int:
    """An order with something wrong if there is one, else one that was undone, else any; of those the fullest log that
    still fits a picture."""
    orders = result.orders
    lines = np.bincount(result.log["order"][result.log["order"] >= 0], minlength=orders.size)
    wrong = (orders["charged"] > 1) | (result.lost_eur > 0) | last_of_the_oversold(result)
    undone = (orders["status"] == ROLLED_BACK) & (orders["undone"] > 0)
    crashed = np.zeros(orders.size, np.bool_)
    for crash_s in result.crashes_s:
        crashed |= (orders["arrival_s"] < crash_s) & (orders["ended_s"] > crash_s)
    interest = 8 * wrong + 4 * (orders["status"] == STUCK) + 2 * crashed + undone
    fits = lines <= MOST_LINES
    return int(np.lexsort((-np.arange(orders.size), lines * fits, interest, fits))[-1])


def last_of_the_oversold(result: SagaResult) -> NDArray[np.bool_]:
    """For each item that was sold too often, the order with a unit that came last. Shape (orders,)."""
    orders = result.orders
    holds = np.flatnonzero(orders["units"] > 0)
    claims = np.bincount(orders["item"][holds], minlength=result.params.items)
    latest = np.full(result.params.items, -1)
    np.maximum.at(latest, orders["item"][holds], holds)
    last = np.zeros(orders.size, np.bool_)
    last[latest[claims > result.params.stock_per_item]] = True
    return last
