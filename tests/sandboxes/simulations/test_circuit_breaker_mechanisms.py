"""Pool, neighbour, retries, capacity and shared state: what holds whatever is turned on, and what each of them does."""

from __future__ import annotations

import heapq
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.simulations.circuit_breaker.breaker import FAILURE, SUCCESS
from sandboxes.simulations.circuit_breaker.explain import explain
from sandboxes.simulations.circuit_breaker.measures import measure
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, run
from sandboxes.simulations.circuit_breaker.replay import replay
from sandboxes.simulations.circuit_breaker.start import play_until, rules, script, started, traffic
from sandboxes.simulations.circuit_breaker.world import FAILED, NO_THREAD, REFUSED, SLOW, SUCCEEDED
from tests.sandboxes.simulations.test_breaker_reference import NAMES, PlainBreaker
from tests.sandboxes.simulations.test_circuit_breaker_model import ANY_PARAMS, SEEDS, params

STATES = {name: code for code, name in NAMES.items()}
MECHANISMS = st.fixed_dictionaries(
    {
        "fallback": st.sampled_from(["none", "substitute"]),
        "pool": st.sampled_from(["unlimited", "limited"]),
        "pool_size": st.sampled_from([1, 3, 20]),
        "pool_wait_s": st.sampled_from([0, 0.1, 1]),
        "neighbour": st.sampled_from(["none", "shares_pool"]),
        "neighbour_rate_per_s": st.sampled_from([1, 30]),
        "retries": st.sampled_from(["none", "backoff"]),
        "max_attempts": st.sampled_from([2, 3, 10]),
        "retry_base_ms": st.sampled_from([1, 200]),
        "retry_jitter": st.sampled_from(["none", "full"]),
        "dependency_capacity": st.sampled_from(["unlimited", "limited"]),
        "servers": st.sampled_from([1, 2, 40]),
        "queue_size": st.sampled_from([0, 5, 200]),
        "instances": st.sampled_from([1, 2, 7]),
        "state_kept": st.sampled_from(["local", "shared"]),
        "store_writes": st.sampled_from(["overwrite", "conditional"]),
        "store_latency_ms": st.sampled_from([0.1, 5, 100]),
        "store_error_percent": st.sampled_from([0, 20, 100]),
        "store_down_s": st.sampled_from([0, 3]),
        "when_store_is_gone": st.sampled_from(["closed", "open"]),
        "service_time": st.sampled_from(["lognormal", "exponential"]),
    }
)
EVERYTHING = {
    "arrival_rate_per_s": 30,
    "healthy_s": 5,
    "failing_s": 5,
    "dead_s": 5,
    "recovered_s": 10,
    "wait_duration_in_open_state_s": 2,
    "sliding_window_size_calls": 20,
    "minimum_number_of_calls": 5,
    "pool": "limited",
    "pool_size": 4,
    "neighbour": "shares_pool",
    "neighbour_rate_per_s": 20,
    "retries": "backoff",
    "dependency_capacity": "limited",
    "servers": 2,
    "queue_size": 30,
    "instances": 3,
    "state_kept": "shared",
    "store_latency_ms": 20,
    "store_error_percent": 2,
}


# An independent model of what there was before: calls, a breaker, a script.


class Noting(PlainBreaker):
    """Keeps its changes of state, the first of which is its beginning."""

    def enter(self, state: str, now_s: float) -> None:
        self.changes: list[tuple[float, int]] = [*getattr(self, "changes", []), (now_s, STATES[state])]
        super().enter(state, now_s)


def plainly(values: dict[str, Any], seed: int) -> tuple[list[int], list[float], list[tuple[float, int]]]:
    """Outcomes, latencies and changes of state by a heap and a plain breaker, from the same traffic."""
    chosen = params(**values)
    come, phases, breaker = traffic(chosen, seed), script(chosen), Noting(rules(chosen))
    end_s = phases[-1].end_s
    outcomes, latencies = [REFUSED] * come.requests, [0.0] * come.requests
    under_way: list[tuple[float, int, int, float]] = []

    def settle(now_s: float) -> None:
        while under_way and under_way[0][0] <= now_s:
            ended_s, _, outcome, lasted_s = heapq.heappop(under_way)
            breaker.pass_time(ended_s)
            breaker.record(ended_s, outcome, lasted_s)
        breaker.pass_time(now_s)

    for number, arrival_s in enumerate(come.arrival_s.tolist()):
        settle(arrival_s)
        if not breaker.permit(arrival_s):
            continue
        phase = next(phase.name for phase in phases if arrival_s < phase.end_s)
        takes_s = float(come.service_s[number]) * {"slow": chosen.slow_factor, "dead": float("inf")}.get(phase, 1.0)
        percent = chosen.failing_error_percent if phase == "failing" else chosen.background_error_percent
        failed = takes_s > chosen.call_timeout_s or bool(come.chance[number] < percent / 100)
        lasted_s = min(takes_s, chosen.call_timeout_s)
        heapq.heappush(under_way, (arrival_s + lasted_s, number, FAILURE if failed else SUCCESS, lasted_s))
        late = lasted_s > chosen.slow_call_duration_threshold_s
        outcomes[number], latencies[number] = FAILED if failed else SLOW if late else SUCCEEDED, lasted_s
    settle(end_s)
    return outcomes, latencies, breaker.changes


@settings(max_examples=100, deadline=None)
@given(values=ANY_PARAMS, seed=SEEDS)
def test_with_nothing_turned_on_a_plain_model_of_calls_and_a_breaker_does_the_same(
    values: dict[str, Any], seed: int
) -> None:
    outcomes, latencies, changes = plainly(values, seed)

    result = run(params(**values), seed)

    assert result.outcome.tolist() == outcomes
    assert result.latency_s.tolist() == latencies
    assert [(stretch.start_s, stretch.state) for stretch in result.stretches] == changes


# Whatever is turned on.


@settings(max_examples=150, deadline=None)
@given(values=ANY_PARAMS, mechanisms=MECHANISMS, seed=SEEDS)
def test_every_request_ends_once_and_everything_is_given_back(
    values: dict[str, Any], mechanisms: dict[str, Any], seed: int
) -> None:
    chosen = params(**values, **mechanisms)
    rule, come = rules(chosen), traffic(chosen, seed)

    going = play_until(rule, started(chosen, rule, come), np.inf)

    world, requests = going.world, going.requests[np.isfinite(going.requests.arrival_s)]
    assert np.all((requests.outcome >= SUCCEEDED) & (requests.outcome <= NO_THREAD))
    assert not requests.is_calling[: come.requests].any()
    assert np.all((requests.latency_s >= 0) & (requests.wasted_s >= 0))
    assert (int(going.pools.busy.sum()), int(going.pools.waiting.sum())) == (0, 0)
    assert world.passed == world.ended == requests.attempts[: come.requests].sum()
    assert world.free_operations == (going.operations.size if world.shared else 1)
    assert 0 <= world.holds <= world.version
    assert world.lost_updates >= world.version - world.holds
    if not world.capacity_limited:
        assert (world.busy_servers, world.queued, world.in_vain) == (0, 0, 0)


@settings(max_examples=80, deadline=None)
@given(values=ANY_PARAMS, mechanisms=MECHANISMS, seed=SEEDS)
def test_nothing_is_fuller_than_its_limit_and_every_number_can_be_told(
    values: dict[str, Any], mechanisms: dict[str, Any], seed: int
) -> None:
    chosen = params(**values, **mechanisms)

    result = run(chosen, seed)

    measured, story = measure(result), explain(result)
    assert all(value is None or value >= 0 for value in measured.values())
    for share in ("availability", "rejected_fraction", "victim_availability"):
        assert measured[share] is None or measured[share] <= 1  # type: ignore[operator]
    assert result.calls.max(initial=0) <= (chosen.max_attempts if chosen.retries == "backoff" else 1)
    assert story.endswith(".")
    assert "nan" not in story
    if result.levels is None:
        return
    if chosen.pool == "limited":
        assert result.levels.busy_threads.max() <= chosen.pool_size * chosen.instances
    else:
        assert not result.levels.busy_threads.any()
    assert result.levels.busy_servers.max() <= chosen.servers
    assert result.levels.queued.max() <= chosen.queue_size


@pytest.mark.parametrize(
    "without_effect",
    [
        {"dependency_capacity": "limited", "servers": 1000, "queue_size": 0},
        {"pool": "limited", "pool_size": 5000},
        {"pool": "limited", "pool_size": 5000, "neighbour": "shares_pool"},
        {"retries": "none", "max_attempts": 9},
        {"store_latency_ms": 50, "store_down_s": 30, "when_store_is_gone": "open"},
        {"kind": "none", "state_kept": "shared", "instances": 5},
    ],
    ids=["many servers", "many threads", "a neighbour beside", "no retries", "a store for nothing", "no breaker"],
)
def test_a_mechanism_that_cannot_matter_changes_nothing(without_effect: dict[str, Any]) -> None:
    plain = run(params(kind=without_effect.get("kind", "count"), slow_s=5, failing_s=5), 2)

    result = run(params(slow_s=5, failing_s=5, **without_effect), 2)

    assert np.array_equal(result.arrival_s, plain.arrival_s)
    assert np.array_equal(result.outcome, plain.outcome)
    assert result.latency_s == pytest.approx(plain.latency_s, abs=1e-12)
    assert result.stretches == plain.stretches


def test_the_same_traffic_comes_whatever_is_turned_on() -> None:
    plain, turned = params(), params(**{**EVERYTHING, "arrival_rate_per_s": 200, "healthy_s": 80})

    one, other = traffic(plain, 3), traffic(turned, 3)

    shared = min(one.requests, other.requests)
    assert np.array_equal(one.arrival_s[:shared], other.arrival_s[:shared])
    assert np.array_equal(one.service_s[:shared], other.service_s[:shared])
    assert np.array_equal(one.chance[:shared], other.chance[:shared])


def test_more_attempts_leave_the_first_ones_as_they_were() -> None:
    healthy = {"kind": "none", "dead_s": 0, "background_error_percent": 40, "retries": "backoff"}

    three, five = run(params(**healthy, max_attempts=3), 1), run(params(**healthy, max_attempts=5), 1)

    done = three.outcome != FAILED
    assert np.array_equal(three.latency_s[done], five.latency_s[done])
    assert np.array_equal(np.minimum(five.calls, 3), three.calls)


@pytest.mark.parametrize(
    "values",
    [EVERYTHING, {**EVERYTHING, "state_kept": "local", "service_time": "exponential"}],
    ids=["shared", "local"],
)
def test_compiled_and_plain_python_agree_with_everything_turned_on(values: dict[str, Any]) -> None:
    told = (
        "import json, sys\n"
        "from sandboxes.simulations.circuit_breaker.model import run\n"
        "from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams\n"
        "r = run(CircuitBreakerParams.model_validate(json.loads(sys.argv[1])), 3)\n"
        "print(json.dumps([r.outcome.tolist(), r.latency_s.tolist(), r.breakers, r.neighbour_outcome.tolist(),"
        " r.calls.tolist(), r.lost_updates, r.calls_in_vain]))\n"
    )

    plain = subprocess.run(
        [sys.executable, "-c", told, json.dumps(values)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
        capture_output=True,
        text=True,
    )

    r = run(params(**values), 3)
    compiled = [r.outcome.tolist(), r.latency_s.tolist(), r.breakers, r.neighbour_outcome.tolist()]
    compiled += [r.calls.tolist(), r.lost_updates, r.calls_in_vain]
    assert json.loads(json.dumps(compiled)) == json.loads(plain.stdout)
    assert plain.stderr == ""


@settings(max_examples=15, deadline=None)
@given(values=ANY_PARAMS, mechanisms=MECHANISMS, seed=SEEDS)
def test_a_run_that_stops_to_be_looked_at_is_the_same_run(
    values: dict[str, Any], mechanisms: dict[str, Any], seed: int
) -> None:
    chosen = params(**values, **mechanisms)
    rule, come = rules(chosen), traffic(chosen, seed)
    at_once = play_until(rule, started(chosen, rule, come), np.inf)

    stepwise = started(chosen, rule, come)
    for moment_s in np.linspace(0, script(chosen)[-1].end_s, 50).tolist():
        stepwise = play_until(rule, stepwise, moment_s)
    stepwise = play_until(rule, stepwise, np.inf)

    assert stepwise.requests.tobytes() == at_once.requests.tobytes()
    assert stepwise.world.tobytes() == at_once.world.tobytes()
    assert stepwise.changes[: stepwise.world.changes].tobytes() == at_once.changes[: at_once.world.changes].tobytes()


# What each of them does.


def test_a_refusal_is_never_tried_again() -> None:
    result = run(params(retries="backoff", max_attempts=5, retry_base_ms=1), 1)

    refused = result.outcome == REFUSED
    given_up = result.outcome == FAILED
    assert result.calls[refused].min() == 0
    assert result.calls[refused].max() < 5
    assert np.all(result.calls[given_up] == 5)


def test_full_pools_cost_the_neighbour_and_more_threads_spare_it() -> None:
    shares = [
        measure(run(params(kind="none", pool="limited", pool_size=size, neighbour="shares_pool"), 1))[
            "victim_availability"
        ]
        for size in (50, 200, 350, 600)
    ]

    assert shares == sorted(shares)  # type: ignore[type-var]
    assert shares[0] < 0.7  # type: ignore[operator]
    assert shares[-1] == 1


def test_nobody_waits_longer_for_a_thread_than_he_was_told_to() -> None:
    result = run(params(kind="none", pool="limited", pool_size=100, pool_wait_s=0.7), 1)

    lacking = result.outcome == NO_THREAD
    assert lacking.any()
    assert result.latency_s[lacking] == pytest.approx(0.7)
    assert result.latency_s[~lacking].max() <= 0.7 + 2 + 1e-9


def test_a_call_whose_caller_gave_up_is_worked_on_all_the_same() -> None:
    one_server = {"kind": "none", "dependency_capacity": "limited", "servers": 1, "arrival_rate_per_s": 20, "dead_s": 0}
    overloaded = run(params(**one_server, healthy_median_ms=100), 1)
    quick = run(params(**one_server, healthy_median_ms=10), 1)

    assert overloaded.calls_in_vain > 100
    assert quick.calls_in_vain == 0


def test_while_it_is_dead_a_full_queue_says_nothing_and_while_it_lives_an_error() -> None:
    limits = {"kind": "none", "dependency_capacity": "limited", "servers": 1, "queue_size": 5}
    dead = run(params(**limits, dead_s=10, arrival_rate_per_s=10), 1)
    living = run(params(**limits, dead_s=0, arrival_rate_per_s=100, background_error_percent=0), 1)

    while_dead = (dead.arrival_s > 20) & (dead.arrival_s < 27)
    assert np.all(dead.latency_s[while_dead] == 2)
    assert np.all(living.latency_s[living.outcome == FAILED] == 0)
    assert (living.outcome == FAILED).any()


def test_local_breakers_learn_each_for_itself() -> None:
    alone, twenty = run(params(), 1), run(params(instances=20), 1)

    assert len(twenty.breakers) == 20
    assert measure(twenty)["times_opened"] == 20
    assert measure(twenty)["time_to_open_s"] > 2 * measure(alone)["time_to_open_s"]  # type: ignore[operator]
    assert measure(twenty)["wasted_caller_s"] > 2 * measure(alone)["wasted_caller_s"]  # type: ignore[operator]
    assert explain(twenty).startswith("All 20 breakers opened, each by what it saw itself")


def test_a_shared_breaker_learns_from_all_and_makes_each_call_wait_for_the_store() -> None:
    local, shared = (
        run(params(instances=20, state_kept=kept, store_writes="conditional", store_latency_ms=1), 1)
        for kept in ("local", "shared")
    )

    assert len(shared.breakers) == 1
    assert measure(shared)["time_to_open_s"] < measure(local)["time_to_open_s"] / 2  # type: ignore[operator]
    answered = (local.outcome == SUCCEEDED) & (shared.outcome == SUCCEEDED)
    assert shared.latency_s[answered] == pytest.approx(local.latency_s[answered] + 0.001)


def test_conditional_writes_lose_fewer_updates_than_overwriting_ones() -> None:
    lost = {
        writes: measure(run(params(instances=20, state_kept="shared", store_writes=writes), 1))["lost_updates"]
        for writes in ("overwrite", "conditional")
    }

    assert lost["overwrite"] > 1000  # type: ignore[operator]
    assert lost["conditional"] < lost["overwrite"] / 20  # type: ignore[operator]


def test_a_substitute_counts_as_available_and_not_as_goodput() -> None:
    without, with_one = measure(run(params(), 1)), measure(run(params(fallback="substitute"), 1))

    assert with_one["availability"] == 1
    assert {**with_one, "availability": 0} == {**without, "availability": 0}


def test_a_request_without_a_thread_gets_no_substitute() -> None:
    result = run(params(fallback="substitute", kind="none", pool="limited"), 1)

    lacking = float(np.mean(result.outcome == NO_THREAD))
    assert lacking > 0.1
    assert measure(result)["availability"] == pytest.approx(1 - lacking)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pool": "limited", "pool_size": 2000}, "Every request to the dependency found a thread."),
        ({"pool": "limited", "pool_size": 10, "kind": "none"}, "requests to the dependency found no thread."),
        ({"pool": "limited", "neighbour": "shares_pool"}, "The neighbour was well throughout: "),
        (
            {"pool": "limited", "neighbour": "shares_pool", "neighbour_median_ms": 2000, "call_timeout_s": 0.05},
            "gave up on it after 50 ms.",
        ),
        (
            {"state_kept": "shared", "instances": 2, "store_error_percent": 100, "when_store_is_gone": "open"},
            "refused while the store of its state was gone. No call was made.",
        ),
        ({"retries": "backoff"}, "requests made"),
        ({"dependency_capacity": "limited"}, "whose callers had given up, and at the end"),
        ({"fallback": "substitute"}, "7,283 requests got a substitute answer."),
        ({"state_kept": "shared"}, "updates of the shared state got lost."),
        ({"instances": 3, "dead_s": 0}, "None of the 3 breakers ever opened."),
    ],
)
def test_what_is_turned_on_has_its_sentence(changes: dict[str, Any], words: str) -> None:
    assert words in explain(run(params(**changes), 1))


def test_the_replay_shows_how_full_pool_and_queue_are() -> None:
    result = run(params(**EVERYTHING), 1)

    shown = replay(result)

    assert {"busy_threads", "in_line-words", "busy_servers", "queued"} <= shown.parts
    assert max(float(frame.parts["busy_threads"]["share"]) for frame in shown.frames) == 1
    assert "the shared one of 3 instances" in shown.note


def test_a_write_that_knew_nothing_of_the_opening_closes_a_shared_breaker_and_the_replay_says_so() -> None:
    stale = {**EVERYTHING, "store_latency_ms": 100, "arrival_rate_per_s": 100, "pool": "unlimited", "retries": "none"}
    for seed in range(20):
        result = run(params(**stale), seed)
        jumped = any((a.state, b.state) == (1, 0) for a, b in zip(result.stretches, result.stretches[1:], strict=False))
        if jumped:
            said = " ".join(frame.say for frame in replay(result).frames)
            assert "a write that knew nothing of the opening replaced it" in said
            return
    pytest.fail("no run in 20 had a stale write that closed the breaker")


def test_one_run_with_everything_turned_on_is_as_recorded() -> None:
    result = run(params(**EVERYTHING), 1)

    assert outcomes(result) == RECORDED


def outcomes(result: CircuitBreakerResult) -> dict[str, Any]:
    return {
        "requests": np.bincount(result.outcome, minlength=5).tolist(),
        "neighbour": np.bincount(result.neighbour_outcome, minlength=5).tolist(),
        "calls": int(result.calls.sum()),
        "in vain": result.calls_in_vain,
        "lost": result.lost_updates,
        "wasted_s": round(float(result.wasted_s.sum()), 6),
        "states": [stretch.state for stretch in result.stretches],
    }


RECORDED: dict[str, Any] = {
    "requests": [469, 1, 2, 280, 14],
    "neighbour": [487, 0, 0, 0, 9],
    "calls": 508,
    "in vain": 9,
    "lost": 156,
    "wasted_s": 20.707192,
    "states": [0, 1, 2, 1, 2, 1, 2, 0],
}
