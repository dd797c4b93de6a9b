"""A run of the breaker frame by frame: the window filling, calls going through or bouncing, the wait running down.

The recording is the same run once more, by the same loop, which stops at chosen moments to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.breaker import BREAKER, OPEN, Rules, failure_rate
from sandboxes.simulations.circuit_breaker.measures import is_shared
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult
from sandboxes.simulations.circuit_breaker.picture import pictures, shown
from sandboxes.simulations.circuit_breaker.scene import Fill, Recording, Tally, scenes
from sandboxes.simulations.circuit_breaker.start import play_until, rules, started, traffic
from sandboxes.simulations.circuit_breaker.story import told
from sandboxes.simulations.circuit_breaker.world import NO_THREAD, REFUSED
from sandboxes.simulations.replays import MOST_FRAMES, Frame, Replay

# Changes of state that get frames of their own, calls on each side of one, and frames spread over the whole run.
MOST_CHANGES = 100
MOST_CALLS_BESIDE = 12
LEAST_SPREAD = 200


class Moments(NamedTuple):
    """When to look, in order, and how many of the changes of state are among them."""

    at_s: NDArray[np.float64]
    changes: int


def replay(result: CircuitBreakerResult) -> Replay:
    """The run in at most 600 frames: every call around a change of state, and the whole run evenly."""
    rule = rules(result.params)
    chosen = moments(result)
    recording = record(rule, result, chosen.at_s)
    frames = tuple(
        Frame(scene.at_s, told(result.params, rule, scene), shown(result.params, rule, scene), scene.is_key)
        for scene in scenes(result, recording)
    )
    return Replay(pictures(result.params, rule), frames, _note(result, chosen))


def moments(result: CircuitBreakerResult) -> Moments:
    """Changes of state, the calls beside them, the script's phases, and a spread over the run that fills the rest."""
    changes = _thinned(np.arange(1, len(result.stretches)))
    fixed_s = [0.0, *(phase.start_s for phase in result.phases), result.duration_s]
    fixed_s += [result.stretches[change].start_s for change in changes]
    room = MOST_FRAMES - LEAST_SPREAD - len(fixed_s)
    beside = min(MOST_CALLS_BESIDE, room // (2 * max(1, len(changes))))
    chosen_s = np.unique(np.concatenate([fixed_s, *_beside(result, changes, beside)]))
    # Both ends are there already.
    spread_s = np.linspace(0, result.duration_s, MOST_FRAMES - chosen_s.size + 2)
    return Moments(np.unique(np.concatenate([chosen_s, spread_s[1:-1]])), len(changes))


def record(rule: Rules, result: CircuitBreakerResult, at_s: NDArray[np.float64]) -> Recording:
    """What was to be seen at each of the moments, which are in order."""
    run = started(result.params, rule, traffic(result.params, result.seed))
    memory = np.zeros(at_s.size, BREAKER)
    totals, fill = [], []
    for frame, moment_s in enumerate(at_s.tolist()):
        run = play_until(rule, run, moment_s)
        world, breaker = run.world, run.breakers[0]
        failure_rate(breaker, moment_s)  # brings a time window up to the moment
        memory[frame] = breaker
        totals.append(Tally(*(int(world[name]) for name in Tally._fields)))
        busy, waiting = int(run.pools.busy.sum()), int(run.pools.waiting.sum())
        fill.append(Fill(busy, waiting, int(world.busy_servers), int(world.queued)))
    return Recording(at_s, memory, tuple(totals), tuple(fill))


def _thinned(changes: NDArray[np.int64]) -> list[int]:
    """The changes that get frames: all, or so many that are spread evenly over them."""
    if changes.size > MOST_CHANGES:
        changes = changes[np.linspace(0, changes.size - 1, MOST_CHANGES).astype(int)]
    chosen: list[int] = changes.tolist()
    return chosen


def _beside(result: CircuitBreakerResult, changes: list[int], most: int) -> Iterator[NDArray[np.float64]]:
    """For each change, the moments of the calls before and after it.

    Results move a breaker that lets calls through, so before such a move they are shown; else the calls themselves.
    """
    called = (result.outcome != REFUSED) & (result.outcome != NO_THREAD)
    ended_s = np.sort((result.arrival_s + result.latency_s)[called])
    for change in changes:
        at_s = result.stretches[change].start_s
        leading_s = result.arrival_s if result.stretches[change - 1].state == OPEN else ended_s
        before = np.searchsorted(leading_s, at_s, side="left")
        after = np.searchsorted(result.arrival_s, at_s, side="right")
        yield leading_s[max(0, before - most) : before]
        yield result.arrival_s[after : after + most]


def _note(result: CircuitBreakerResult, chosen: Moments) -> str:
    changes = len(result.stretches) - 1
    frames = f"{chosen.at_s.size} frames of {result.outcome.size:,} requests"
    if len(result.breakers) > 1:
        frames += f"; the breaker is that of instance 1 of {len(result.breakers)}, the rest is of all"
    elif is_shared(result) and result.params.instances > 1:
        frames += f"; the breaker is the shared one of {result.params.instances} instances"
    if changes == 0:
        return f"{frames}, spread evenly; the breaker never changed its state."
    if chosen.changes < changes:
        return f"{frames}. There were {changes:,} changes of state; {chosen.changes} of them are shown call by call."
    return f"{frames}: call by call around each change of state, and in longer strides between."
