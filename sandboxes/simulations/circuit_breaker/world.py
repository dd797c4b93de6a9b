"""What one run consists of while it goes on: records that compiled code reads through a bare pointer, as C a struct.

One `WORLD` holds the settings and what there is once; a `REQUEST` each, a `POOL` each instance, and an `OPERATION` each
read or write of the shared store that is under way. No field is named like an attribute that numpy.record has already.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import Agenda
from sandboxes.simulations.circuit_breaker.breaker import Breaker

# How a request ended. SLOW is given afterwards to those that succeeded late.
SUCCEEDED, SLOW, FAILED, REFUSED, NO_THREAD = 0, 1, 2, 3, 4
UNENDED = -1
MOST_PHASES = 5

# What an item of the agenda is, in its lowest three bits; above them stand attempt and request, or an operation.
# A negative item is the timer of breaker -1 - item: of things at one moment timers go first, then the lower number.
ENDED, SERVED, TIMED_OUT, RETRY, LEFT_LINE, GOT_THREAD, STORE, REVIVED = range(8)
ATTEMPTS = 16

REQUEST = np.dtype(
    [
        ("arrival_s", np.float64),
        ("service_s", np.float64),  # of its first call, to a dependency that is well
        ("chance", np.float64),  # 0 to 1: its first call is an error if this is below the error rate
        ("began_s", np.float64),  # its present call
        ("lasted_s", np.float64),  # its present call, once that is known
        ("wasted_s", np.float64),  # in all its calls that failed
        ("latency_s", np.float64),
        ("instance", np.int32),
        ("behind", np.int32),  # the request behind it in the line for a thread
        ("attempts", np.int8),
        ("outcome", np.int8),
        ("is_calling", np.int8),
        ("is_bad", np.int8),  # the answer of its present call will be an error
    ],
    align=True,
)

POOL = np.dtype([("busy", np.int64), ("waiting", np.int64), ("first", np.int64), ("last", np.int64)])

OPERATION = np.dtype(
    [
        ("step", np.int64),
        ("job", np.int64),
        ("outcome", np.int64),  # of the call whose result it records
        ("lasted_s", np.float64),
        ("tries", np.int64),
        ("version", np.int64),  # of the state it has read
        ("holds", np.int64),  # how many updates that state holds
        ("is_granted", np.int64),
        ("is_lost", np.int64),  # the store does not answer it
        ("after", np.int64),  # the next one in the list of those that are free
    ]
)

CHANGE = np.dtype([("at_s", np.float64), ("breaker", np.int64), ("state", np.int64)])

WORLD = np.dtype(
    [
        # Settings.
        ("end_s", np.float64),
        ("call_timeout_s", np.float64),
        ("requests", np.int64),  # to the dependency; those to the neighbour are numbered behind them
        ("pool_limited", np.int64),
        ("pool_size", np.int64),
        ("pool_wait_s", np.float64),
        ("max_attempts", np.int64),
        ("retry_base_s", np.float64),
        ("retry_backoff_rate", np.float64),
        ("full_jitter", np.int64),
        ("capacity_limited", np.int64),
        ("servers", np.int64),
        ("queue_size", np.int64),
        ("exponential", np.int64),
        ("median_s", np.float64),
        ("sigma", np.float64),
        ("shared", np.int64),
        ("conditional", np.int64),
        ("store_latency_s", np.float64),
        ("store_timeout_s", np.float64),
        ("store_error_rate", np.float64),
        ("store_down_from_s", np.float64),
        ("store_down_until_s", np.float64),
        ("refuse_when_gone", np.int64),
        ("service_key", np.int64),
        ("error_key", np.int64),
        ("jitter_key", np.int64),
        ("store_key", np.int64),
        ("phases", np.int64),
        ("phase_end_s", np.float64, (MOST_PHASES,)),
        ("factor", np.float64, (MOST_PHASES,)),
        ("error_rate", np.float64, (MOST_PHASES,)),
        # How things stand.
        ("now_s", np.float64),
        ("phase", np.int64),
        ("next_request", np.int64),
        ("next_neighbour", np.int64),
        ("due_s", np.float64),  # and
        ("due", np.int64),  # an item that has yet to go on the agenda; -1 for none
        ("changes", np.int64),
        ("busy_servers", np.int64),
        ("queue_first", np.int64),
        ("queued", np.int64),
        ("version", np.int64),  # of the shared state
        ("holds", np.int64),  # updates that the shared state holds
        ("lost_updates", np.int64),
        ("free_operation", np.int64),
        ("free_operations", np.int64),
        ("asked_store", np.int64),
        # Totals so far.
        ("passed", np.int64),  # calls let through
        ("refused", np.int64),
        ("ended", np.int64),  # calls
        ("failed", np.int64),  # of them
        ("no_thread", np.int64),  # requests, the neighbour's included
        ("in_vain", np.int64),  # calls that the dependency answered when their caller had given up
    ]
)

World: TypeAlias = Any
Request: TypeAlias = Any
Records: TypeAlias = Any


class Run(NamedTuple):
    """All of one run, as `advance` takes it. Arrays that become too small are replaced by larger ones."""

    world: World
    requests: (
        Records  # of REQUEST: those to the dependency, one that never comes, the neighbour's, one that never comes
    )
    breakers: Records  # (instances,) of BREAKER; only the first is in use where the state is shared
    pools: Records  # (instances,) of POOL
    queue: NDArray[np.int64]  # (queue_size,) jobs: a ring
    agenda: Agenda
    changes: Records  # of CHANGE
    operations: Records  # of OPERATION
    copies: Records  # of BREAKER: what the operation of the same number has read


def records(count: int, kind: np.dtype[Any]) -> Records:
    """So many records of zeros, whose fields plain Python reads as compiled code does."""
    return np.zeros(count, kind).view(np.recarray)


@njit(cache=True)
def job_of(request: int, attempt: int) -> int:
    """One call of a request. Plain Python would reckon in the few bits that a record keeps its attempts in."""
    return int(request) * ATTEMPTS + int(attempt)


@njit(cache=True)
def item_of(request: int, attempt: int, what: int) -> int:
    return job_of(request, attempt) * 8 + what


@njit(cache=True)
def plan(world: World, at_s: float, item: int) -> None:
    """Keep an item for the agenda: who has no agenda at hand can put one there, once in every event."""
    world.due_s = at_s
    world.due = item


@njit(cache=True)
def note(world: World, breaker: Breaker, number: int, changes: Records) -> None:
    """Write down that a breaker is in another state now. What happens after the run's end is not part of it."""
    if world.now_s > world.end_s:
        return
    change = changes[world.changes]
    change.at_s = world.now_s
    change.breaker = number
    change.state = breaker.state
    world.changes += 1
