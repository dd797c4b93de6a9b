"""Two-phase commit and Try-Confirm-Cancel: ask all, then tell all.

Phase one asks every step at once to prepare, or to try. If all can, the decision is to commit, or confirm; if one
cannot, it is to abort, or cancel. Phase two carries the decision out, and is repeated until everyone has heard it. The
difference is what a yes costs: a participant of two-phase commit holds its locks until it hears the decision, while a
try sets something aside in a transaction of its own and locks nothing but that.

A coordinator that comes back and finds no decision in its log decides to abort: the votes were not written down, and
whoever has no decision may abort (presumed abort; Mohan, Lindsay and Obermarck, Transaction Management in the R*
Distributed Database Management System, 1986). A decision that it finds it carries out.
"""

from __future__ import annotations

from numba import njit

from sandboxes.simulations.saga.calls import attempt, is_trouble, later, may_retry
from sandboxes.simulations.saga.world import (
    BACK,
    COMMITTED,
    DECIDED,
    DONE,
    EMPTY,
    FINISH,
    FORWARD,
    HEARD,
    NONE_YET,
    REPEATED,
    ROLLED_BACK,
    RUNNING,
    STARTED,
    STUCK,
    WHOLE,
    Rules,
    World,
    end,
    note,
)


@njit(cache=True)
def start(rules: Rules, world: World, order: int) -> None:
    world.orders[order]["status"] = RUNNING
    note(world, order, STARTED, WHOLE, FORWARD, NONE_YET, HEARD)
    _phase(rules, world, order, FORWARD)


@njit(cache=True)
def call(rules: Rules, world: World, order: int, step: int, direction: int, tries: int) -> None:
    task = world.tasks[order * rules["steps"] + step]
    task["direction"], task["tries"], task["waiting"] = direction, tries, 1
    task["attempt"] += 1
    if not world.totals["muted"]:
        attempt(rules, world, order, step, direction, task["attempt"], tries)


@njit(cache=True)
def answered(rules: Rules, world: World, order: int, step: int, direction: int, number: int, result: int) -> None:
    """Count a vote or an acknowledgement, or ask again."""
    row = world.orders[order]
    task = world.tasks[order * rules["steps"] + step]
    if is_trouble(result) and may_retry(rules, world, order, step, direction, task["tries"]):
        later(rules, world, order, step, direction, number, task["tries"])
        return
    task["waiting"] = 0
    if result in (DONE, REPEATED, EMPTY):
        row["pending"] -= 1
        if row["pending"] == 0:
            _phase_is_over(rules, world, order, direction)
    elif direction == FORWARD:
        note(world, order, DECIDED, step, BACK, NONE_YET, HEARD)
        _phase(rules, world, order, BACK)
    else:
        end(world, order, STUCK)


@njit(cache=True)
def resume(rules: Rules, world: World, order: int) -> None:
    """Abort what is undecided; tell the decision again to whoever has not acknowledged it."""
    if world.orders[order]["direction"] == FORWARD:
        note(world, order, DECIDED, WHOLE, BACK, NONE_YET, HEARD)
        _phase(rules, world, order, BACK)
        return
    for step in range(rules["steps"]):
        task = world.tasks[order * rules["steps"] + step]
        if task["waiting"]:
            call(rules, world, order, step, task["direction"], task["tries"])


@njit(cache=True)
def _phase_is_over(rules: Rules, world: World, order: int, direction: int) -> None:
    if direction == FORWARD:
        note(world, order, DECIDED, WHOLE, FINISH, NONE_YET, HEARD)
        _phase(rules, world, order, FINISH)
    else:
        end(world, order, COMMITTED if direction == FINISH else ROLLED_BACK)


@njit(cache=True)
def _phase(rules: Rules, world: World, order: int, direction: int) -> None:
    row = world.orders[order]
    row["direction"], row["pending"] = direction, rules["steps"]
    for step in range(rules["steps"]):
        call(rules, world, order, step, direction, NONE_YET)
