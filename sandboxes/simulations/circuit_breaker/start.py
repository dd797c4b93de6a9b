"""How a run starts: the script, the rules, the traffic with all its chance, and the records the loop works on.

Every purpose has a stream of its own, drawn by the number of the request: whatever the breaker or the pool does, and
whatever else is turned on, a request keeps its draws, so two settings face the same traffic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.agenda import Agenda, empty_agenda, push
from sandboxes.simulations.circuit_breaker.breaker import (
    BREAKER,
    CONSECUTIVE,
    COUNT_WINDOW,
    NONE,
    TIME_WINDOW,
    Rules,
    closed_breaker,
)
from sandboxes.simulations.circuit_breaker.loop import MOST_ADDED, advance
from sandboxes.simulations.circuit_breaker.params import (
    Capacity,
    CircuitBreakerParams,
    Jitter,
    Kind,
    Neighbour,
    Pool,
    Retries,
    ServiceTime,
    StateKept,
    StoreGone,
    StoreWrites,
)
from sandboxes.simulations.circuit_breaker.world import (
    CHANGE,
    OPERATION,
    POOL,
    REQUEST,
    REVIVED,
    UNENDED,
    WORLD,
    Records,
    Run,
    World,
    item_of,
    records,
)
from sandboxes.simulations.streams import streams

# The standard normal quantile of 0.99: a lognormal's p99 is its median times exp(this x sigma).
NORMAL_P99 = 2.3263478740408408
# What an array of the loop has room for at first.
ROOM = 1024
OPERATIONS = 64


class Phase(NamedTuple):
    """A stretch of the dependency's script."""

    name: str
    start_s: float
    end_s: float


class Traffic(NamedTuple):
    """All requests and their chance. Shapes (n,): the first `requests` go to the dependency, the rest to the neighbour.

    `chance` and `service_s` are of a request's first call; those after it draw by number, by the `keys`.
    """

    requests: int
    arrival_s: NDArray[np.float64]
    service_s: NDArray[np.float64]  # when the dependency is well
    chance: NDArray[np.float64]
    instance: NDArray[np.int32]
    keys: tuple[int, int, int, int]  # of service, errors, jitter, store


def script(params: CircuitBreakerParams) -> tuple[Phase, ...]:
    """The dependency's phases in order, without those that last no time."""
    phases: list[Phase] = []
    start_s = 0.0
    for name in ("healthy", "slow", "failing", "dead", "recovered"):
        length_s = getattr(params, f"{name}_s")
        if length_s > 0:
            phases.append(Phase(name, start_s, start_s + length_s))
            start_s += length_s
    return tuple(phases)


def rules(params: CircuitBreakerParams) -> Rules:
    """The parameters in the breaker's terms. pybreaker has one trial, and no timers."""
    windowed = params.kind in (Kind.COUNT, Kind.TIME)
    return Rules(
        kind={
            Kind.NONE: NONE,
            Kind.COUNT: COUNT_WINDOW,
            Kind.TIME: TIME_WINDOW,
            Kind.CONSECUTIVE: CONSECUTIVE,
        }[params.kind],
        failure_rate_threshold=params.failure_rate_threshold,
        slow_call_rate_threshold=params.slow_call_rate_threshold,
        slow_call_duration_threshold_s=params.slow_call_duration_threshold_s,
        window=params.sliding_window_size_s if params.kind is Kind.TIME else params.sliding_window_size_calls,
        minimum_number_of_calls=params.minimum_number_of_calls,
        consecutive_failures=params.consecutive_failures,
        wait_duration_in_open_state_s=params.wait_duration_in_open_state_s,
        permitted_calls_in_half_open=params.permitted_number_of_calls_in_half_open_state if windowed else 1,
        max_wait_in_half_open_s=params.max_wait_duration_in_half_open_state_s if windowed else 0.0,
        automatic_transition=windowed and params.automatic_transition_from_open_to_half_open_enabled,
    )


def traffic(params: CircuitBreakerParams, seed: int) -> Traffic:
    """Who comes when, and what would become of the first call. Raises ValueError for a seed out of range."""
    arrivals, service, errors, routing, keys, others, their_service, their_routing = streams(
        seed, "arrivals", "service", "errors", "routing", "keys", "neighbour", "its service", "its routing"
    )
    end_s = script(params)[-1].end_s
    arrival_s = poisson_arrivals(arrivals, params.arrival_rate_per_s, end_s)
    service_s = service_times_s(params, params.healthy_median_ms / 1000, service, arrival_s.size)
    chance = errors.random(arrival_s.size)
    instance = _instances(params, routing, arrival_s.size)
    requests = arrival_s.size
    if params.neighbour is Neighbour.SHARES_POOL:
        their_arrival_s = poisson_arrivals(others, params.neighbour_rate_per_s, end_s)
        count = their_arrival_s.size
        arrival_s = np.append(arrival_s, their_arrival_s)
        their_service_s = service_times_s(params, params.neighbour_median_ms / 1000, their_service, count)
        service_s = np.append(service_s, their_service_s)
        chance = np.append(chance, np.ones(count))
        instance = np.append(instance, _instances(params, their_routing, count))
    service_key, error_key, jitter_key, store_key = keys.integers(0, 2**32, 4).tolist()
    return Traffic(requests, arrival_s, service_s, chance, instance, (service_key, error_key, jitter_key, store_key))


def poisson_arrivals(stream: np.random.Generator, rate_per_s: float, end_s: float) -> NDArray[np.float64]:
    """Moments of arrival before `end_s`. A longer run, or a busier one, uses the same draws from the start."""
    expected = rate_per_s * end_s
    draws = int(expected + 6 * np.sqrt(expected)) + 16
    arrival_s = np.cumsum(stream.standard_exponential(draws) / rate_per_s)
    while arrival_s[-1] < end_s:
        more_s = np.cumsum(stream.standard_exponential(draws) / rate_per_s)
        arrival_s = np.append(arrival_s, arrival_s[-1] + more_s)
    return arrival_s[: np.searchsorted(arrival_s, end_s)]


def service_times_s(
    params: CircuitBreakerParams, median_s: float, stream: np.random.Generator, count: int
) -> NDArray[np.float64]:
    """How long each call takes a dependency that is well. Shape (count,), seconds."""
    if params.service_time is ServiceTime.EXPONENTIAL:
        spread = stream.standard_exponential(count) / np.log(2)
    else:
        spread = np.exp(_sigma(params) * stream.standard_normal(count))
    service_s: NDArray[np.float64] = median_s * spread
    return service_s


def started(params: CircuitBreakerParams, rule: Rules, come: Traffic) -> Run:
    """A run at 0 s, with all closed and idle and nothing done yet."""
    shared = params.kind is not Kind.NONE and params.state_kept is StateKept.SHARED
    world = _world(params, come, shared)
    requests = records(come.arrival_s.size + 2, REQUEST)
    requests.outcome[:] = UNENDED
    for here, there in ours_and_theirs(come):
        requests.arrival_s[here] = come.arrival_s[there]
        requests.service_s[here] = come.service_s[there]
        requests.chance[here] = come.chance[there]
        requests.instance[here] = come.instance[there]
    # Behind each kind, one that never comes.
    requests.arrival_s[[come.requests, -1]] = np.inf
    breakers = records(1 if shared else params.instances, BREAKER)
    breakers[:] = closed_breaker(rule)
    agenda = empty_agenda(ROOM)
    if params.dependency_capacity is Capacity.LIMITED:
        for phase in script(params):
            if phase.name == "dead":
                push(agenda, phase.end_s, item_of(0, 0, REVIVED))
    return Run(
        world=world,
        requests=requests,
        breakers=breakers,
        pools=records(params.instances, POOL),
        queue=np.zeros(params.queue_size, np.int64),
        agenda=agenda,
        changes=records(ROOM, CHANGE),
        operations=_free(world, records(OPERATIONS if shared else 1, OPERATION), 0),
        copies=records(OPERATIONS if shared else 1, BREAKER),
    )


def ours_and_theirs(come: Traffic) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where the requests to the dependency, and the neighbour's, stand in the run, and where in the traffic."""
    ours = slice(0, come.requests)
    return (ours, ours), (slice(come.requests + 1, come.arrival_s.size + 1), slice(come.requests, None))


def play_until(rule: Rules, run: Run, until_s: float) -> Run:
    """The run as it stands once everything up to and including `until_s` has happened."""
    while not advance(rule, *run, until_s):
        run = with_more_room(run)
    return run


def with_more_room(run: Run) -> Run:
    """The same run, with twice the room in whatever is nearly full."""
    world = run.world
    if run.agenda[0]["item"] + MOST_ADDED >= run.agenda.size:
        agenda: Agenda = np.concatenate((run.agenda, np.empty_like(run.agenda)))
        run = run._replace(agenda=agenda)
    if world.changes + MOST_ADDED > run.changes.size:
        run = run._replace(changes=_doubled(run.changes))
    if world.shared and world.free_operations < MOST_ADDED:
        used = run.operations.size
        operations = _free(world, _doubled(run.operations), used)
        run = run._replace(operations=operations, copies=_doubled(run.copies))
    return run


def _doubled(full: Records) -> Records:
    wider = records(2 * full.size, full.dtype)
    wider[: full.size] = full
    return wider


def _free(world: World, operations: Records, since: int) -> Records:
    """The operations from `since` on are free, the first of them next."""
    operations.after[since:-1] = np.arange(since + 1, operations.size)
    operations.after[-1] = world.free_operation
    world.free_operation = since
    world.free_operations += operations.size - since
    return operations


def _instances(params: CircuitBreakerParams, stream: np.random.Generator, count: int) -> NDArray[np.int32]:
    if params.instances == 1:
        return np.zeros(count, np.int32)
    return (stream.random(count) * params.instances).astype(np.int32)


def _sigma(params: CircuitBreakerParams) -> float:
    return float(np.log(params.healthy_p99_to_median) / NORMAL_P99)


def _world(params: CircuitBreakerParams, come: Traffic, shared: bool) -> World:
    phases = script(params)
    service_key, error_key, jitter_key, store_key = come.keys
    retries = params.retries is Retries.BACKOFF
    world = records(1, WORLD)[0]
    for name, value in {
        "end_s": phases[-1].end_s,
        "call_timeout_s": params.call_timeout_s,
        "requests": come.requests,
        "next_neighbour": come.requests + 1,
        "due": -1,
        "pool_limited": params.pool is Pool.LIMITED,
        "pool_size": params.pool_size,
        "pool_wait_s": params.pool_wait_s,
        "max_attempts": params.max_attempts if retries else 1,
        "retry_base_s": params.retry_base_ms / 1000,
        "retry_backoff_rate": params.retry_backoff_rate,
        "full_jitter": params.retry_jitter is Jitter.FULL,
        "capacity_limited": params.dependency_capacity is Capacity.LIMITED,
        "servers": params.servers,
        "queue_size": params.queue_size,
        "exponential": params.service_time is ServiceTime.EXPONENTIAL,
        "median_s": params.healthy_median_ms / 1000,
        "sigma": _sigma(params),
        "shared": shared,
        "conditional": params.store_writes is StoreWrites.CONDITIONAL,
        "store_latency_s": params.store_latency_ms / 1000,
        "store_timeout_s": params.store_timeout_ms / 1000,
        "store_error_rate": params.store_error_percent / 100,
        "store_down_from_s": params.store_down_from_s,
        "store_down_until_s": params.store_down_from_s + params.store_down_s,
        "refuse_when_gone": params.when_store_is_gone is StoreGone.OPEN,
        "service_key": service_key,
        "error_key": error_key,
        "jitter_key": jitter_key,
        "store_key": store_key,
        "phases": len(phases),
    }.items():
        world[name] = value
    factor = {"slow": params.slow_factor, "dead": np.inf}
    error_percent = {"failing": params.failing_error_percent}
    for place, phase in enumerate(phases):
        world.phase_end_s[place] = phase.end_s
        world.factor[place] = factor.get(phase.name, 1.0)
        world.error_rate[place] = error_percent.get(phase.name, params.background_error_percent) / 100
    world.free_operation = -1
    return world
