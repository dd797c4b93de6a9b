"""The saga without a coordinator: each service does its step when it hears that the one before is done, and says so.

A service that cannot do its step says that, and the one before it undoes its own. Events come late, twice and out of
order. Each copy of an event is worked on, but a step has one loop of retries each way, with the retries of one call: a
copy in trouble joins the loop that is going on. A service with a memory looks there before it gives up, and marks what
it gave up, so that no other copy of the event does it after all.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sandboxes.simulations.saga.calls import attempt, is_for_a_person, is_trouble, later, may_retry
from sandboxes.simulations.saga.chance import DELAY, DUPLICATE, HELD_UP, uniform
from sandboxes.simulations.saga.world import (
    BACK,
    COMMITTED,
    DECIDED,
    DELIVERED,
    DELIVERS,
    DONE,
    EMPTY,
    FORWARD,
    HEARD,
    NONE_YET,
    PAYMENT,
    PUBLISHED,
    REPEATED,
    ROLLED_BACK,
    RUNNING,
    STARTED,
    STUCK,
    UNKNOWN,
    WHOLE,
    Rules,
    World,
    end,
    note,
    soon,
)

# No event of one kind and order is copied any more after so many: without a memory copies make copies.
MOST_EVENTS = 40
HELD_UP_FOR_DELAYS = 100


@njit(cache=True)
def start(rules: Rules, world: World, order: int) -> None:
    world.orders[order]["status"] = RUNNING
    note(world, order, STARTED, WHOLE, FORWARD, NONE_YET, HEARD)
    publish(rules, world, order, PAYMENT, FORWARD)


@njit(cache=True)
def publish(rules: Rules, world: World, order: int, step: int, direction: int) -> None:
    """Say that it is this step's turn, forward or back. The event is delivered at least once."""
    task = world.tasks[order * rules["steps"] + step]
    note(world, order, PUBLISHED, step, direction, NONE_YET, HEARD)
    number = task["events"]
    twice = uniform(rules, DUPLICATE, order, step, direction, number) < rules["event_duplicate"]
    for _ in range(2 if twice and number < MOST_EVENTS else 1):
        number = task["events"]
        task["events"] += 1
        delay_s = -np.log(uniform(rules, DELAY, order, step, direction, number)) * rules["event_delay_s"]
        if uniform(rules, HELD_UP, order, step, direction, number) < rules["event_held_up"]:
            delay_s += HELD_UP_FOR_DELAYS * rules["event_delay_s"]
        soon(world, delay_s, DELIVERS, order, step, direction, number, NONE_YET, DONE)


@njit(cache=True)
def delivered(rules: Rules, world: World, order: int, step: int, direction: int, number: int) -> None:
    """An event has come: do the step, once for each copy."""
    note(world, order, DELIVERED, step, direction, number, HEARD)
    try_step(rules, world, order, step, direction, NONE_YET)


@njit(cache=True)
def try_step(rules: Rules, world: World, order: int, step: int, direction: int, tries: int) -> None:
    task = world.tasks[order * rules["steps"] + step]
    task["attempt"] += 1
    attempt(rules, world, order, step, direction, task["attempt"], tries)


@njit(cache=True)
def answered(
    rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int, result: int
) -> None:
    """Say that the step is done, try again, or say that it is not. `tries` is 0 for what an event has brought about."""
    task = world.tasks[order * rules["steps"] + step]
    if result == UNKNOWN and direction == FORWARD:
        task["unknown"] = 1
    if is_trouble(result) and tries == NONE_YET and task["retrying"][direction]:
        return
    if is_trouble(result) and may_retry(rules, world, order, step, direction, task["retries"][direction]):
        later(rules, world, order, step, direction, number, task["retries"][direction])
        task["retries"][direction] += 1
        task["retrying"][direction] = 1
        return
    if tries > NONE_YET:
        task["retrying"][direction] = 0
    if result in (DONE, REPEATED, EMPTY):
        _succeeded(rules, world, order, step, direction)
    elif direction == FORWARD and rules["idempotent"] and task["done"] > 0 and task["cancelled"] == 0:
        # Its memory says that another attempt, or another copy of the event, has done it.
        _succeeded(rules, world, order, step, FORWARD)
    elif is_for_a_person(rules, world, order, step, direction, result):
        end(world, order, STUCK)
    else:
        _gave_up(rules, world, order, step)


@njit(cache=True)
def _succeeded(rules: Rules, world: World, order: int, step: int, direction: int) -> None:
    if direction == BACK and step == 0:
        end(world, order, ROLLED_BACK)
    elif direction == BACK:
        publish(rules, world, order, step - 1, BACK)
    elif step == rules["steps"] - 1:
        end(world, order, COMMITTED)
    else:
        publish(rules, world, order, step + 1, FORWARD)


@njit(cache=True)
def _gave_up(rules: Rules, world: World, order: int, step: int) -> None:
    task = world.tasks[order * rules["steps"] + step]
    note(world, order, DECIDED, step, BACK, NONE_YET, HEARD)
    undo_own = not rules["idempotent"] and task["unknown"] > 0
    if rules["idempotent"]:
        task["cancelled"] = 1
    if step == 0 and not undo_own:
        end(world, order, ROLLED_BACK)
    else:
        publish(rules, world, order, step if undo_own else step - 1, BACK)
