"""The saga with a coordinator: it calls one step after the other, and back again from the one that failed.

It writes what it is about to do into its log before it does it. After a crash it reads there how far each order was and
makes the call under way once more, because it cannot know whether the first one was heard.
"""

from __future__ import annotations

from numba import njit

from sandboxes.simulations.saga.calls import attempt, is_for_a_person, is_trouble, later, may_retry
from sandboxes.simulations.saga.world import (
    BACK,
    COMMITTED,
    DECIDED,
    DONE,
    EMPTY,
    FORWARD,
    HEARD,
    NONE_YET,
    PAYMENT,
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
)


@njit(cache=True)
def start(rules: Rules, world: World, order: int) -> None:
    world.orders[order]["status"] = RUNNING
    note(world, order, STARTED, WHOLE, FORWARD, NONE_YET, HEARD)
    call(rules, world, order, PAYMENT, FORWARD, NONE_YET)


@njit(cache=True)
def call(rules: Rules, world: World, order: int, step: int, direction: int, tries: int) -> None:
    """Log the next call, then make it. A coordinator that dies between the two has logged it and not made it."""
    row = world.orders[order]
    row["step"], row["direction"] = step, direction
    task = world.tasks[order * rules["steps"] + step]
    task["direction"], task["tries"], task["waiting"] = direction, tries, 1
    task["attempt"] += 1
    if not world.totals["muted"]:
        attempt(rules, world, order, step, direction, task["attempt"], tries)


@njit(cache=True)
def listens(rules: Rules, world: World, order: int, step: int, direction: int, number: int) -> bool:
    """Whether the coordinator is there and waits for the answer to just this attempt."""
    task = world.tasks[order * rules["steps"] + step]
    expected = task["waiting"] and task["direction"] == direction and task["attempt"] == number
    return bool(world.totals["up"] and expected and world.orders[order]["status"] == RUNNING)


@njit(cache=True)
def answered(rules: Rules, world: World, order: int, step: int, direction: int, number: int, result: int) -> None:
    """Go on, try again, or turn back."""
    task = world.tasks[order * rules["steps"] + step]
    if result == UNKNOWN and direction == FORWARD:
        task["unknown"] = 1
    if is_trouble(result) and may_retry(rules, world, order, step, direction, task["tries"]):
        later(rules, world, order, step, direction, number, task["tries"])
        return
    task["waiting"] = 0
    if result in (DONE, REPEATED, EMPTY):
        _succeeded(rules, world, order, step, direction)
    elif is_for_a_person(rules, world, order, step, direction, result):
        end(world, order, STUCK)
    else:
        _turn_back(rules, world, order, step)


@njit(cache=True)
def resume(rules: Rules, world: World, order: int) -> None:
    """Make the call under way once more. What became of the first one is unknown."""
    row = world.orders[order]
    task = world.tasks[order * rules["steps"] + row["step"]]
    if row["direction"] == FORWARD:
        task["unknown"] = 1
    call(rules, world, order, row["step"], row["direction"], task["tries"])


@njit(cache=True)
def _succeeded(rules: Rules, world: World, order: int, step: int, direction: int) -> None:
    if direction == BACK and step == 0:
        end(world, order, ROLLED_BACK)
    elif direction == BACK:
        call(rules, world, order, step - 1, BACK, NONE_YET)
    elif step == rules["steps"] - 1:
        end(world, order, COMMITTED)
    else:
        call(rules, world, order, step + 1, FORWARD, NONE_YET)


@njit(cache=True)
def _turn_back(rules: Rules, world: World, order: int, step: int) -> None:
    """Undo what was done, the last first. A step whose outcome is unknown is undone too: it may have been done."""
    note(world, order, DECIDED, step, BACK, NONE_YET, HEARD)
    unknown = world.tasks[order * rules["steps"] + step]["unknown"]
    if not unknown and step == 0:
        end(world, order, ROLLED_BACK)
    else:
        call(rules, world, order, step if unknown else step - 1, BACK, NONE_YET)
