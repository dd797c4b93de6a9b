"""What the services do: money, stock, and the memory that makes them idempotent.

A step's T, prepare or try is FORWARD, its C, abort or cancel BACK, and a commit or confirm FINISH. With a memory a
service does each at most once for an order; it answers a cancel of what was never done with a mark (empty cancel), and
refuses a T that comes after that mark (late try). Without one it does what it is told, each time it is told.
"""

from __future__ import annotations

from numba import njit

from sandboxes.simulations.agenda import push
from sandboxes.simulations.saga.world import (
    ANSWERS,
    BACK,
    BLOCKED,
    CONFIRM,
    DONE,
    EMPTY,
    FORWARD,
    HEARD,
    INVENTORY,
    LOCK_TIMES_OUT,
    LOCKED,
    NONE_YET,
    PAYMENT,
    PIVOT_ORDERING,
    QUEUES,
    REFUSED,
    REPEATED,
    SAGA,
    SEMANTIC_LOCK,
    SOLD_OUT,
    TWO_PHASE_COMMIT,
    UNLOCKED,
    WAITS,
    WORKS,
    Row,
    Rules,
    World,
    item_of,
    lock,
    soon,
    unlock,
)


@njit(cache=True)
def work(rules: Rules, world: World, order: int, step: int, direction: int, attempt: int, heard: int) -> int:
    """Do what a call asks for, and say what came of it. `heard` is HEARD or UNHEARD."""
    task = world.tasks[order * rules["steps"] + step]
    if rules["idempotent"]:
        remembered = _remembered(task, direction)
        if remembered >= 0:
            if remembered == EMPTY and step == INVENTORY and rules["protocol"] == TWO_PHASE_COMMIT:
                release_row(world, order)
            return remembered
    needs_row = direction == FORWARD and step == INVENTORY and rules["protocol"] == TWO_PHASE_COMMIT
    if needs_row and not _has_row(rules, world, order, attempt, heard):
        return WAITS
    result = _effect(rules, world, order, step, direction)
    if result == DONE:
        _remember(world, order, task, direction)
    elif rules["idempotent"]:
        vote_no(world, order, task)
    return result


@njit(cache=True)
def refuse(rules: Rules, world: World, order: int, step: int) -> int:
    """A call that a service would refuse. With a memory it keeps to what it said: to a yes, and to this no."""
    task = world.tasks[order * rules["steps"] + step]
    if rules["idempotent"] and task["done"] > 0 and task["cancelled"] == 0:
        return REPEATED
    if rules["idempotent"]:
        task["cancelled"] = 1
    return REFUSED


@njit(cache=True)
def vote_no(world: World, order: int, task: Row) -> None:
    """A service that says no keeps to it, and needs no lock."""
    task["cancelled"] = 1
    release_row(world, order)


@njit(cache=True)
def _remembered(task: Row, direction: int) -> int:
    """The answer that a service's memory has to a call, or -1 if it has to do the work."""
    if direction == FORWARD:
        if task["cancelled"] > 0:
            return BLOCKED
        return REPEATED if task["done"] > 0 else -1
    if direction == BACK:
        if task["done"] == 0:
            task["cancelled"] = 1
            return EMPTY
        return REPEATED if task["undone"] > 0 else -1
    return REPEATED if task["finished"] > 0 else -1


@njit(cache=True)
def _remember(world: World, order: int, task: Row, direction: int) -> None:
    if direction == FORWARD:
        task["done"] += 1
    elif direction == BACK:
        # Without a memory a service also undoes what was never done; no step is undone by that.
        world.orders[order]["undone"] += task["done"] > task["undone"]
        task["undone"] += 1
        task["cancelled"] = 1
    else:
        task["finished"] += 1


@njit(cache=True)
def _effect(rules: Rules, world: World, order: int, step: int, direction: int) -> int:
    row = world.orders[order]
    if step == PAYMENT:
        _move_money(rules, world, row, direction)
    elif step == INVENTORY:
        return _move_stock(rules, world, row, direction)
    elif step == CONFIRM and rules["protocol"] == SAGA and rules["isolation"] != SEMANTIC_LOCK:
        return _sell(rules, world, row, direction)
    return DONE


@njit(cache=True)
def _move_money(rules: Rules, world: World, row: Row, direction: int) -> None:
    """A saga charges and refunds; the other two freeze the amount first, then charge it or let it go."""
    row["money_s"] = world.totals["now_s"]
    if rules["protocol"] == SAGA and direction == BACK:
        row["refunded"] += 1
    elif rules["protocol"] == SAGA or direction != FORWARD:
        if direction != BACK:
            row["charged"] += 1
            world.totals["double_charged"] += row["charged"] == 2
        if rules["protocol"] != SAGA and (direction == BACK or row["held"] > 0):
            row["held"] -= 1
    else:
        row["held"] += 1


@njit(cache=True)
def _move_stock(rules: Rules, world: World, row: Row, direction: int) -> int:
    """Keep a unit aside for the order, or give it back. Without a lock a saga only looks whether there is one."""
    item = world.items[row["item"]]
    if direction == FORWARD and item["free"] <= 0:
        return SOLD_OUT
    if rules["protocol"] == SAGA and rules["isolation"] != SEMANTIC_LOCK:
        return DONE
    if direction == FORWARD:
        _take(world, item, row)
        if row["locked"] == UNLOCKED:
            lock(world, row)
    else:
        if direction == BACK:
            _give_back(world, item, row)
        if rules["protocol"] == TWO_PHASE_COMMIT:
            release_row(world, row["number"])
        else:
            unlock(world, row)
    return DONE


@njit(cache=True)
def _sell(rules: Rules, world: World, row: Row, direction: int) -> int:
    """The confirm step takes the unit that the inventory step saw: on trust, or by looking again (the pivot)."""
    item = world.items[row["item"]]
    if direction == BACK:
        _give_back(world, item, row)
        return DONE
    if rules["isolation"] == PIVOT_ORDERING and item["free"] <= 0:
        return SOLD_OUT
    _take(world, item, row)
    return DONE


@njit(cache=True)
def _take(world: World, item: Row, row: Row) -> None:
    item["free"] -= 1
    row["units"] += 1
    if row["units"] == 1:
        item["claims"] += 1
        world.totals["oversold"] += item["claims"] > item["stock"]


@njit(cache=True)
def _give_back(world: World, item: Row, row: Row) -> None:
    item["free"] += 1
    row["units"] -= 1
    if row["units"] == 0:
        world.totals["oversold"] -= item["claims"] > item["stock"]
        item["claims"] -= 1


@njit(cache=True)
def _has_row(rules: Rules, world: World, order: int, attempt: int, heard: int) -> bool:
    """Whether the order has its item's row for itself; if not it stands in the queue from now on."""
    row = world.orders[order]
    item = world.items[row["item"]]
    if row["locked"] == LOCKED:
        return True
    if row["locked"] == UNLOCKED and item["holder"] == 0:
        item["holder"] = order + 1
        lock(world, row)
        return True
    if heard == HEARD or row["locked"] == UNLOCKED:
        what = ANSWERS if heard == HEARD else WORKS
        row["lock_event"] = item_of(what, order, INVENTORY, FORWARD, attempt, NONE_YET, DONE)
    if row["locked"] == UNLOCKED:
        row["locked"] = QUEUES
        world.totals["queueing"] += 1
        row["next"] = 0
        if item["first"] == 0:
            item["first"] = order + 1
        else:
            world.orders[item["last"] - 1]["next"] = order + 1
        item["last"] = order + 1
        soon(world, rules["lock_timeout_s"], LOCK_TIMES_OUT, order, INVENTORY, FORWARD, attempt, NONE_YET, DONE)
    return False


@njit(cache=True)
def release_row(world: World, order: int) -> None:
    """Give the item's row to the next that still waits for it. One that waited itself just leaves the queue."""
    row = world.orders[order]
    item = world.items[row["item"]]
    held = row["locked"] == LOCKED
    unlock(world, row)
    if not held:
        return
    item["holder"] = 0
    while item["first"] > 0 and item["holder"] == 0:
        waiting = world.orders[item["first"] - 1]
        item["first"] = waiting["next"]
        if waiting["locked"] == QUEUES:
            item["holder"] = waiting["number"] + 1
            lock(world, waiting)
            push(world.agenda, world.totals["now_s"], waiting["lock_event"])
