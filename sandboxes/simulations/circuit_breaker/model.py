"""Circuit breaker: stop calling what does not answer, and ask again later.

Model     Requests arrive as a Poisson process, whatever happened to those before them (open loop). A breaker lets each
          one through or refuses it at once. A call let through takes a lognormal time, multiplied by the slow factor
          while the dependency is slow, fails at random at the phase's error rate, and is given up at the call timeout.
          The dependency follows a script: healthy, slow, failing, dead, recovered. Its health when a call starts
          decides the call. Dead means no answer at all: the caller waits out its whole timeout. After the run's end
          nobody comes any more, and requests that are under way are followed to their end.
          More can be turned on. A pool: a request holds one of its instance's threads from its first call to its end,
          waits in line for one for a bounded time, and fails for want of one. A neighbour: other requests need the
          pool and a second dependency that is always well. Retries: a call that failed is made again after a backoff;
          a refusal never is. Capacity: the dependency has servers and a bounded first-come-first-served queue, works
          also on calls whose callers gave up, and starts nothing while it is dead. Instances: requests go to one of
          them at random; each has a breaker, or they share one in a store, which each call reads first and each
          result reads and writes, with a latency, failures and writes that overwrite or are conditional.
Claim     With a dead dependency and no breaker, callers waste arrival rate × dead time × call timeout. A breaker keeps
          the pool free for the neighbour, and keeps retries from holding the dependency down.
Left out  Calls that are cancelled; a retry budget; bulkheads of one dependency's own; caching the shared state; the
          time a refusal, a fallback or a local breaker takes (none). The neighbour is called without breaker or retry.
Source    Nygard, Release It!, 2007; Resilience4j, for the rules and their names
          <https://resilience4j.readme.io/docs/circuitbreaker>; pybreaker <https://github.com/danielfm/pybreaker>;
          Bronson et al., Metastable Failures in Distributed Systems, HotOS 2021, for overload that outlives its cause
          <https://doi.org/10.1145/3458336.3465286>.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.breaker import CLOSED
from sandboxes.simulations.circuit_breaker.params import Capacity, CircuitBreakerParams, Neighbour, Pool
from sandboxes.simulations.circuit_breaker.start import (
    Phase,
    ours_and_theirs,
    play_until,
    rules,
    script,
    started,
    traffic,
)
from sandboxes.simulations.circuit_breaker.world import SLOW, SUCCEEDED, Run

# Moments at which the pool and the queue are looked at, spread evenly over the run.
LOOKS = 161


class Stretch(NamedTuple):
    """A stretch of time a breaker spent in one state."""

    state: int
    start_s: float
    end_s: float


class Levels(NamedTuple):
    """How full the pools, the lines for them and the dependency were. Shapes (looks,)."""

    at_s: NDArray[np.float64]
    busy_threads: NDArray[np.int64]
    in_line: NDArray[np.int64]
    busy_servers: NDArray[np.int64]
    queued: NDArray[np.int64]


@dataclass(frozen=True)
class CircuitBreakerResult:
    """One run. Arrays are indexed by request, in order of arrival; times are seconds since the start."""

    params: CircuitBreakerParams
    seed: int
    phases: tuple[Phase, ...]
    breakers: tuple[tuple[Stretch, ...], ...]  # each breaker's tile the run: one begins where the one before it ends
    arrival_s: NDArray[np.float64]
    outcome: NDArray[np.int8]  # SUCCEEDED, SLOW (late but good), FAILED, REFUSED or NO_THREAD
    latency_s: NDArray[np.float64]  # as the caller felt it, to its end; 0 for one refused at once
    wasted_s: NDArray[np.float64]  # in calls that failed
    calls: NDArray[np.int8]  # that went out for it
    neighbour_arrival_s: NDArray[np.float64]
    neighbour_outcome: NDArray[np.int8]
    levels: Levels | None  # None where neither the pool nor the dependency has a limit
    lost_updates: int
    calls_in_vain: int  # that the dependency answered when their callers had given up

    @property
    def duration_s(self) -> float:
        return self.phases[-1].end_s

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Those of the first breaker, which is the only one unless each of several instances has its own."""
        return self.breakers[0]


def run(params: CircuitBreakerParams, seed: int) -> CircuitBreakerResult:
    """One run of the whole script. The same arguments give the same result, bit for bit.

    Every request keeps its own draws whatever the breaker does, so two settings face the same traffic. Requests that
    are under way when the run ends are followed to their end. Raises ValueError for a seed out of range.
    """
    rule, come = rules(params), traffic(params, seed)
    going = started(params, rule, come)
    levels = None
    if params.pool is Pool.LIMITED or params.dependency_capacity is Capacity.LIMITED:
        levels, going = _watched(params, going)
    going = play_until(rule, going, np.inf)
    ours, theirs = (going.requests[here] for here, _ in ours_and_theirs(come))
    outcome, latency_s = ours.outcome.copy(), ours.latency_s.copy()
    outcome[(outcome == SUCCEEDED) & (latency_s > params.slow_call_duration_threshold_s)] = SLOW
    return CircuitBreakerResult(
        params=params,
        seed=seed,
        phases=script(params),
        breakers=_stretches(going),
        arrival_s=come.arrival_s[: come.requests],
        outcome=outcome,
        latency_s=latency_s,
        wasted_s=ours.wasted_s.copy(),
        calls=ours.attempts.copy(),
        neighbour_arrival_s=come.arrival_s[come.requests :],
        neighbour_outcome=theirs.outcome.copy(),
        levels=levels,
        lost_updates=int(going.world.lost_updates),
        calls_in_vain=int(going.world.in_vain),
    )


def requests(params: CircuitBreakerParams) -> int:
    """How many requests a run has on average, the neighbour's included."""
    rate_per_s = params.arrival_rate_per_s
    if params.neighbour is Neighbour.SHARES_POOL:
        rate_per_s += params.neighbour_rate_per_s
    return round(rate_per_s * script(params)[-1].end_s)


def _watched(params: CircuitBreakerParams, going: Run) -> tuple[Levels, Run]:
    """The run to its end, with a look at pools and dependency now and then."""
    rule, world = rules(params), going.world
    at_s = np.linspace(0, script(params)[-1].end_s, LOOKS)
    seen = []
    for moment_s in at_s.tolist():
        going = play_until(rule, going, moment_s)
        pools = going.pools
        seen.append((pools.busy.sum(), pools.waiting.sum(), world.busy_servers, world.queued))
    return Levels(at_s, *np.array(seen, np.int64).T), going


def _stretches(going: Run) -> tuple[tuple[Stretch, ...], ...]:
    """What each breaker's changes of state make of the run."""
    changes = going.changes[: going.world.changes]
    end_s = float(going.world.end_s)
    tiled = []
    for number in range(going.breakers.size):
        own = changes[changes.breaker == number]
        starts_s, states = [0.0, *own.at_s.tolist()], [CLOSED, *own.state.tolist()]
        tiled.append(tuple(map(Stretch, states, starts_s, [*starts_s[1:], end_s])))
    return tuple(tiled)
