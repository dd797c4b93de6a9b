"""The dependency: how long it takes, whether it errs, and the queue before its servers.

Without limit every call is worked on at once, and its health when the call comes decides it. With servers and a queue a
call is decided when a server takes it up. A server does not know whether the caller still waits: it works on calls
whose callers gave up long ago. While the dependency is dead no server takes anything up; what is queued stays.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import Agenda, push
from sandboxes.simulations.circuit_breaker.draws import exponential, normal, uniform
from sandboxes.simulations.circuit_breaker.world import (
    ATTEMPTS,
    ENDED,
    SERVED,
    TIMED_OUT,
    Records,
    Request,
    World,
    item_of,
    job_of,
    plan,
)


@njit(cache=True)
def call(world: World, request: Request, number: int) -> None:
    """A call leaves now for a dependency without limits: how it will end, and when, is known at once."""
    _leave(world, request)
    attempt = int(request.attempts)
    service_s = request.service_s if attempt == 1 else service_time_s(world, number, attempt)
    service_s *= world.factor[world.phase]
    if service_s > world.call_timeout_s:
        request.lasted_s = world.call_timeout_s
        request.is_bad = 1
    else:
        request.lasted_s = service_s
        request.is_bad = chance(world, request, number, attempt) < world.error_rate[world.phase]
    plan(world, world.now_s + request.lasted_s, item_of(number, attempt, ENDED))


@njit(cache=True)
def call_limited(world: World, requests: Records, queue: NDArray[np.int64], agenda: Agenda, number: int) -> None:
    """A call leaves now: to a server if one is free, else into the queue, else for an error at once.

    The dead do not even say that there is no room.
    """
    request = requests[number]
    _leave(world, request)
    job = job_of(number, request.attempts)
    request.is_bad = 1
    if world.busy_servers < world.servers and not is_dead(world):
        _take_up(world, requests, agenda, job)
    elif world.queued < world.queue_size:
        place = world.queue_first + world.queued
        if place >= world.queue_size:
            place -= world.queue_size
        queue[place] = job
        world.queued += 1
    elif not is_dead(world):
        request.lasted_s = 0.0
        push(agenda, world.now_s, item_of(number, request.attempts, ENDED))
        return
    push(agenda, world.now_s + world.call_timeout_s, item_of(number, request.attempts, TIMED_OUT))


@njit(cache=True)
def serve_next(world: World, requests: Records, queue: NDArray[np.int64], agenda: Agenda) -> None:
    """Free servers take calls from the queue, unless the dependency is dead."""
    move_to_phase(world)
    if is_dead(world):
        return
    while world.queued > 0 and world.busy_servers < world.servers:
        job = queue[world.queue_first]
        world.queue_first += 1
        if world.queue_first == world.queue_size:
            world.queue_first = 0
        world.queued -= 1
        _take_up(world, requests, agenda, job)


@njit(cache=True)
def service_time_s(world: World, number: int, attempt: int) -> float:
    """How long a call after the first takes a dependency that is well."""
    if world.exponential:
        return float(world.median_s / log(2.0) * exponential(world.service_key, number, attempt))
    return float(world.median_s * exp(world.sigma * normal(world.service_key, number, attempt)))


@njit(cache=True)
def chance(world: World, request: Request, number: int, attempt: int) -> float:
    if attempt == 1:
        return float(request.chance)
    return uniform(world.error_key, number, attempt)


@njit(cache=True)
def move_to_phase(world: World) -> None:
    """The phase of the script that holds now; the last one goes on after the run's end."""
    while world.phase + 1 < world.phases and world.now_s >= world.phase_end_s[world.phase]:
        world.phase += 1


@njit(cache=True)
def is_dead(world: World) -> bool:
    return bool(np.isinf(world.factor[world.phase]))


@njit(cache=True)
def _leave(world: World, request: Request) -> None:
    request.began_s = world.now_s
    request.attempts += 1
    request.is_calling = 1
    world.passed += 1
    move_to_phase(world)


@njit(cache=True)
def _take_up(world: World, requests: Records, agenda: Agenda, job: int) -> None:
    number, attempt = job // ATTEMPTS, job % ATTEMPTS
    request = requests[number]
    service_s = request.service_s if attempt == 1 else service_time_s(world, number, attempt)
    if request.attempts == attempt:
        request.is_bad = chance(world, request, number, attempt) < world.error_rate[world.phase]
    world.busy_servers += 1
    push(agenda, world.now_s + service_s * world.factor[world.phase], job * 8 + SERVED)
