"""One attempt at one step: what befalls it, when its caller hears of it, and how long to wait before the next.

An attempt is refused for good, fails for now, or is done; or its answer is lost, and then it may have been done or not.
One that takes longer than the timeout is done late, when its caller has already given up on it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sandboxes.simulations.saga.chance import JITTER, UNSEEN, VERDICT, normal, uniform
from sandboxes.simulations.saga.world import (
    ANSWERS,
    BACK,
    CONFIRM,
    DONE,
    FAILED,
    FINISH,
    FORWARD,
    HEARD,
    NONE_YET,
    PERSISTENT,
    PIVOT_ORDERING,
    REFUSED,
    SAGA,
    SENDS,
    SENT,
    UNKNOWN,
    WORKS,
    Rules,
    World,
    note,
    soon,
)

# Whoever must hear of a call in the end asks this often at least, once its first retries are spent.
LONGEST_ASKING_S = 60.0


@njit(cache=True)
def attempt(rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int) -> None:
    """Send a call. Its luck is drawn by its number, so it is settled here when who will hear what."""
    note(world, order, SENT, step, direction, number, HEARD)
    verdict = luck(rules, order, step, direction, number)
    latency_s = rules["median_s"][step] * np.exp(rules["sigma"] * normal(rules, order, step, direction, number))
    if verdict != UNKNOWN and latency_s <= rules["step_timeout_s"]:
        soon(world, latency_s, ANSWERS, order, step, direction, number, tries, verdict)
        return
    soon(world, rules["step_timeout_s"], ANSWERS, order, step, direction, number, tries, UNKNOWN)
    lost = uniform(rules, UNSEEN, order, step, direction, number) >= rules["timeout_effect"]
    if verdict == DONE or (verdict == UNKNOWN and not lost):
        soon(world, latency_s, WORKS, order, step, direction, number, NONE_YET, DONE)


@njit(cache=True)
def luck(rules: Rules, order: int, step: int, direction: int, number: int) -> int:
    """DONE, REFUSED, FAILED, or UNKNOWN if no answer will come."""
    refused, failing = rules["refused"][step], rules["failing"][step]
    if direction == BACK:
        refused, failing = rules["compensation_refused"], rules["compensation_failure"]
    elif direction == FINISH:
        refused = 0.0  # what was promised can no longer be refused, only be late
    elif must_go_on(rules, step):
        refused, failing = 0.0, refused + failing
    drawn = uniform(rules, VERDICT, order, step, direction, number)
    if drawn < refused:
        return REFUSED
    if drawn < refused + failing:
        return FAILED
    return UNKNOWN if drawn < refused + failing + rules["unknown"][step] else DONE


@njit(cache=True)
def must_go_on(rules: Rules, step: int) -> bool:
    """Whether a saga's step comes after its pivot, so that it is retried until it is done."""
    return bool(rules["protocol"] == SAGA and rules["isolation"] == PIVOT_ORDERING and step > CONFIRM)


@njit(cache=True)
def wait_s(rules: Rules, order: int, step: int, direction: int, number: int, tries: int) -> float:
    """The wait before retry number `tries` (from 1), as Step Functions computes it.

    What is asked 50 times until it answers has more retries than the rule was written for: those beyond
    `retry_max_attempts` are a minute apart at most. A saga's compensations have a number of their own and no such cap.
    """
    undoes = rules["protocol"] == SAGA and direction == BACK
    wait = rules["retry_interval_s"] * rules["retry_backoff_rate"] ** (tries - 1)
    if rules["retry_max_delay_s"] > 0:
        wait = min(wait, rules["retry_max_delay_s"])
    if tries > rules["retry_max_attempts"] and not undoes:
        wait = min(wait, LONGEST_ASKING_S)
    if rules["full_jitter"]:
        wait *= uniform(rules, JITTER, order, step, direction, number)
    return float(wait)


@njit(cache=True)
def must_know(rules: Rules, world: World, order: int, step: int) -> bool:
    """Whether a saga must hear what became of a step: its pivot, or its last one, may have been done already.

    Either decides that the order goes through, so it is asked again until there is an answer.
    """
    is_pivot = rules["isolation"] == PIVOT_ORDERING and step == CONFIRM
    decides = rules["protocol"] == SAGA and (is_pivot or step == rules["steps"] - 1)
    return bool(decides and world.tasks[order * rules["steps"] + step]["unknown"] > 0)


@njit(cache=True)
def is_trouble(result: int) -> bool:
    """Whether a retry may help."""
    return result in (FAILED, UNKNOWN)


@njit(cache=True)
def is_for_a_person(rules: Rules, world: World, order: int, step: int, direction: int, result: int) -> bool:
    """Whether a call that came to `result` and is not retried any more leaves its saga neither way to go.

    Undoing has no other way out. What comes after a pivot must be done. And a pivot or a last step that may have been
    done, and whose service does not say so, can neither be relied upon nor undone.
    """
    if direction == BACK:
        return True
    return must_go_on(rules, step) or (is_trouble(result) and must_know(rules, world, order, step))


@njit(cache=True)
def may_retry(rules: Rules, world: World, order: int, step: int, direction: int, tries: int) -> bool:
    """Whether a call that has been retried `tries` times may be retried once more."""
    most = PERSISTENT
    if direction == FORWARD and not must_go_on(rules, step) and not must_know(rules, world, order, step):
        most = rules["retry_max_attempts"]
    elif direction == BACK and rules["protocol"] == SAGA:
        most = rules["compensation_max_attempts"]
    return tries < most


@njit(cache=True)
def later(rules: Rules, world: World, order: int, step: int, direction: int, number: int, tries: int) -> None:
    """Try again after a wait; `tries` counts the retries so far."""
    pause_s = wait_s(rules, order, step, direction, number, tries + 1)
    soon(world, pause_s, SENDS, order, step, direction, number, tries + 1, DONE)
