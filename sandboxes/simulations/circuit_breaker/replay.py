"""A run of the breaker frame by frame: the window filling, calls going through or bouncing, the wait running down.

The recording plays the run's own calls against the same breaker once more and looks at it at chosen moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sandboxes.simulations.agenda import empty_agenda, push
from sandboxes.simulations.circuit_breaker.breaker import (
    BREAKER,
    CLOSED,
    OPEN,
    Breaker,
    Rules,
    closed_breaker,
    failure_rate,
    permit,
)
from sandboxes.simulations.circuit_breaker.model import (
    FAILED,
    REFUSED,
    CircuitBreakerResult,
    rules,
    settle,
)
from sandboxes.simulations.circuit_breaker.picture import pictures, shown
from sandboxes.simulations.circuit_breaker.scene import Books, Recording, scenes
from sandboxes.simulations.circuit_breaker.story import told
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
        Frame(scene.at_s, told(result.params, rule, scene), shown(rule, scene), scene.is_key)
        for scene in scenes(result, recording, books(result, chosen.at_s))
    )
    return Replay(pictures(rule), frames, _note(result, chosen))


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
    """What the breaker knew at each of the moments, the last of which is the run's end."""
    failed = result.outcome == FAILED
    memory = np.zeros(at_s.size, BREAKER)
    decided = watch(rule, closed_breaker(rule), result.arrival_s, result.latency_s, failed, at_s, memory)
    return Recording(at_s, memory, *decided)


def books(result: CircuitBreakerResult, at_s: NDArray[np.float64]) -> Books:
    """Calls let through, refused, and ended by their outcome, up to and including each moment."""
    permitted = result.outcome != REFUSED
    ended_s = (result.arrival_s + result.latency_s)[permitted]
    order = np.argsort(ended_s, kind="stable")
    ended_by = np.searchsorted(ended_s[order], at_s, side="right")
    failed = np.append(0, np.cumsum(result.outcome[permitted][order] == FAILED))
    return Books(
        passed=np.searchsorted(result.arrival_s[permitted], at_s, side="right"),
        refused=np.searchsorted(result.arrival_s[~permitted], at_s, side="right"),
        ended=ended_by,
        failed=failed[ended_by],
    )


@njit(cache=True)
def watch(
    rule: Rules,
    breaker: Breaker,
    arrival_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    failed: NDArray[np.bool_],
    at_s: NDArray[np.float64],
    memory: NDArray[np.void],
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """As the model's `play`, stopping at each moment to copy what the breaker knows into `memory`.

    Shapes (n,), (n,), (n,), (frames,), (frames,) -> permitted (n,), change_s (changes,), change_state (changes,).
    A refused call's duration is never looked at.
    """
    permitted = np.zeros(arrival_s.size, np.bool_)
    changes = [(0.0, CLOSED)]
    under_way = empty_agenda(arrival_s.size)
    call = 0
    for frame in range(at_s.size):
        while call < arrival_s.size and arrival_s[call] <= at_s[frame]:
            now_s = arrival_s[call]
            settle(rule, breaker, under_way, changes, duration_s, failed, now_s)
            before = breaker.state
            permitted[call] = permit(rule, breaker, now_s)
            if breaker.state != before:
                changes.append((now_s, breaker.state))
            if permitted[call]:
                push(under_way, now_s + duration_s[call], call)
            call += 1
        settle(rule, breaker, under_way, changes, duration_s, failed, at_s[frame])
        failure_rate(breaker, at_s[frame])  # brings a time window up to the moment
        memory[frame] = breaker
    change_s = np.array([change[0] for change in changes])
    change_state = np.array([change[1] for change in changes])
    return permitted, change_s, change_state


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
    permitted = result.outcome != REFUSED
    ended_s = np.sort((result.arrival_s + result.latency_s)[permitted])
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
    if changes == 0:
        return f"{frames}, spread evenly; the breaker never changed its state."
    if chosen.changes < changes:
        return f"{frames}. There were {changes:,} changes of state; {chosen.changes} of them are shown call by call."
    return f"{frames}: call by call around each change of state, and in longer strides between."
