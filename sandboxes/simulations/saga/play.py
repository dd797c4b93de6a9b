"""The loop of a run: the soonest thing happens, and whom it concerns is told."""

from __future__ import annotations

import numpy as np
from numba import njit

from sandboxes.simulations.agenda import next_at_s, pop, push
from sandboxes.simulations.saga import choreography, orchestration, two_phase
from sandboxes.simulations.saga.params import MOST_STEPS
from sandboxes.simulations.saga.services import refuse, vote_no, work
from sandboxes.simulations.saga.world import (
    ANSWERS,
    ARRIVES,
    CHOREOGRAPHY,
    COMING,
    CRASHED,
    CRASHES,
    DELIVERS,
    DONE,
    FORGOTTEN,
    FORWARD,
    HEARD,
    INVENTORY,
    LOCK_TIMED_OUT,
    LOCK_TIMES_OUT,
    NOBODY,
    NONE_YET,
    PAYMENT,
    QUEUES,
    REFUSED,
    RESUMED,
    RESUMES,
    ROOM,
    RUNNING,
    SAGA,
    SENDS,
    UNHEARD,
    WAITS,
    WHAT_AT,
    WHOLE,
    WORKS,
    Rules,
    World,
    about,
    note,
    taken_apart,
)

# A coordinator that comes back decides on an order and calls all its steps: a line for each, and two things to come.
ROOM_TO_RESUME = 2 * MOST_STEPS + 4


@njit(cache=True)
def play(rules: Rules, world: World, crash_event: int, after_logging: bool) -> bool:
    """Take the soonest thing off the agenda until there is none. False if log or agenda must grow first."""
    totals = world.totals
    while world.agenda[0]["item"] > 0:
        if not has_room(world):
            return False
        totals["now_s"] = next_at_s(world.agenda)
        what, order, step, direction, number, tries, verdict = taken_apart(pop(world.agenda))
        dies = totals["events"] == crash_event and what not in (CRASHES, RESUMES)
        totals["events"] += what not in (CRASHES, RESUMES)
        if dies and after_logging:
            totals["muted"] = 1
        elif dies:
            crash(rules, world)
        happen(rules, world, what, order, step, direction, number, tries, verdict)
        if dies and after_logging:
            totals["muted"] = 0
            crash(rules, world)
    return True


@njit(cache=True)
def has_room(world: World) -> bool:
    """Whether log and agenda have room for the soonest thing. A coordinator that comes back touches every order."""
    needed = 4 * ROOM
    if world.agenda[1]["item"] >> WHAT_AT == RESUMES:
        needed += world.orders.size * ROOM_TO_RESUME
    free = min(world.agenda.size - world.agenda[0]["item"], world.log.size - world.totals["logged"])
    return bool(free > needed)


def with_more_room(world: World) -> World:
    """The same world with a log and an agenda of twice the size. What is not written yet takes no memory."""
    room = ROOM_TO_RESUME * world.orders.size + 8 * ROOM
    agenda = np.zeros(2 * world.agenda.size + room, world.agenda.dtype)
    log = np.zeros(2 * world.log.size + room, world.log.dtype)
    agenda[: world.agenda.size], log[: world.log.size] = world.agenda, world.log
    return world._replace(agenda=agenda, log=log)


@njit(cache=True)
def happen(
    rules: Rules, world: World, what: int, order: int, step: int, direction: int, number: int, tries: int, verdict: int
) -> None:
    if what == ANSWERS:
        _answer(rules, world, order, step, direction, number, tries, verdict)
    elif what == WORKS:
        result = work(rules, world, order, step, direction, number, UNHEARD)
        note(world, order, result, step, direction, number, UNHEARD)
    elif what == SENDS:
        _send_again(rules, world, order, step, direction, number, tries)
    elif what == DELIVERS:
        choreography.delivered(rules, world, order, step, direction, number)
    elif what == ARRIVES:
        _arrive(rules, world, order)
    elif what == LOCK_TIMES_OUT:
        _lock_timeout(rules, world, order, number)
    elif what == CRASHES:
        crash(rules, world)
    else:
        _resume(rules, world)


@njit(cache=True)
def crash(rules: Rules, world: World) -> None:
    """The coordinator dies. Without a durable log it takes with it all it knew of the orders under way."""
    if not world.totals["up"]:
        return
    world.totals["up"] = 0
    note(world, NOBODY, CRASHED, WHOLE, FORWARD, NONE_YET, HEARD)
    push(world.agenda, world.totals["now_s"] + rules["down_s"], about(RESUMES, PAYMENT))
    if rules["durable"]:
        return
    for order in range(world.orders.size):
        row = world.orders[order]
        if row["status"] == RUNNING:
            row["status"] = FORGOTTEN
            row["ended_s"] = world.totals["now_s"]


@njit(cache=True)
def _resume(rules: Rules, world: World) -> None:
    """Take up the orders under way, then those that came while nobody was there."""
    world.totals["up"] = 1
    note(world, NOBODY, RESUMED, WHOLE, FORWARD, NONE_YET, HEARD)
    for order in range(world.orders.size):
        if world.orders[order]["status"] == RUNNING:
            if rules["protocol"] == SAGA:
                orchestration.resume(rules, world, order)
            else:
                two_phase.resume(rules, world, order)
    now_s = world.totals["now_s"]
    for order in range(world.orders.size):
        if world.orders[order]["status"] == COMING and world.orders[order]["arrival_s"] <= now_s:
            _start(rules, world, order)


@njit(cache=True)
def _arrive(rules: Rules, world: World, order: int) -> None:
    if order + 1 < world.orders.size:
        push(world.agenda, world.orders[order + 1]["arrival_s"], about(ARRIVES, order + 1))
    if world.totals["up"]:
        _start(rules, world, order)


@njit(cache=True)
def _start(rules: Rules, world: World, order: int) -> None:
    if rules["protocol"] != SAGA:
        two_phase.start(rules, world, order)
    elif rules["coordination"] == CHOREOGRAPHY:
        choreography.start(rules, world, order)
    else:
        orchestration.start(rules, world, order)


@njit(cache=True)
def _answer(
    rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int, verdict: int
) -> None:
    """An attempt ends at its service, at the same moment for its caller if that still listens."""
    heard = _listens(rules, world, order, step, direction, number)
    result = verdict
    if verdict == DONE:
        result = work(rules, world, order, step, direction, number, HEARD)
    elif verdict == REFUSED and direction == FORWARD:
        result = refuse(rules, world, order, step)
    note(world, order, result, step, direction, number, HEARD if heard else UNHEARD)
    if heard and result != WAITS:
        _tell(rules, world, order, step, direction, number, tries, result)


@njit(cache=True)
def _listens(rules: Rules, world: World, order: int, step: int, direction: int, number: int) -> bool:
    if rules["coordination"] == CHOREOGRAPHY:
        return True
    return orchestration.listens(rules, world, order, step, direction, number)


@njit(cache=True)
def _tell(
    rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int, result: int
) -> None:
    if rules["protocol"] != SAGA:
        two_phase.answered(rules, world, order, step, direction, number, result)
    elif rules["coordination"] == CHOREOGRAPHY:
        choreography.answered(rules, world, order, step, direction, number, tries, result)
    else:
        orchestration.answered(rules, world, order, step, direction, number, result)


@njit(cache=True)
def _send_again(rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int) -> None:
    """The wait before a retry is over. Whoever waited may have gone on since: then nothing is sent."""
    if rules["coordination"] == CHOREOGRAPHY:
        choreography.try_step(rules, world, order, step, direction, tries)
    elif orchestration.listens(rules, world, order, step, direction, number):
        if rules["protocol"] == SAGA:
            orchestration.call(rules, world, order, step, direction, tries)
        else:
            two_phase.call(rules, world, order, step, direction, tries)


@njit(cache=True)
def _lock_timeout(rules: Rules, world: World, order: int, number: int) -> None:
    """An order that has waited too long for its item's row votes no."""
    row = world.orders[order]
    if row["locked"] != QUEUES:
        return
    _, _, _, _, asked, _, _ = taken_apart(row["lock_event"])
    vote_no(world, order, world.tasks[order * rules["steps"] + INVENTORY])
    heard = _listens(rules, world, order, INVENTORY, FORWARD, asked)
    note(world, order, LOCK_TIMED_OUT, INVENTORY, FORWARD, asked, HEARD if heard else UNHEARD)
    if heard:
        two_phase.answered(rules, world, order, INVENTORY, FORWARD, asked, LOCK_TIMED_OUT)
