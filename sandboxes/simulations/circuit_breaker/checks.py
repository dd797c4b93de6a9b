"""What the circuit breaker is checked against: its libraries' own tests and rules, and closed forms.

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
from itertools import pairwise
from math import exp, log, pi, sqrt
from typing import Any

import numpy as np

from sandboxes.simulations.checks import Check, Finding, Source, exact, statistical
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
from sandboxes.simulations.circuit_breaker.measures import measure
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, run
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.start import NORMAL_P99

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
LITTLE = Source("Little, A Proof for the Queuing Formula L = λW, 1961", "https://doi.org/10.1287/opre.9.3.383")
_HANDBOOK = "https://www.itl.nist.gov/div898/handbook/eda/section3/"
POISSON = Source("NIST handbook, Poisson distribution", f"{_HANDBOOK}eda366j.htm")
EXPONENTIAL = Source("NIST handbook, exponential distribution", f"{_HANDBOOK}eda3667.htm")
LOGNORMAL = Source("NIST handbook, lognormal distribution", f"{_HANDBOOK}eda3669.htm")
GAMMA = Source("NIST handbook, gamma distribution", f"{_HANDBOOK}eda366b.htm")
BINOMIAL = Source("NIST handbook, binomial distribution", f"{_HANDBOOK}eda366i.htm")

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
SEEDS = range(1, 21)


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
CLOSED_FORMS = "closed forms"

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


def _runs(**changes: Any) -> list[CircuitBreakerResult]:
    params = CircuitBreakerParams.model_validate(changes)
    return [run(params, seed) for seed in SEEDS]


def _measured(metric: str, **changes: Any) -> list[float]:
    """The metric in a run for each seed. Raises ValueError where a run has no value."""
    values = [measure(result)[metric] for result in _runs(**changes)]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        raise ValueError(f"{metric} has no value in {len(values) - len(known)} of {len(values)} runs")
    return known


HEALTHY: Mapping[str, Any] = {"healthy_s": 100, "dead_s": 0, "recovered_s": 0}


def _arrivals() -> Finding:
    sizes = [float(result.arrival_s.size) for result in _runs(**HEALTHY, arrival_rate_per_s=200)]
    return statistical(200 * 100, sizes, "requests", sigma=sqrt(200 * 100))


def _gaps() -> Finding:
    gaps_s = [np.diff(result.arrival_s) for result in _runs(**HEALTHY, arrival_rate_per_s=200)]
    return statistical(1, [float(gap_s.std() / gap_s.mean()) for gap_s in gaps_s])


def _wasted() -> Finding:
    wasted_s = _measured(
        "wasted_caller_s", kind="none", background_error_percent=0, call_timeout_s=3, dead_s=40, arrival_rate_per_s=100
    )
    return statistical(100 * 40 * 3, wasted_s, "s", sigma=3 * sqrt(100 * 40))


def _available() -> Finding:
    available = [
        100 * share for share in _measured("availability", **HEALTHY, kind="none", background_error_percent=10)
    ]
    return statistical(90, available, "%", sigma=100 * sqrt(0.1 * 0.9 / 20_000))


def _quantile(metric: str, share: float, expected_ms: float, normal: float) -> Finding:
    """`normal` is the standard normal's quantile of `share`; the spread of a sample's quantile is its first order."""
    latency_ms = _measured(metric, **HEALTHY, kind="none", healthy_median_ms=50, healthy_p99_to_median=6)
    density = exp(-(normal**2) / 2) / sqrt(2 * pi)
    sigma = log(6) / NORMAL_P99 * sqrt(share * (1 - share) / 20_000) / density
    return statistical(expected_ms, latency_ms, "ms", sigma=expected_ms * sigma)


def _opened(failures: int, **changes: Any) -> Finding:
    """The last failure needed is the last of so many arrivals (200 a second), and has timed out (after 2 s)."""
    opened_s = _measured("time_to_open_s", background_error_percent=0, **changes)
    return statistical(failures / 200 + 2, opened_s, "s", sigma=sqrt(failures) / 200)


def _trials() -> Finding:
    """The first 50 trials of each run: a fixed number, since a run with many closings has time for fewer."""
    results = _runs(
        dead_s=0,
        failing_s=300,
        failing_error_percent=40,
        failure_rate_threshold=30,
        permitted_number_of_calls_in_half_open_state=2,
        wait_duration_in_open_state_s=2,
    )
    closed = [100 * float(np.mean(_ends_of_trials(result)[:50])) for result in results]
    return statistical(36, closed, "%", sigma=100 * sqrt(0.36 * 0.64 / 50))


def _ends_of_trials(result: CircuitBreakerResult) -> list[bool]:
    """Whether each half-open stretch while the dependency was failing ended in CLOSED."""
    failing = next(phase for phase in result.phases if phase.name == "failing")
    return [
        after.state == CLOSED
        for trial, after in pairwise(result.stretches)
        if trial.state == HALF_OPEN and after.start_s < failing.end_s
    ]


CLOSED_FORM_CHECKS = tuple(
    Check(name, CLOSED_FORMS, claim, source, carried_out)
    for source, name, claim, carried_out in (
        (POISSON, "Arrivals", "200 requests a second for 100 s are 20,000 on average.", _arrivals),
        (
            EXPONENTIAL,
            "Gaps between arrivals",
            "Gaps are exponential: their standard deviation is their mean, a ratio of 1.",
            _gaps,
        ),
        (
            LITTLE,
            "Caller time wasted",
            "Without a breaker, 100 requests a second into 40 s of silence waste 100 × 40 × 3 s of timeouts.",
            _wasted,
        ),
        (BINOMIAL, "Availability", "With 10 % background errors and no breaker 90 % of requests succeed.", _available),
        (
            LOGNORMAL,
            "Median latency",
            "Half of the calls take less than the median that was set, 50 ms.",
            lambda: _quantile("p50_ms", 0.5, 50, 0),
        ),
        (
            LOGNORMAL,
            "p99 latency",
            "One call in a hundred takes longer than 6 times the median of 50 ms, as set.",
            lambda: _quantile("p99_ms", 0.99, 300, NORMAL_P99),
        ),
        (
            GAMMA,
            "Opening on a rate",
            "Half of 100 calls fail when the 50th request of an outage has timed out: 50 ÷ 200 + 2 s.",
            lambda: _opened(50, kind="count"),
        ),
        (
            GAMMA,
            "Opening on a row",
            "The fifth request of an outage has timed out after 5 ÷ 200 + 2 s.",
            lambda: _opened(5, kind="consecutive"),
        ),
        (
            BINOMIAL,
            "Trials by chance",
            "With 40 % errors two trials both succeed, and close the breaker, 0.6 × 0.6 of the time.",
            _trials,
        ),
    )
)

CHECKS = RESILIENCE4J_VECTORS + RESILIENCE4J_RULES + PYBREAKER_VECTORS + CLOSED_FORM_CHECKS
