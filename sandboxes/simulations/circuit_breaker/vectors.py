"""What the breaker's rules are checked against: its libraries' own tests and rules.

A vector is played through the compiled breaker step by step. Steps, and the word each leaves:

    F S I           a call asks, and fails, succeeds or ends in an ignored error at once: the failure rate, or for
                    failures in a row the state; "refused" if it was not let through
    S/5             a call that succeeds and lasted 5 s: the slow call rate
    late-F late-I   a result that nobody asked permission for just now: the failure rate
    ask             whether a call is let through
    state rate calls due    the state; the failure rate; how many calls are measured; when the timer goes off
    @6 open half-open release timer   no word: now it is 6 s; go to that state; give a permit back; the timer goes off
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sandboxes.simulations.checks import Check, Source, exact
from sandboxes.simulations.circuit_breaker.breaker import (
    CLOSED,
    CONSECUTIVE,
    COUNT_WINDOW,
    FAILURE,
    HALF_OPEN,
    IGNORED,
    OPEN,
    SUCCESS,
    TIME_WINDOW,
    Breaker,
    Rules,
    closed_breaker,
    failure_rate,
    fire_timer,
    permit,
    record,
    release,
    slow_call_rate,
    timer_due_s,
    to_half_open,
    to_open,
)

_RESILIENCE4J = "https://github.com/resilience4j/resilience4j/blob/master/resilience4j-circuitbreaker/src/"
_PACKAGE = "java/io/github/resilience4j/circuitbreaker/"
STATE_MACHINE_TEST = Source(
    "Resilience4j, CircuitBreakerStateMachineTest",
    f"{_RESILIENCE4J}test/{_PACKAGE}internal/CircuitBreakerStateMachineTest.java",
)
STATE_MACHINE = Source(
    "Resilience4j, CircuitBreakerStateMachine",
    f"{_RESILIENCE4J}main/{_PACKAGE}internal/CircuitBreakerStateMachine.java",
)
CONFIG = Source("Resilience4j, CircuitBreakerConfig", f"{_RESILIENCE4J}main/{_PACKAGE}CircuitBreakerConfig.java")
METRICS = Source(
    "Resilience4j, CircuitBreakerMetrics", f"{_RESILIENCE4J}main/{_PACKAGE}internal/CircuitBreakerMetrics.java"
)
PYBREAKER_TEST = Source(
    "pybreaker, its tests", "https://github.com/danielfm/pybreaker/blob/main/tests/pybreaker_test.py"
)
PYBREAKER = Source("pybreaker", "https://github.com/danielfm/pybreaker")

# Failure 50 %, slow 50 % above 4 s, four calls in half-open, a window of 20 s, at least 5 calls, 5 s open.
RULES = Rules(
    kind=TIME_WINDOW,
    failure_rate_threshold=50.0,
    slow_call_rate_threshold=50.0,
    slow_call_duration_threshold_s=4.0,
    window=20,
    minimum_number_of_calls=5,
    wait_duration_in_open_state_s=5.0,
    permitted_calls_in_half_open=4,
)
IN_A_ROW = Rules(kind=CONSECUTIVE, permitted_calls_in_half_open=1)

OUTCOMES = {"F": FAILURE, "S": SUCCESS, "I": IGNORED}
STATES = {CLOSED: "CLOSED", OPEN: "OPEN", HALF_OPEN: "HALF-OPEN"}


def play(rules: Rules, steps: str) -> list[str]:
    """The words that `steps` leave, played from a breaker in CLOSED at 0 s. Raises KeyError for an unknown step."""
    breaker, now_s = closed_breaker(rules), 0.0
    words = []
    for step in steps.split():
        if step.startswith("@"):
            now_s = float(step[1:])
        elif step in MOVES:
            MOVES[step](rules, breaker, now_s)
        elif step in LOOKS:
            words.append(LOOKS[step](rules, breaker, now_s))
        else:
            words.append(_call(rules, breaker, now_s, step))
    return words


Step = Callable[[Rules, Breaker, float], Any]
MOVES: Mapping[str, Step] = {
    "open": lambda rules, breaker, now_s: to_open(breaker, now_s),
    "half-open": lambda rules, breaker, now_s: to_half_open(rules, breaker, now_s),
    "release": lambda rules, breaker, now_s: release(breaker),
    "timer": lambda rules, breaker, now_s: fire_timer(rules, breaker, timer_due_s(rules, breaker)),
}
LOOKS: Mapping[str, Step] = {
    "ask": lambda rules, breaker, now_s: "permitted" if permit(rules, breaker, now_s) else "refused",
    "state": lambda rules, breaker, now_s: STATES[int(breaker.state)],
    "rate": lambda rules, breaker, now_s: _percent(failure_rate(breaker, now_s)),
    "calls": lambda rules, breaker, now_s: f"{breaker.calls} calls",
    "due": lambda rules, breaker, now_s: _moment(timer_due_s(rules, breaker)),
}


def _call(rules: Rules, breaker: Breaker, now_s: float, step: str) -> str:
    letter, _, lasted_s = step.removeprefix("late-").partition("/")
    if not step.startswith("late-") and not permit(rules, breaker, now_s):
        return "refused"
    record(rules, breaker, now_s, OUTCOMES[letter], float(lasted_s or 0.1))
    if rules.kind == CONSECUTIVE:
        return STATES[int(breaker.state)]
    return _percent(slow_call_rate(breaker, now_s) if lasted_s else failure_rate(breaker, now_s))


def _percent(rate: float) -> str:
    return "−1" if rate == -1 else f"{rate:.4g} %"


def _moment(at_s: float) -> str:
    return "never" if np.isinf(at_s) else f"{at_s:g} s"


def _vector(group: str, source: Source, name: str, claim: str, rules: Rules, steps: str, expected: str) -> Check:
    """A check that `steps` leave the words of `expected`, which are separated by commas."""
    return Check(name, group, claim, source, lambda: exact(expected.split(", "), play(rules, steps)))


VECTORS = "Resilience4j vectors"
RULES_HELD = "Resilience4j rules"
SIMPLE = "pybreaker vectors"

RESILIENCE4J_VECTORS = tuple(
    _vector(VECTORS, STATE_MACHINE_TEST, name, claim, rules, steps, expected)
    for name, claim, rules, steps, expected in (
        (
            "FFFSS opens",
            "Three failures, two successes: no rate (−1) below five calls, then 60 %, and the next call is refused.",
            RULES,
            "F F F S S state ask rate",
            "−1, −1, −1, −1, 60 %, OPEN, refused, 60 %",
        ),
        (
            "SSSFF, then F",
            "Three successes, two failures stay closed at 40 %; a third failure opens at exactly 50 %.",
            RULES,
            "S S S F F state F state",
            "−1, −1, −1, −1, 40 %, CLOSED, 50 %, OPEN",
        ),
        (
            "Slow calls open",
            "Calls of 5, 5, 0.1, 0.1 and 5 s that all succeed: a slow call rate of 60 % opens.",
            RULES,
            "S/5 S/5 S/0.1 S/0.1 S/5 state rate",
            "−1, −1, −1, −1, 60 %, OPEN, 0 %",
        ),
        (
            "Open for 5 s",
            "A breaker open since 0 s refuses at 3 s and is half-open at 6 s, with its measurements cleared.",
            RULES,
            "F F F S S @3 ask @6 ask state calls rate",
            "−1, −1, −1, −1, 60 %, refused, permitted, HALF-OPEN, 0 calls, −1",
        ),
        (
            "Trials FFSF",
            "Three failed trials of four open it again at 75 %.",
            RULES,
            "half-open F F S F state",
            "−1, −1, −1, 75 %, OPEN",
        ),
        (
            "Trials FSSS",
            "One failed trial of four is 25 %: the breaker closes and begins to measure afresh.",
            RULES,
            "half-open F S S S state calls",
            "−1, −1, −1, −1, CLOSED, 0 calls",
        ),
        (
            "Four permits",
            "Half-open lets four calls through and refuses the fifth.",
            RULES,
            "half-open ask ask ask ask ask",
            "permitted, permitted, permitted, permitted, refused",
        ),
        (
            "A permit given back",
            "A permit that is released lets exactly one more call through.",
            RULES,
            "half-open ask ask ask ask ask release ask ask",
            "permitted, permitted, permitted, permitted, refused, permitted, refused",
        ),
        (
            "Half-open too long",
            "Half-open past its longest wait, here 8 s from 2 s on, opens again.",
            RULES._replace(max_wait_in_half_open_s=8.0),
            "@2 half-open due timer state @12 ask",
            "10 s, OPEN, refused",
        ),
    )
)

RESILIENCE4J_RULES = tuple(
    _vector(RULES_HELD, source, name, claim, rules, steps, expected)
    for source, name, claim, rules, steps, expected in (
        (
            METRICS,
            "Slow is longer than",
            "A call that lasts exactly as long as the threshold is not slow.",
            RULES,
            "S/4 S/4 S/4 S/4 S/4 state",
            "−1, −1, −1, −1, 0 %, CLOSED",
        ),
        (
            STATE_MACHINE,
            "After the wait, not at its end",
            "Open for 5 s, it still refuses at 5 s sharp and lets a trial through just after.",
            RULES,
            "open @5 ask @5.001 ask",
            "refused, permitted",
        ),
        (
            CONFIG,
            "No timer unless asked for",
            "By default nothing but a call takes the breaker out of open.",
            RULES,
            "@1 open due @6.5 state ask state",
            "never, OPEN, permitted, HALF-OPEN",
        ),
        (
            CONFIG,
            "Automatic transition",
            "With the automatic transition a timer makes it half-open when the wait is over, with all its permits.",
            RULES._replace(automatic_transition=True),
            "@1 open due timer state @6 ask ask ask ask ask",
            "6 s, HALF-OPEN, permitted, permitted, permitted, permitted, refused",
        ),
        (
            CONFIG,
            "Half-open for ever",
            "A longest half-open wait of 0 waits for ever.",
            RULES,
            "half-open due",
            "never",
        ),
        (
            STATE_MACHINE,
            "Ignored errors",
            "An ignored error counts neither way and gives its half-open permit back.",
            RULES,
            "half-open ask ask ask ask ask late-I calls ask",
            "permitted, permitted, permitted, permitted, refused, −1, 0 calls, permitted",
        ),
        (
            CONFIG,
            "The minimum fits the window",
            "A minimum of 100 calls over a window of 10 calls counts as 10.",
            Rules(kind=COUNT_WINDOW, window=10, minimum_number_of_calls=100),
            "S S S S S S S S S S",
            "−1, −1, −1, −1, −1, −1, −1, −1, −1, 0 %",
        ),
        (
            METRICS,
            "A window of calls",
            "A window of four calls forgets the oldest with every new one.",
            Rules(kind=COUNT_WINDOW, window=4, minimum_number_of_calls=4, failure_rate_threshold=75.0),
            "F F S S S S",
            "−1, −1, −1, 50 %, 25 %, 0 %",
        ),
        (
            METRICS,
            "A window of seconds",
            "A window of 20 s still counts the calls of second 0 at 19.9 s and has forgotten them at 20 s.",
            RULES,
            "@0.5 F F S S S @19.9 rate @20 rate",
            "−1, −1, −1, −1, 40 %, 40 %, −1",
        ),
        (
            STATE_MACHINE,
            "A late result in open",
            "A result that arrives when the breaker is open is measured and moves nothing.",
            RULES,
            "F F F S S @1 late-F state",
            "−1, −1, −1, −1, 60 %, 66.67 %, OPEN",
        ),
        (
            STATE_MACHINE,
            "Late results in half-open",
            "Results of calls from before the opening decide half-open like trials.",
            RULES,
            "half-open late-F late-F late-F late-F state",
            "−1, −1, −1, 100 %, OPEN",
        ),
    )
)

PYBREAKER_VECTORS = tuple(
    _vector(SIMPLE, source, name, claim, rules, steps, expected)
    for source, name, claim, rules, steps, expected in (
        (
            PYBREAKER_TEST,
            "Five in a row",
            "Five failures in a row open it, and the next call is refused.",
            IN_A_ROW,
            "F F F F F ask",
            "CLOSED, CLOSED, CLOSED, CLOSED, OPEN, refused",
        ),
        (
            PYBREAKER_TEST,
            "A success between",
            "A success starts the count anew.",
            IN_A_ROW,
            "F F F F S F F F F",
            "CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED",
        ),
        (
            PYBREAKER_TEST,
            "One good trial",
            "One success in half-open closes it.",
            IN_A_ROW,
            "half-open S",
            "CLOSED",
        ),
        (
            PYBREAKER_TEST,
            "One bad trial",
            "One failure in half-open opens it.",
            IN_A_ROW,
            "half-open F",
            "OPEN",
        ),
        (
            PYBREAKER_TEST,
            "Excluded errors",
            "An excluded error counts as a success.",
            IN_A_ROW,
            "F F F F I F F F F",
            "CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED",
        ),
        (
            PYBREAKER,
            "At the end of the wait",
            "Open for 60 s, it refuses at 59.9 s and lets a trial through at 60 s sharp.",
            IN_A_ROW,
            "open @59.9 ask @60 ask state",
            "refused, permitted, HALF-OPEN",
        ),
    )
)
