"""A breaker's state in a shared store: read before each call, read and written back after it.

A read or a write takes the store's latency and sees, or sets, the state at its end; if the store does not answer, it
takes the store's timeout. A write that overwrites puts back what it read and its own change: whatever was written in
between is lost. A conditional write succeeds only if nothing was, and else the operation starts again with a read, at
most TRIES times. Nothing is written where nothing changes: not for a call that a closed breaker lets through, nor
for one that an open breaker refuses. The store has no clock, so the breaker's timers go off when somebody reads it.
"""

from __future__ import annotations

from numba import njit

from sandboxes.simulations.agenda import Agenda, push
from sandboxes.simulations.circuit_breaker.breaker import (
    CLOSED,
    CONSECUTIVE,
    HALF_OPEN,
    OPEN,
    Breaker,
    Rules,
    fire_timer,
    permit,
    record,
    timer_due_s,
)
from sandboxes.simulations.circuit_breaker.draws import uniform
from sandboxes.simulations.circuit_breaker.world import STORE, Records, World, note

ASK_READ, ASK_WRITE, RESULT_READ, RESULT_WRITE = range(4)
# What an operation that has ended means for the call it belongs to.
NOTHING, GO, REFUSE = 0, 1, 2
# A conditional write that has met so many others gives up.
TRIES = 10


@njit(cache=True)
def begin(
    world: World, operations: Records, agenda: Agenda, step: int, job: int, outcome: int, lasted_s: float
) -> None:
    """Start reading, to ask for a call or to record one. There must be a free operation."""
    number = world.free_operation
    operation = operations[number]
    world.free_operation = operation.after
    world.free_operations -= 1
    operation.job = job
    operation.outcome = outcome
    operation.lasted_s = lasted_s
    operation.tries = 0
    _start(world, operation, number, agenda, step)


@njit(cache=True)
def proceed(
    rules: Rules,
    world: World,
    breakers: Records,
    operations: Records,
    copies: Records,
    changes: Records,
    agenda: Agenda,
    number: int,
) -> int:
    """A read or write of the store has ended: take the next step. GO or REFUSE for a call that was asked for."""
    operation = operations[number]
    if operation.is_lost:
        asked = operation.step == ASK_READ or operation.step == ASK_WRITE
        _free(world, operation, number)
        return _when_gone(world) if asked else NOTHING
    if operation.step == ASK_READ:
        return _decide(rules, world, breakers, operation, number, copies, agenda)
    if operation.step == RESULT_READ:
        _take(rules, world, breakers, operation, copies[number])
        record(rules, copies[number], world.now_s, operation.outcome, operation.lasted_s)
        _start(world, operation, number, agenda, RESULT_WRITE)
        return NOTHING
    if not _write(rules, world, breakers, operation, copies[number], changes):
        return _again(world, operation, number, agenda)
    asked, granted = operation.step == ASK_WRITE, operation.is_granted
    _free(world, operation, number)
    return (GO if granted else REFUSE) if asked else NOTHING


@njit(cache=True)
def _when_gone(world: World) -> int:
    return REFUSE if world.refuse_when_gone else GO


@njit(cache=True)
def _start(world: World, operation: Records, number: int, agenda: Agenda, step: int) -> None:
    """The next read or write goes out. Whether the store answers it is decided now."""
    world.asked_store += 1
    operation.step = step
    operation.is_lost = (world.store_down_from_s <= world.now_s < world.store_down_until_s) or (
        world.store_error_rate > 0.0
        and uniform(world.store_key, operation.job, 4 * operation.tries + step) < world.store_error_rate
    )
    takes_s = world.store_timeout_s if operation.is_lost else world.store_latency_s
    push(agenda, world.now_s + takes_s, number * 8 + STORE)


@njit(cache=True)
def _decide(
    rules: Rules, world: World, breakers: Records, operation: Records, number: int, copies: Records, agenda: Agenda
) -> int:
    """What the state just read says of a call. A trial has to be claimed by a write before it goes out."""
    kept, copy = breakers[0], copies[number]
    if kept.state == CLOSED:
        _free(world, operation, number)
        return GO
    if _surely_refuses(rules, kept, world.now_s):
        _free(world, operation, number)
        return REFUSE
    _take(rules, world, breakers, operation, copy)
    operation.is_granted = permit(rules, copy, world.now_s)
    if not operation.is_granted and copy.state == kept.state:
        _free(world, operation, number)
        return REFUSE
    _start(world, operation, number, agenda, ASK_WRITE)
    return NOTHING


@njit(cache=True)
def _surely_refuses(rules: Rules, breaker: Breaker, now_s: float) -> bool:
    """Open with its wait not over, or half-open without permits, and no timer that is due."""
    if timer_due_s(rules, breaker) <= now_s:
        return False
    if breaker.state == OPEN:
        until_s = breaker.since_s + rules.wait_duration_in_open_state_s
        return bool(now_s < until_s or (now_s == until_s and rules.kind != CONSECUTIVE))
    return bool(breaker.state == HALF_OPEN and breaker.permits == 0)


@njit(cache=True)
def _take(rules: Rules, world: World, breakers: Records, operation: Records, copy: Breaker) -> None:
    """Copy the state, with its version, and let the timers go off that are due."""
    replace(copy, breakers[0])
    operation.version = world.version
    operation.holds = world.holds
    while timer_due_s(rules, copy) <= world.now_s:
        fire_timer(rules, copy, timer_due_s(rules, copy))


@njit(cache=True)
def _write(rules: Rules, world: World, breakers: Records, operation: Records, copy: Breaker, changes: Records) -> bool:
    """Put the changed copy into the store; False if the write is conditional and the condition does not hold."""
    if world.conditional and world.version != operation.version:
        return False
    # The store now holds what the copy held and one update more; the other updates it held are gone.
    world.lost_updates += world.holds - operation.holds
    world.holds = operation.holds + 1
    world.version += 1
    before = breakers[0].state
    replace(breakers[0], copy)
    if breakers[0].state != before:
        note(world, breakers[0], 0, changes)
    return True


@njit(cache=True)
def _again(world: World, operation: Records, number: int, agenda: Agenda) -> int:
    """Somebody else wrote first. Read again, or give up: then a result is lost, and a trial is not made."""
    operation.tries += 1
    asked = operation.step == ASK_WRITE
    if operation.tries < TRIES:
        _start(world, operation, number, agenda, ASK_READ if asked else RESULT_READ)
        return NOTHING
    _free(world, operation, number)
    if asked:
        return REFUSE
    world.lost_updates += 1
    return NOTHING


@njit(cache=True)
def _free(world: World, operation: Records, number: int) -> None:
    operation.after = world.free_operation
    world.free_operation = number
    world.free_operations += 1


@njit(cache=True)
def replace(breaker: Breaker, other: Breaker) -> None:
    """Make one breaker the same as the other; of the ring only the slots in use."""
    breaker.state = other.state
    breaker.since_s = other.since_s
    breaker.permits = other.permits
    breaker.refused = other.refused
    breaker.streak = other.streak
    breaker.by_seconds = other.by_seconds
    breaker.slots = other.slots
    breaker.minimum = other.minimum
    breaker.calls = other.calls
    breaker.failed = other.failed
    breaker.slow = other.slow
    breaker.head = other.head
    breaker.second = other.second
    for slot in range(other.slots):
        for column in range(3):
            breaker.ring[slot, column] = other.ring[slot, column]
