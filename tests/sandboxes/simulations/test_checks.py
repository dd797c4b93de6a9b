"""The checks a reader sees are the tests: each passes as things are, and fails when the mechanism is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from sandboxes.simulations.catalogue import CATALOGUE
from sandboxes.simulations.checks import Check, Finding, Source, carry_out, exact, report, statistical, within
from sandboxes.simulations.circuit_breaker import breaker, checks, model, overload_checks, start, vectors

EVERY_CHECK = [(simulation, check) for simulation in CATALOGUE for check in simulation.checks]
NOWHERE = Source("nowhere")


@pytest.mark.parametrize(
    ("simulation", "check"), EVERY_CHECK, ids=[f"{simulation.slug}: {check.name}" for simulation, check in EVERY_CHECK]
)
def test_the_simulation_does_what_its_reference_says(simulation: Any, check: Check) -> None:
    (carried_out,) = carry_out([check])

    assert carried_out.finding.passed, carried_out.finding


def test_all_checks_of_a_page_take_a_few_seconds_at_most() -> None:
    for simulation in CATALOGUE:
        carry_out(simulation.checks)  # compiles what has to be compiled

        started = time.process_time()
        carry_out(simulation.checks)

        assert time.process_time() - started < 5


# Each breaks one thing of the circuit breaker: module, name, and what stands in its place.
def _swapped(rules: Any, machine: Any, now_s: float, outcome: int, duration_s: float) -> None:
    other = {breaker.FAILURE: breaker.SUCCESS, breaker.SUCCESS: breaker.FAILURE, breaker.IGNORED: breaker.FAILURE}
    breaker.record(rules, machine, now_s, other[outcome], 10 - duration_s)


def _too_early(rules: Any, machine: Any, now_s: float) -> bool:
    return breaker.permit(rules, machine, now_s + 2)


def _in_bunches(stream: np.random.Generator, rate_per_s: float, end_s: float) -> Any:
    return np.repeat(POISSON(stream, rate_per_s / 2, end_s), 2)


def _less_often(stream: np.random.Generator, rate_per_s: float, end_s: float) -> Any:
    return POISSON(stream, 0.9 * rate_per_s, end_s)


def _slower_and_worse(params: Any, seed: int) -> Any:
    come = TRAFFIC(params, seed)
    chance = np.where(np.arange(come.chance.size) % 5 == 0, -1.0, come.chance)
    return come._replace(service_s=1.1 * come.service_s, chance=chance)


def _unmoved(*args: Any) -> None:
    return None


def _set(**settings: Any) -> Callable[..., Any]:
    """A run that starts with other settings than those it was asked for."""

    def otherwise(*args: Any) -> Any:
        going = STARTED(*args)
        for name, value in settings.items():
            going.world[name] = value
        return going

    return otherwise


def _cut_short(rule: Any, going: Any, until_s: float) -> Any:
    return PLAY_UNTIL(rule, going, min(until_s, 40.0))


STARTED, PLAY_UNTIL = start.started, start.play_until
POISSON, TRAFFIC = start.poisson_arrivals, start.traffic
BREAKAGES: Mapping[str, tuple[Any, str, Callable[..., Any]]] = {
    "results swapped": (vectors, "record", _swapped),
    "results ignored": (vectors, "record", _unmoved),
    "let through too early": (vectors, "permit", _too_early),
    "everybody let through": (vectors, "permit", lambda *args: True),
    "nobody let through": (vectors, "permit", lambda *args: False),
    "permits not given back": (vectors, "release", _unmoved),
    "timers that never go off": (vectors, "fire_timer", _unmoved),
    "no timer": (vectors, "timer_due_s", lambda *args: float("inf")),
    "a timer where none should be": (vectors, "timer_due_s", lambda *args: 1.0),
    "arrivals in pairs": (start, "poisson_arrivals", _in_bunches),
    "fewer arrivals": (start, "poisson_arrivals", _less_often),
    "slower calls and more errors": (model, "traffic", _slower_and_worse),
    "threads without limit": (model, "started", _set(pool_limited=0)),
    "one server more": (model, "started", _set(servers=2)),
    "a longer timeout": (model, "started", _set(call_timeout_s=3.0)),
    "no retries": (model, "started", _set(max_attempts=1)),
    "waits that do not grow": (model, "started", _set(retry_backoff_rate=1.0)),
    "the wrong jitter": (model, "started", _set(full_jitter=0)),
    "a run cut short": (model, "play_until", _cut_short),
    "writes without a condition": (overload_checks, "started", _set(conditional=0)),
    "writes with a condition": (overload_checks, "started", _set(conditional=1)),
}


# Of the model, and yet a matter of the closed forms for traffic and calls.
OF_TRAFFIC = {"slower calls and more errors", "a longer timeout"}
# What a breakage of each module is put to: only the checks that can know of it, for all of them take seconds.
ASKED: Mapping[Any, tuple[Check, ...]] = {
    vectors: vectors.RESILIENCE4J_VECTORS + vectors.RESILIENCE4J_RULES + vectors.PYBREAKER_VECTORS,
    start: checks.CLOSED_FORM_CHECKS,
    model: overload_checks.OVERLOAD_CHECKS,
    overload_checks: overload_checks.OVERLOAD_CHECKS[-2:],
}


@pytest.fixture(scope="module")
def found() -> Mapping[str, set[str]]:
    """Breakage -> the checks that fail by it."""
    return {breakage: failing(breakage) for breakage in BREAKAGES}


def failing(breakage: str) -> set[str]:
    place, name, instead = BREAKAGES[breakage]
    asked = ASKED[start] if breakage in OF_TRAFFIC else ASKED[place]
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(place, name, instead)
        return {one.check.name for one in carry_out(asked) if not one.finding.passed}


def test_a_broken_mechanism_is_found(found: Mapping[str, set[str]]) -> None:
    assert [breakage for breakage, failed in found.items() if not failed] == []


def test_every_check_of_the_circuit_breaker_can_fail(found: Mapping[str, set[str]]) -> None:
    assert {check.name for check in checks.CHECKS} - set().union(*found.values()) == set()


def a_check(name: str, measure: Callable[[], Finding], group: str = "things") -> Check:
    return Check(name, group, f"{name}.", NOWHERE, measure)


def test_a_check_that_fails_is_told_with_what_was_expected_and_measured() -> None:
    wrong = a_check("wrong", lambda: within(3.0, 2.5, 0.1, "s"))

    told = report(carry_out([a_check("right", lambda: within(3.0, 2.95, 0.1, "s")), wrong]))

    assert not told["passed"]
    assert told["groups"] == [{"name": "things", "passed": 1, "checks": 2}]
    assert told["checks"][1] == {
        "name": "wrong",
        "group": "things",
        "claim": "wrong.",
        "source": {"title": "nowhere", "url": ""},
        "expected": "3 s",
        "measured": "2.5 s",
        "tolerance": "± 0.1 s",
        "passed": False,
    }


def test_a_check_that_raises_has_failed_and_hides_no_other() -> None:
    def raising() -> Finding:
        raise ZeroDivisionError("nothing came")

    raised, after = carry_out([a_check("broken", raising), a_check("right", lambda: exact(["a"], ["a"]))])

    assert (raised.finding.passed, after.finding.passed) == (False, True)
    assert raised.finding.measured == "none: it stopped with ZeroDivisionError: nothing came"


def test_what_is_never_caught_ends_it_all() -> None:
    def late() -> Finding:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        carry_out([a_check("slow", late)], never_caught=(TimeoutError,))


def test_groups_are_counted_in_the_order_they_appear() -> None:
    checked = carry_out(
        [a_check(name, lambda: exact(["1"], ["1"]), group) for name, group in (("a", "x"), ("b", "y"), ("c", "x"))]
    )

    assert [(group["name"], group["checks"]) for group in report(checked)["groups"]] == [("x", 2), ("y", 1)]


@pytest.mark.parametrize(("measured", "passed"), [(["a", "b"], True), (["b", "a"], False), (["a"], False)])
def test_exact_means_word_by_word(measured: list[str], passed: bool) -> None:
    assert exact(["a", "b"], measured).passed is passed


@pytest.mark.parametrize(("measured", "passed"), [(9.9, True), (10.2, False), (float("nan"), False)])
def test_within_takes_nothing_beyond_its_tolerance(measured: float, passed: bool) -> None:
    assert within(10, measured, 0.15).passed is passed


def test_a_mean_is_held_to_four_standard_errors_of_theory() -> None:
    near, far = statistical(10, [10.9] * 4, "s", sigma=0.5), statistical(10, [11.1] * 4, "s", sigma=0.5)

    assert (near.passed, far.passed) == (True, False)
    assert (near.measured, near.tolerance) == ("10.9 s, mean of 4 seeds", "± 1 s, 4 standard errors")


def test_without_theory_the_spread_of_the_samples_counts() -> None:
    samples = [9.0, 11.0] * 8

    assert statistical(10.9, samples).passed
    assert not statistical(11.1, samples).passed


def test_samples_that_all_agree_must_be_right() -> None:
    assert statistical(2, [2.0] * 10).passed
    assert not statistical(2, [2.1] * 10).passed


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="a mean is taken of 9 samples; use at least 10"):
        statistical(1, [1.0] * 9)
