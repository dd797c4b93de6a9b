from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import astuple
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, HALF_OPEN, OPEN
from sandboxes.simulations.circuit_breaker.explain import explain
from sandboxes.simulations.circuit_breaker.measures import METRICS, measure, times_opened
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, Stretch, requests, run
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.circuit_breaker.start import script
from sandboxes.simulations.circuit_breaker.world import FAILED, REFUSED, SLOW, SUCCEEDED

SEED = 1


def params(**changes: Any) -> CircuitBreakerParams:
    return CircuitBreakerParams.model_validate(changes)


def counts(result: CircuitBreakerResult) -> list[int]:
    return [int(np.count_nonzero(result.outcome == code)) for code in (SUCCEEDED, SLOW, FAILED, REFUSED)]


# Closed forms beside those that `checks.py` declares.


@pytest.mark.parametrize("percent", [0, 100])
def test_without_chance_every_call_of_a_healthy_dependency_ends_alike(percent: float) -> None:
    chosen = params(kind="none", healthy_s=100, dead_s=0, recovered_s=0, background_error_percent=percent)

    assert measure(run(chosen, SEED))["availability"] == (100 - percent) / 100


@pytest.mark.parametrize(
    ("kind", "failures_needed"), [("count", 50), ("consecutive", 5)], ids=["half of the window", "five in a row"]
)
def test_the_breaker_opens_when_the_last_failure_it_needs_has_timed_out(kind: str, failures_needed: int) -> None:
    chosen = params(kind=kind, background_error_percent=0)

    result = run(chosen, SEED)

    dead_s = result.arrival_s[result.arrival_s >= 20]
    expected_s = dead_s[failures_needed - 1] + chosen.call_timeout_s - 20
    assert measure(result)["time_to_open_s"] == pytest.approx(expected_s)


# Invariants.

ANY_PARAMS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["count", "time", "consecutive", "none"]),
        "failure_rate_threshold": st.integers(1, 100),
        "slow_call_rate_threshold": st.integers(1, 100),
        "slow_call_duration_threshold_s": st.sampled_from([0.05, 0.3, 1, 60]),
        "sliding_window_size_calls": st.integers(20, 60),
        "sliding_window_size_s": st.integers(1, 10),
        "minimum_number_of_calls": st.integers(1, 20),
        "consecutive_failures": st.integers(1, 6),
        "wait_duration_in_open_state_s": st.sampled_from([0.1, 0.5, 2, 10]),
        "permitted_number_of_calls_in_half_open_state": st.integers(1, 12),
        "max_wait_duration_in_half_open_state_s": st.sampled_from([0, 0.1, 1]),
        "automatic_transition_from_open_to_half_open_enabled": st.booleans(),
        "arrival_rate_per_s": st.sampled_from([1, 7, 40]),
        "call_timeout_s": st.sampled_from([0.05, 0.5, 2]),
        "healthy_s": st.integers(1, 6),
        "slow_s": st.sampled_from([0, 3]),
        "failing_s": st.sampled_from([0, 3]),
        "dead_s": st.sampled_from([0, 4]),
        "recovered_s": st.sampled_from([0, 5]),
        "background_error_percent": st.sampled_from([0, 5, 100]),
    }
)
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=120, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_every_run_keeps_its_books(values: dict[str, Any], seed: int) -> None:
    chosen = params(**values)

    result = run(chosen, seed)

    assert sum(counts(result)) == result.arrival_s.size
    assert np.all(np.diff(result.arrival_s) >= 0)
    assert np.all((result.arrival_s >= 0) & (result.arrival_s < result.duration_s))
    assert np.all((result.latency_s >= 0) & (result.latency_s <= chosen.call_timeout_s))
    assert np.all(result.latency_s[result.outcome == REFUSED] == 0)
    assert np.all(result.latency_s[result.outcome == SLOW] > chosen.slow_call_duration_threshold_s)
    starts_s, ends_s = [s.start_s for s in result.stretches], [s.end_s for s in result.stretches]
    assert starts_s == [0.0, *ends_s[:-1]]
    assert ends_s[-1] == result.duration_s
    assert all(start_s <= end_s for start_s, end_s in zip(starts_s, ends_s, strict=True))


@settings(max_examples=120, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_closed_refuses_nobody_open_refuses_everybody_and_half_open_keeps_to_its_permits(
    values: dict[str, Any], seed: int
) -> None:
    chosen = params(**values)
    permits = 1 if values["kind"] == "consecutive" else chosen.permitted_number_of_calls_in_half_open_state

    result = run(chosen, seed)

    for stretch in result.stretches:
        # The call that moves the breaker to half-open arrives at the very moment the stretch begins.
        during = (result.arrival_s >= stretch.start_s) & (result.arrival_s < stretch.end_s)
        permitted = int(np.count_nonzero(during & (result.outcome != REFUSED)))
        if stretch.state == CLOSED:
            assert permitted == np.count_nonzero(during)
        elif stretch.state == OPEN:
            assert permitted == 0
        else:
            assert permitted <= permits


@settings(max_examples=60, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_every_metric_is_within_its_bounds_and_the_story_can_be_told(values: dict[str, Any], seed: int) -> None:
    result = run(params(**values), seed)

    measured = measure(result)
    story = explain(result)

    assert list(measured) == [metric.name for metric in METRICS]
    assert all(value is None or value >= 0 for value in measured.values())
    for share in ("availability", "rejected_fraction"):
        assert measured[share] is None or measured[share] <= 1  # type: ignore[operator]
    assert story.endswith(".")
    assert "nan" not in story


# Traffic, seeds and compilers.


def test_the_same_seed_gives_the_same_result_bit_for_bit() -> None:
    first, second = run(params(), 5), run(params(), 5)

    for one, other in zip(astuple(first), astuple(second), strict=True):
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def test_another_seed_gives_other_traffic() -> None:
    first, second = run(params(), 5), run(params(), 6)

    assert not np.array_equal(first.arrival_s[:100], second.arrival_s[:100])


def test_a_different_breaker_faces_the_same_traffic_and_the_same_answers() -> None:
    closed, breaking = run(params(kind="none"), SEED), run(params(wait_duration_in_open_state_s=3), SEED)

    called = breaking.outcome != REFUSED
    assert np.array_equal(closed.arrival_s, breaking.arrival_s)
    assert np.array_equal(closed.latency_s[called], breaking.latency_s[called])
    assert np.array_equal(closed.outcome[called], breaking.outcome[called])


def test_a_longer_run_begins_like_the_shorter_one() -> None:
    short, long = run(params(recovered_s=5), SEED), run(params(recovered_s=300), SEED)

    shared = short.arrival_s.size
    assert np.array_equal(short.arrival_s, long.arrival_s[:shared])
    assert np.array_equal(short.outcome, long.outcome[:shared])


@pytest.mark.parametrize("kind", ["count", "time", "consecutive", "none"])
def test_compiled_and_plain_python_agree(kind: str) -> None:
    values = {
        "kind": kind,
        "arrival_rate_per_s": 20,
        "healthy_s": 5,
        "failing_s": 10,
        "dead_s": 10,
        "recovered_s": 10,
        "wait_duration_in_open_state_s": 2,
        "max_wait_duration_in_half_open_state_s": 1,
        "automatic_transition_from_open_to_half_open_enabled": True,
    }
    script = (
        "import json, sys\n"
        "from sandboxes.simulations.circuit_breaker.model import run\n"
        "from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams\n"
        "result = run(CircuitBreakerParams.model_validate(json.loads(sys.argv[1])), 3)\n"
        "print(json.dumps([result.outcome.tolist(), result.latency_s.tolist(), result.breakers[0]]))\n"
    )

    plain = subprocess.run(
        [sys.executable, "-c", script, json.dumps(values)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
        capture_output=True,
        text=True,
    )

    compiled = run(params(**values), 3)
    outcome, latency_s, stretches = json.loads(plain.stdout)
    assert compiled.outcome.tolist() == outcome
    assert compiled.latency_s.tolist() == latency_s
    assert [list(stretch) for stretch in compiled.breakers[0]] == stretches


# What the pattern says.


def test_a_higher_failure_threshold_opens_later() -> None:
    opened_s = [
        measure(run(params(failure_rate_threshold=threshold), SEED))["time_to_open_s"]
        for threshold in (10, 30, 50, 70, 90)
    ]

    assert None not in opened_s
    assert opened_s == sorted(opened_s)  # type: ignore[type-var]
    assert opened_s[0] < opened_s[-1]  # type: ignore[operator]


def test_a_longer_timeout_wastes_more_of_the_callers_time() -> None:
    wasted_s = [measure(run(params(call_timeout_s=s), SEED))["wasted_caller_s"] for s in (0.5, 1, 2, 4)]

    assert wasted_s == sorted(wasted_s)  # type: ignore[type-var]
    assert wasted_s[0] < wasted_s[-1] / 4  # type: ignore[operator]


def test_a_breaker_saves_callers_time_and_costs_some_availability() -> None:
    without, with_one = measure(run(params(kind="none"), SEED)), measure(run(params(), SEED))

    assert with_one["wasted_caller_s"] < without["wasted_caller_s"] / 10  # type: ignore[operator]
    assert without["availability"] - 0.04 < with_one["availability"] < without["availability"]  # type: ignore[operator]


def test_a_timer_leaves_open_on_time_and_a_call_leaves_it_at_the_next_arrival() -> None:
    quiet = {"arrival_rate_per_s": 1, "kind": "count", "minimum_number_of_calls": 1, "sliding_window_size_calls": 2}
    by_timer = run(params(**quiet, automatic_transition_from_open_to_half_open_enabled=True), SEED)
    by_call = run(params(**quiet), SEED)

    timer, call = (
        next(s for s in result.stretches if s.state == OPEN and s.end_s < result.duration_s)
        for result in (by_timer, by_call)
    )

    assert timer.end_s - timer.start_s == pytest.approx(10)
    assert call.end_s - call.start_s > 10
    assert call.end_s in by_call.arrival_s


def test_half_open_gives_up_after_its_longest_wait() -> None:
    result = run(params(max_wait_duration_in_half_open_state_s=0.5), SEED)

    trials = [s for s in result.stretches if s.state == HALF_OPEN and s.end_s < 55]
    assert len(trials) >= 2
    assert all(s.end_s - s.start_s == pytest.approx(0.5) for s in trials)


# One seed, written down.


def test_the_default_run_with_seed_1_is_as_recorded() -> None:
    result = run(params(), 1)

    assert counts(result) == [8663, 0, 512, 6771]
    assert [stretch.state for stretch in result.stretches] == [0, 1, 2, 1, 2, 1, 2, 0]
    assert measure(result) == pytest.approx(
        {
            "availability": 0.54327103975918725,
            "p95_ms": 108.50091331204,
            "time_to_open_s": 2.2793458892014193,
            "wasted_caller_s": 953.5485700873422,
            "time_to_recover_s": 1.4300446222406862,
            "p50_ms": 40.3163916166354,
            "p99_ms": 161.587650490258,
            "goodput_per_s": 108.2875,
            "rejected_fraction": 0.4246205945064593,
            "times_opened": 1.0,
            "victim_availability": None,
            "lost_updates": 0.0,
        }
    )


FLAPPING = {"dead_s": 0, "failing_s": 60, "wait_duration_in_open_state_s": 1}
IMPATIENT = {"call_timeout_s": 0.05, "background_error_percent": 0}
ONE_REQUEST_A_SECOND = {"arrival_rate_per_s": 1, "kind": "consecutive", "consecutive_failures": 1}


@pytest.mark.parametrize(
    ("changes", "story"),
    [
        (
            {},
            "The breaker opened 2.28 s after the trouble began. "
            "By then 50 calls had failed and 416 were still waiting. "
            "It then refused 6,771 requests at once; each could have waited up to 2 s. "
            "271 of them came when the dependency was well: the price of not asking it all the time. "
            "It closed 1.43 s after the dependency recovered.",
        ),
        (
            {"dead_s": 1},
            "The breaker opened 2.28 s after the trouble began, when the dependency had already recovered. "
            "By then 52 calls had failed and 162 were still waiting. "
            "It then refused 2,004 requests at once, all of them while the dependency was well. "
            "It closed 11.4 s after the dependency recovered.",
        ),
        (
            {"kind": "none"},
            "Nothing stood between the callers and the dependency. 7,012 calls failed, and their callers waited "
            "3.9 h in all, 1.99 s each on average.",
        ),
        (
            FLAPPING,
            "The breaker flapped: it opened 19 times in 60 s of trouble, closing in between on trials that went well "
            "enough. It refused 11,078 requests, 96 of them while the dependency was well. 619 calls failed.",
        ),
    ],
    ids=["an outage", "a short outage", "no breaker", "flapping"],
)
def test_the_whole_story(changes: dict[str, Any], story: str) -> None:
    assert explain(run(params(**changes), SEED)) == story


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recovered_s": 1}, "It was not yet closed again when the run ended"),
        ({"recovered_s": 0}, "The dependency had not recovered when the run ended."),
        ({"dead_s": 2.5}, "2,004 requests at once, 1,951 of them while the dependency was well."),
        ({"dead_s": 1, "recovered_s": 5}, "It was not yet closed again when the run ended"),
        ({"slow_s": 10, "dead_s": 10}, "By then 427 calls had failed, 813 had been slow and 410 were still waiting."),
        (ONE_REQUEST_A_SECOND, "By then 1 call had failed and 1 was still waiting."),
        ({**IMPATIENT, "dead_s": 1}, "The breaker opened 59 ms before the trouble began. It then refused"),
        ({"kind": "none", "dead_s": 0, "background_error_percent": 0}, "nothing was needed"),
        ({"dead_s": 0, "background_error_percent": 0}, "had no reason to open"),
        ({"dead_s": 0}, "The breaker stayed closed throughout."),
        ({"dead_s": 0, "failing_s": 20, "failing_error_percent": 5}, "The breaker never opened"),
        (
            {"dead_s": 0, "failure_rate_threshold": 1, "minimum_number_of_calls": 1},
            "The dependency was well throughout",
        ),
        (
            {"background_error_percent": 30, "failure_rate_threshold": 40},
            "The breaker opened twice: once before the trouble began and once after the dependency had recovered.",
        ),
    ],
)
def test_the_sentence_says_what_happened(changes: dict[str, Any], words: str) -> None:
    result = run(params(**changes), SEED)

    assert words in explain(result)


def made_up(*changes: tuple[int, float], outcomes: tuple[int, ...] = (FAILED,), **values: Any) -> CircuitBreakerResult:
    """A run whose breaker began CLOSED and changed as told, with one call a second that took a second or none."""
    chosen = params(**{"healthy_s": 10, "dead_s": 10, "recovered_s": 10, **values})
    phases = script(chosen)
    moments = [(CLOSED, 0.0), *changes, (CLOSED, phases[-1].end_s)]
    ended = np.array(outcomes, np.int8)
    return CircuitBreakerResult(
        params=chosen,
        seed=SEED,
        phases=phases,
        breakers=(tuple(Stretch(state, start_s, end_s) for (state, start_s), (_, end_s) in pairwise(moments)),),
        arrival_s=np.arange(len(outcomes), dtype=float),
        outcome=ended,
        latency_s=np.where(ended == REFUSED, 0.0, 1.0),
        wasted_s=np.where(ended == FAILED, 1.0, 0.0),
        calls=(ended != REFUSED).astype(np.int8),
        neighbour_arrival_s=np.zeros(0),
        neighbour_outcome=np.zeros(0, np.int8),
        levels=None,
        lost_updates=0,
        calls_in_vain=0,
    )


@pytest.mark.parametrize(
    ("openings_s", "words"),
    [
        ((2, 5), "The breaker opened twice, each time before the trouble began."),
        ((2, 12), "The breaker opened twice: once before the trouble began and once during the trouble."),
        ((12, 20), "The breaker opened twice: once during the trouble and once after the dependency had recovered."),
        ((22, 25, 28), "The breaker opened 3 times, each time after the dependency had recovered."),
        (
            (2, 12, 22),
            "The breaker opened 3 times: once before the trouble began, once during the trouble "
            "and once after the dependency had recovered.",
        ),
        ((12, 15), "The breaker flapped: it opened twice in 10 s of trouble"),
        ((12, 15, 25), "well enough. It also opened once after the dependency had recovered."),
    ],
)
def test_only_openings_during_the_trouble_are_called_flapping(openings_s: tuple[float, ...], words: str) -> None:
    changes = [change for at_s in openings_s for change in ((OPEN, at_s), (HALF_OPEN, at_s + 1), (CLOSED, at_s + 1.5))]

    story = explain(made_up(*changes))

    assert words in story
    assert ("flapped" in story) == ("flapped" in words or "also" in words)


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ((FAILED,) * 12, "It had no request to refuse."),
        ((FAILED,) * 12 + (REFUSED,), "It then refused 1 request at once, which could have waited up to 2 s."),
        ((FAILED, REFUSED), "It then refused 1 request at once, while the dependency was well."),
        ((SUCCEEDED,) * 10, "By then no calls had failed."),
        ((), "No request came in the whole run."),
    ],
    ids=["none refused", "one refused", "one refused for nothing", "none failed", "no request"],
)
def test_none_and_one_are_told_as_a_person_would(outcomes: tuple[int, ...], words: str) -> None:
    result = made_up((OPEN, 12), (HALF_OPEN, 24), (CLOSED, 25), outcomes=outcomes)

    assert words in explain(result)


def test_a_single_failure_has_a_single_caller() -> None:
    without, never_opened = made_up(kind="none"), made_up()

    assert explain(without).endswith("1 call failed, and its caller waited 1 s.")
    assert explain(never_opened).endswith("1 call failed and cost its caller 1 s of waiting.")


# The recovery.


@pytest.mark.parametrize("dead_s", [0.5, 1, 1.5, 2])
@pytest.mark.parametrize("kind", ["count", "consecutive"])
def test_a_breaker_that_opens_after_a_short_outage_recovers_when_it_closes(kind: str, dead_s: float) -> None:
    result = run(params(kind=kind, dead_s=dead_s), SEED)

    opened, _, closed = result.stretches[1:]
    assert (opened.state, closed.state) == (OPEN, CLOSED)
    assert opened.start_s > 20 + dead_s
    assert measure(result)["time_to_recover_s"] == pytest.approx(closed.start_s - 20 - dead_s)
    assert "when the dependency had already recovered" in explain(result)


@pytest.mark.parametrize(
    ("changes", "expected_s"),
    [
        ([], 0),
        ([(OPEN, 12), (CLOSED, 15)], 0),
        ([(OPEN, 12), (CLOSED, 21)], 1),
        ([(OPEN, 22), (CLOSED, 23)], 3),
        ([(OPEN, 12), (CLOSED, 21), (OPEN, 25), (CLOSED, 29)], 9),
        ([(OPEN, 12)], None),
        ([(OPEN, 12), (CLOSED, 21), (OPEN, 25), (HALF_OPEN, 29)], None),
    ],
)
def test_recovered_means_closed_for_good(changes: list[tuple[int, float]], expected_s: float | None) -> None:
    assert measure(made_up(*changes))["time_to_recover_s"] == expected_s


@settings(max_examples=120, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_nobody_is_refused_once_the_breaker_has_recovered(values: dict[str, Any], seed: int) -> None:
    result = run(params(**{**values, "dead_s": 1, "recovered_s": 20}), seed)

    recovered_s = measure(result)["time_to_recover_s"]

    if recovered_s is not None:
        later = result.arrival_s > result.phases[-1].start_s + recovered_s + 1e-9
        assert not np.any(result.outcome[later] == REFUSED)


def test_values_without_meaning_are_none() -> None:
    healthy = measure(run(params(dead_s=0, recovered_s=0), SEED))
    unbroken = measure(run(params(kind="none"), SEED))
    lasting = measure(run(params(recovered_s=1), SEED))

    assert (healthy["time_to_open_s"], healthy["time_to_recover_s"]) == (None, None)
    assert (unbroken["time_to_open_s"], unbroken["time_to_recover_s"]) == (None, None)
    assert lasting["time_to_open_s"] is not None
    assert lasting["time_to_recover_s"] is None


def test_a_run_without_a_single_request_has_no_shares() -> None:
    quiet = params(arrival_rate_per_s=1, healthy_s=1, dead_s=0, recovered_s=0)
    seed = next(seed for seed in range(100) if run(quiet, seed).arrival_s.size == 0)

    measured = measure(run(quiet, seed))

    assert (measured["availability"], measured["rejected_fraction"], measured["p99_ms"]) == (None, None, None)
    assert measured["goodput_per_s"] == 0


def test_only_a_closed_breaker_that_opens_counts_as_an_opening() -> None:
    result = run(params(), SEED)

    assert sum(stretch.state == OPEN for stretch in result.stretches) == 3
    assert times_opened(result) == 1


def test_the_size_of_a_run_is_known_before_it_runs() -> None:
    assert requests(params()) == 16_000
    assert run(params(), SEED).arrival_s.size == pytest.approx(16_000, rel=0.03)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused_by_name_and_value(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed is {seed}; use a whole number from 0 to 4294967295"):
        run(params(), seed)
