"""The run itself: what comes next, and what it does to requests, threads, breakers, the dependency and the store.

A request goes this way: a thread of its instance's pool, permission by the breaker, the call with its timeout, and
again from the permission on if the call failed and may be tried again. It holds the thread to its end. At one moment
timers go first, then what is under way, then arrivals.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import Agenda, next_at_s, pop, push
from sandboxes.simulations.circuit_breaker import store
from sandboxes.simulations.circuit_breaker.breaker import (
    SUCCESS,
    Breaker,
    Rules,
    fire_timer,
    permit,
    record,
    timer_due_s,
)
from sandboxes.simulations.circuit_breaker.dependency import call, call_limited, serve_next
from sandboxes.simulations.circuit_breaker.draws import uniform
from sandboxes.simulations.circuit_breaker.world import (
    ATTEMPTS,
    ENDED,
    FAILED,
    GOT_THREAD,
    LEFT_LINE,
    NO_THREAD,
    REFUSED,
    RETRY,
    REVIVED,
    SERVED,
    STORE,
    SUCCEEDED,
    Records,
    Request,
    World,
    item_of,
    job_of,
    note,
    plan,
)

# No backoff is longer, whatever it has grown to.
LONGEST_BACKOFF_S = 20.0
# The most that one event adds to the agenda, to the changes of state, and to the store's operations.
MOST_ADDED = 4

# What a request does next. NOTHING, GO and REFUSE are also what the store may answer.
NOTHING, GO, REFUSE, BEGIN, ASK, ANSWERED, OVER = range(7)


@njit(cache=True)
def advance(  # noqa: C901 - one place for the big arrays: compiled code counts references to each at every call
    rules: Rules,
    world: World,
    requests: Records,
    breakers: Records,
    pools: Records,
    queue: NDArray[np.int64],
    agenda: Agenda,
    changes: Records,
    operations: Records,
    copies: Records,
    until_s: float,
) -> bool:
    """Everything up to and including `until_s` happens. False if it stopped before, for want of room in an array."""
    while True:
        event_s = next_at_s(agenda)
        # Behind the last request of each kind stands one that never comes.
        arrival_s = min(requests[world.next_request].arrival_s, requests[world.next_neighbour].arrival_s)
        if min(event_s, arrival_s) > until_s or min(event_s, arrival_s) == np.inf:
            return True
        if _is_full(world, agenda, changes):
            return False
        if event_s > arrival_s:
            world.now_s = arrival_s
            number = _taken_next(world, requests[world.next_request])
            step = BEGIN
            if world.pool_limited:
                step = _take_thread(world, requests, pools, agenda, number)
        else:
            item = pop(agenda)
            world.now_s = event_s
            what, job = item % 8, item // 8
            number = job // ATTEMPTS if item >= 0 else 0
            step = ANSWERED
            if item < 0:
                step = NOTHING
                _time_is_up(rules, world, breakers, agenda, changes, -1 - item)
            elif what == STORE:
                number = operations[job].job // ATTEMPTS
                step = store.proceed(rules, world, breakers, operations, copies, changes, agenda, job)
            elif what != ENDED:
                step = _turn(world, requests, pools, queue, agenda, what, job)
        request = requests[number]
        if step == BEGIN:
            step = _begin(world, request, number)
        if world.shared and (step == ASK or (step == ANSWERED and number < world.requests)):
            _ask_store(world, request, operations, agenda, step, number)
            step = step if step == ANSWERED else NOTHING
        breaker = breakers[0] if world.shared else breakers[request.instance]
        before = breaker.state
        if step == ASK:
            step = GO if permit(rules, breaker, world.now_s) else REFUSE
        if step == GO and world.capacity_limited:
            call_limited(world, requests, queue, agenda, number)
        elif step == GO:
            call(world, request, number)
        elif step == REFUSE:
            world.refused += 1
            _end(world, request, REFUSED, world.now_s - request.arrival_s)
            step = OVER
        elif step == ANSWERED:
            if number < world.requests and not world.shared:
                record(rules, breaker, world.now_s, request.is_bad, request.lasted_s)
            step = _end_call(world, request, number)
        if breaker.state != before:
            _changed(rules, world, breaker, int(request.instance), agenda, changes)
        if world.due >= 0:
            push(agenda, world.due_s, world.due)
            world.due = -1
        if step == OVER and world.pool_limited:
            _give_thread_back(world, requests, pools[request.instance], agenda)


@njit(cache=True)
def _is_full(world: World, agenda: Agenda, changes: Records) -> bool:
    """Whether an array may have no room for what the next event adds."""
    return bool(
        agenda[0]["item"] + MOST_ADDED >= agenda.size
        or world.changes + MOST_ADDED > changes.size
        or (world.shared and world.free_operations < MOST_ADDED)
    )


@njit(cache=True)
def _taken_next(world: World, ours: Records) -> int:
    """The request that arrives now: `ours`, the next to the dependency, or else the next to the neighbour."""
    if ours.arrival_s == world.now_s:
        number = int(world.next_request)
        world.next_request += 1
    else:
        number = int(world.next_neighbour)
        world.next_neighbour += 1
    return number


@njit(cache=True)
def _turn(
    world: World, requests: Records, pools: Records, queue: NDArray[np.int64], agenda: Agenda, what: int, job: int
) -> int:
    """What was on the agenda besides ends of calls and the store. The next step of its request."""
    number = job // ATTEMPTS
    request = requests[number]
    if what == RETRY:
        return ASK
    if what == GOT_THREAD:
        return BEGIN
    if what == LEFT_LINE:
        _give_up(world, requests, pools[request.instance])
        return NOTHING
    if what == REVIVED:
        serve_next(world, requests, queue, agenda)
        return NOTHING
    waits = request.is_calling and request.attempts == job % ATTEMPTS
    if what == SERVED:
        world.busy_servers -= 1
        serve_next(world, requests, queue, agenda)
        if not waits:
            world.in_vain += 1
            return NOTHING
        request.lasted_s = world.now_s - request.began_s
        return ANSWERED
    if not waits:
        return NOTHING
    request.lasted_s = world.call_timeout_s
    request.is_bad = 1
    return ANSWERED


@njit(cache=True)
def _take_thread(world: World, requests: Records, pools: Records, agenda: Agenda, number: int) -> int:
    """BEGIN with a thread; else stand in line for one, or fail for want of it."""
    pool = pools[requests[number].instance]
    if pool.busy < world.pool_size:
        pool.busy += 1
        return BEGIN
    if world.pool_wait_s == 0.0:
        _end(world, requests[number], NO_THREAD, 0.0)
        return NOTHING
    if pool.waiting == 0:
        pool.first = number
    else:
        requests[pool.last].behind = number
    pool.last = number
    pool.waiting += 1
    push(agenda, world.now_s + world.pool_wait_s, item_of(number, 0, LEFT_LINE))
    return NOTHING


@njit(cache=True)
def _begin(world: World, request: Request, number: int) -> int:
    """With a thread in hand: call the neighbour, or ASK for a call to the dependency."""
    if number < world.requests:
        return ASK
    request.began_s = world.now_s
    request.attempts = 1
    request.is_bad = request.service_s > world.call_timeout_s
    request.lasted_s = min(request.service_s, world.call_timeout_s)
    plan(world, world.now_s + request.lasted_s, item_of(number, 1, ENDED))
    return NOTHING


@njit(cache=True)
def _ask_store(world: World, request: Request, operations: Records, agenda: Agenda, step: int, number: int) -> None:
    """Begin to read the shared state: to ask for a call, or to record the one that is over."""
    job = job_of(number, request.attempts)
    if step == ASK:
        store.begin(world, operations, agenda, store.ASK_READ, job, SUCCESS, 0.0)
    else:
        store.begin(world, operations, agenda, store.RESULT_READ, job, int(request.is_bad), request.lasted_s)


@njit(cache=True)
def _end_call(world: World, request: Request, number: int) -> int:
    """A call is over, by an answer, an error or its timeout: the request is OVER too unless it is tried again."""
    request.is_calling = 0
    if number < world.requests:
        world.ended += 1
        if request.is_bad:
            world.failed += 1
            request.wasted_s += request.lasted_s
            if request.attempts < world.max_attempts:
                wait_s = _backoff_s(world, number, int(request.attempts))
                plan(world, world.now_s + wait_s, item_of(number, 0, RETRY))
                return NOTHING
    # Not now - arrival: where nothing was waited for, a request lasts exactly as long as its call.
    latency_s = request.began_s - request.arrival_s + request.lasted_s
    _end(world, request, FAILED if request.is_bad else SUCCEEDED, latency_s)
    return OVER


@njit(cache=True)
def _backoff_s(world: World, number: int, attempt: int) -> float:
    """The wait after this attempt: exponential, with an upper bound, and with full jitter or none."""
    longest_s = min(world.retry_base_s * world.retry_backoff_rate ** (attempt - 1), LONGEST_BACKOFF_S)
    if world.full_jitter:
        return float(longest_s * uniform(world.jitter_key, number, int(attempt)))
    return float(longest_s)


@njit(cache=True)
def _end(world: World, request: Request, outcome: int, latency_s: float) -> None:
    request.outcome = outcome
    request.latency_s = latency_s
    if outcome == NO_THREAD:
        world.no_thread += 1


@njit(cache=True)
def _give_thread_back(world: World, requests: Records, pool: Records, agenda: Agenda) -> None:
    """The thread goes to whoever is first in line, at this very moment."""
    if pool.waiting == 0:
        pool.busy -= 1
    else:
        push(agenda, world.now_s, item_of(pool.first, 0, GOT_THREAD))
        _leave_line(world, requests, pool)


@njit(cache=True)
def _give_up(world: World, requests: Records, pool: Records) -> None:
    """Those whose patience is over leave the line and fail. All are equally patient, so they stand at its front."""
    while pool.waiting > 0 and requests[pool.first].arrival_s + world.pool_wait_s <= world.now_s:
        number = pool.first
        _leave_line(world, requests, pool)
        _end(world, requests[number], NO_THREAD, world.now_s - requests[number].arrival_s)


@njit(cache=True)
def _leave_line(world: World, requests: Records, pool: Records) -> None:
    """The first in line leaves it."""
    pool.waiting -= 1
    pool.first = requests[pool.first].behind


@njit(cache=True)
def _changed(rules: Rules, world: World, breaker: Breaker, number: int, agenda: Agenda, changes: Records) -> None:
    note(world, breaker, number, changes)
    due_s = timer_due_s(rules, breaker)
    # After the end nothing would stop them.
    if due_s <= world.end_s:
        push(agenda, due_s, -1 - number)


@njit(cache=True)
def _time_is_up(rules: Rules, world: World, breakers: Records, agenda: Agenda, changes: Records, number: int) -> None:
    """A breaker's timer goes off, unless the breaker has moved since it was set."""
    breaker = breakers[number]
    if timer_due_s(rules, breaker) == world.now_s:
        fire_timer(rules, breaker, world.now_s)
        _changed(rules, world, breaker, number, agenda, changes)
