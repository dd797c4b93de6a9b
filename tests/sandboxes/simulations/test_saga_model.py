from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.simulations.saga import setup
from sandboxes.simulations.saga.declaration import SAGA
from sandboxes.simulations.saga.history import effects, effects_of_all, is_whole_or_undone
from sandboxes.simulations.saga.measures import explain, measure
from sandboxes.simulations.saga.model import SagaResult, run
from sandboxes.simulations.saga.params import MOST_STEPS, SagaParams
from sandboxes.simulations.saga.play import play
from sandboxes.simulations.saga.setup import crash_moments_s
from sandboxes.simulations.saga.trials import CALM, SMALL, TROUBLED, anomalies, crashed_everywhere, saga_params
from sandboxes.simulations.saga.world import (
    BACK,
    COMMITTED,
    DECIDED,
    DONE,
    FAILED,
    FINISH,
    ROLLED_BACK,
    RUNNING,
    SENT,
    STUCK,
)

SEEDS = range(3)


def ran(seed: int = 1, **changes: Any) -> SagaResult:
    return run(saga_params(**changes), seed)


def committed(result: SagaResult) -> set[int]:
    return set(np.flatnonzero(result.orders["status"] == COMMITTED).tolist())


percent = st.sampled_from([0, 1, 10, 40, 100])
# Nearly always, at single steps too: what is asked 50 times may then still have no answer.
by_step = st.one_of(
    st.just(""), st.lists(st.sampled_from([0, 5, 50, 90, 95, 97]), min_size=2, max_size=MOST_STEPS).map(repr)
).map(lambda rates: rates.strip("[]").replace(" ", ""))
SETTINGS = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["saga", "two_phase_commit", "tcc"]),
        "coordination": st.sampled_from(["orchestration", "choreography"]),
        "isolation": st.sampled_from(["semantic_lock", "pivot_ordering"]),
        "steps": st.integers(3, MOST_STEPS),
        "permanent_failure_percent": percent,
        "transient_failure_percent": percent,
        "timeout_percent": percent,
        "transient_failure_percent_by_step": by_step,
        "timeout_percent_by_step": by_step,
        "timeout_effect_percent": percent,
        "compensation_failure_percent": percent,
        "compensation_refused_percent": percent,
        "retry_max_attempts": st.integers(0, 4),
        "retry_interval_s": st.sampled_from([0.1, 1.0]),
        "retry_jitter": st.sampled_from(["none", "full"]),
        "crashes": st.integers(0, 3),
        "down_s": st.sampled_from([1, 10]),
        "event_duplicate_percent": st.sampled_from([0, 10, 30]),
        "event_reordered_percent": percent,
        "step_timeout_s": st.sampled_from([0.1, 2.0]),
        "lock_timeout_s": st.sampled_from([0.1, 5.0]),
        "items": st.integers(1, 4),
        "stock_per_item": st.integers(0, 20),
    }
)
FAULTS = st.fixed_dictionaries(
    {
        "isolation": st.sampled_from(["none", "semantic_lock", "pivot_ordering"]),
        "idempotent_handlers": st.booleans(),
        "coordinator_log": st.sampled_from(["durable", "lost"]),
    }
)
FEW: dict[str, Any] = {"orders": 40, "arrival_rate_per_s": 20}


@settings(max_examples=80, deadline=None)
@given(changes=SETTINGS, seed=st.integers(0, 1000))
def test_with_every_piece_in_place_nothing_breaks_whatever_happens(changes: dict[str, Any], seed: int) -> None:
    result = ran(seed, **FEW, **changes)

    assert anomalies(result) == set()


@settings(max_examples=80, deadline=None)
@given(changes=SETTINGS, faults=FAULTS, seed=st.integers(0, 1000))
def test_units_money_and_orders_are_conserved_whatever_is_missing(
    changes: dict[str, Any], faults: dict[str, Any], seed: int
) -> None:
    result = ran(seed, **{**FEW, **changes, **faults})
    orders, values = result.orders, measure(result)

    taken = np.bincount(orders["item"], weights=orders["units"], minlength=result.params.items)
    assert (result.items["free"] == result.params.stock_per_item - taken).all()
    names = ("committed_fraction", "compensated_fraction", "stuck_fraction", "unfinished_fraction")
    assert sum(values[name] or 0 for name in names) == pytest.approx(1)
    assert all(value is None or value >= 0 for value in values.values())
    assert not (orders["status"] == RUNNING).any()
    assert (orders["ended_s"] >= orders["arrival_s"]).all()
    assert (np.diff(result.log["at_s"]) >= 0).all()
    assert explain(result).endswith(".")
    assert all(chart.rows for chart in SAGA.charts(result))
    assert SAGA.replay
    assert SAGA.replay(result).frames


@settings(max_examples=60, deadline=None)
@given(changes=SETTINGS, seed=st.integers(0, 1000))
def test_every_saga_that_ended_is_whole_or_undone(changes: dict[str, Any], seed: int) -> None:
    result = ran(seed, **{**FEW, **changes, "protocol": "saga"})
    ended = np.isin(result.orders["status"], (COMMITTED, ROLLED_BACK)).tolist()

    wrong = [done for over, done in zip(ended, effects_of_all(result), strict=True) if over and not whole(result, done)]

    assert wrong == []


def whole(result: SagaResult, done: tuple[str, ...]) -> bool:
    return is_whole_or_undone(done, result.params.steps)


@pytest.mark.parametrize(
    ("done", "right"),
    [
        ("T1 T2 T3", True),
        ("", True),
        ("T1 T2 C2 C1", True),
        ("T1 T2", False),
        ("T1 T2 C1 C2", False),
        ("T1 T1 T2 T3", False),
        ("T1 C1 C1", False),
        ("T1 T2 T3 C3 C2 C1", False),
    ],
)
def test_what_is_whole_or_undone(done: str, right: bool) -> None:
    assert is_whole_or_undone(tuple(done.split()), 3) is right


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("protocol", ["saga", "tcc", "two_phase_commit"])
@pytest.mark.parametrize("isolation", ["semantic_lock", "pivot_ordering"])
def test_no_crash_at_any_event_breaks_anything_if_every_piece_is_there(
    seed: int, protocol: str, isolation: str
) -> None:
    runs = list(crashed_everywhere(seed, **SMALL, protocol=protocol, isolation=isolation))

    assert [anomalies(result) for result in runs if anomalies(result)] == []
    assert len(runs) > 40


@pytest.mark.parametrize("seed", SEEDS)
def test_two_phase_commit_without_its_log_is_in_doubt_but_never_torn(seed: int) -> None:
    runs = crashed_everywhere(seed, **SMALL, protocol="two_phase_commit", coordinator_log="lost")

    found = set().union(*(anomalies(result) for result in runs))

    assert "forgotten" in found
    assert "torn" not in found


FEW_FOR_ONE_ITEM: dict[str, Any] = {
    **CALM,
    "orders": 30,
    "items": 1,
    "arrival_rate_per_s": 50,
    "crashes": 1,
    "down_s": 20,
}


def test_a_row_stays_locked_until_the_coordinator_is_back() -> None:
    blocked = ran(**FEW_FOR_ONE_ITEM, protocol="two_phase_commit", lock_timeout_s=600)
    without_locks = ran(**FEW_FOR_ONE_ITEM, isolation="none")

    assert blocked.orders["lock_held_s"].max() > 20
    assert without_locks.orders["lock_held_s"].max() == 0


@pytest.mark.parametrize("protocol", ["two_phase_commit", "tcc"])
def test_a_coordinator_that_is_back_aborts_what_it_had_not_decided(protocol: str) -> None:
    result = ran(**FEW_FOR_ONE_ITEM, protocol=protocol, lock_timeout_s=600)
    orders, log = result.orders, result.log

    crash_s = result.crashes_s[0]
    decided = log["order"][(log["kind"] == DECIDED) & (log["direction"] == FINISH) & (log["at_s"] <= crash_s)]
    later = np.flatnonzero(orders["arrival_s"] > crash_s)

    assert committed(result) == set(decided.tolist()) | set(later.tolist())
    assert 0 < len(committed(result)) < 30
    assert np.isin(orders["status"], (COMMITTED, ROLLED_BACK)).all()


@pytest.mark.parametrize("protocol", ["two_phase_commit", "tcc"])
def test_what_was_promised_fails_as_often_as_the_step_and_not_as_its_undoing(protocol: str) -> None:
    few = {**CALM, "orders": 400, "protocol": protocol, "items": 10_000}

    log = ran(**{**few, "compensation_failure_percent": 100}).log
    smooth = (log["direction"] == FINISH) & (log["kind"] == FAILED)
    log = ran(**{**few, "transient_failure_percent": 30}).log
    finish = log["direction"] == FINISH

    assert not smooth.any()
    failed, sent = (int((finish & (log["kind"] == kind)).sum()) for kind in (FAILED, SENT))
    assert failed / sent == pytest.approx(0.3, abs=0.03)


def test_compensations_wait_by_the_rule_to_the_end_and_what_is_asked_for_ever_a_minute_at_most() -> None:
    slow = {**CALM, "orders": 1, "median_latency_ms": 1, "retry_interval_s": 30, "retry_max_attempts": 1}
    undoing = ran(**{**slow, "permanent_failure_percent_by_step": "0,100", "compensation_failure_percent": 100})
    asking = ran(
        **{
            **slow,
            "protocol": "two_phase_commit",
            "permanent_failure_percent_by_step": "0,100",
            "compensation_failure_percent": 100,
        }
    )

    assert waits_s(undoing, 0, BACK) == [30, 60, 120, 240, 480, 960]
    assert waits_s(asking, 0, BACK)[:4] == [30, 60, 60, 60]


def waits_s(result: SagaResult, step: int, direction: int) -> list[int]:
    log = result.log
    sent = (log["kind"] == SENT) & (log["step"] == step) & (log["direction"] == direction)
    waited: list[int] = np.diff(log["at_s"][sent]).round().astype(int).tolist()
    return waited


def test_the_same_orders_commit_under_all_three_protocols_if_only_refusals_count() -> None:
    few = {**CALM, "orders": 500, "items": 10_000, "permanent_failure_percent": 10}

    saga, tcc, two_phase = (committed(ran(**few, protocol=name)) for name in ("saga", "tcc", "two_phase_commit"))

    assert saga == tcc == two_phase
    assert 0 < len(saga) < 500


def test_runs_that_differ_in_retries_meet_the_same_luck() -> None:
    few = {**CALM, "orders": 500, "transient_failure_percent": 20}

    none, two, four = (committed(ran(**few, retry_max_attempts=retries)) for retries in (0, 2, 4))

    assert none < two < four


def test_a_list_by_step_overrides_the_slider() -> None:
    only_shipping = ran(**{**CALM, "permanent_failure_percent_by_step": "0,0,0,100"})
    all_alike = ran(**{**CALM, "permanent_failure_percent_by_step": "100"})
    slider_beyond = ran(**{**CALM, "permanent_failure_percent": 100, "permanent_failure_percent_by_step": "0,0"})

    assert set(effects_of_all(only_shipping)) == {("T1", "T2", "T3", "C3", "C2", "C1")}
    assert set(effects_of_all(all_alike)) == {()}
    assert set(effects_of_all(slider_beyond)) == {("T1", "T2", "C2", "C1")}


def test_what_cannot_be_undone_lands_with_a_person() -> None:
    result = ran(**{**CALM, "permanent_failure_percent_by_step": "0,0,0,100", "compensation_refused_percent": 100})

    assert (result.orders["status"] == STUCK).all()
    assert measure(result)["lost_money"] == 0


def test_a_task_is_called_once_more_than_it_has_retries() -> None:
    result = ran(**{**CALM, "orders": 10, "transient_failure_percent": 100, "retry_max_attempts": 3})

    assert np.bincount(result.log["order"][result.log["kind"] == SENT]).tolist() == [4] * 10


# Nothing is refused, each event comes once, and nobody is too late: what is undone is undone for want of an answer.
SURE: dict[str, Any] = {
    "permanent_failure_percent": 0,
    "event_duplicate_percent": 0,
    "step_timeout_s": 60,
    "stock_per_item": 1000,
}
# The pivot fails or does not answer in 95 of 100 attempts: 50 retries are not always enough.
PIVOT: dict[str, Any] = {
    "isolation": "pivot_ordering",
    "timeout_percent_by_step": "0,0,20,0",
    "transient_failure_percent_by_step": "0,0,75,0",
    "timeout_effect_percent": 100,
    "orders": 1000,
}
LAST_STEP: dict[str, Any] = {"timeout_percent_by_step": "0,0,0,97", "orders": 1000}


@pytest.mark.parametrize("coordination", ["orchestration", "choreography"])
@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("troubled", [PIVOT, {**TROUBLED, "isolation": "pivot_ordering"}])
def test_after_the_pivot_nothing_is_undone(troubled: dict[str, Any], coordination: str, idempotent: bool) -> None:
    result = ran(**{**troubled, "coordination": coordination, "idempotent_handlers": idempotent, **SURE})

    past = [done for done in effects_of_all(result) if "T3" in done]

    assert past
    assert [done for done in past if any(effect.startswith("C") for effect in done)] == []


@pytest.mark.parametrize("coordination", ["orchestration", "choreography"])
@pytest.mark.parametrize("troubled", [PIVOT, LAST_STEP])
def test_what_may_have_decided_lands_with_a_person_when_nobody_answers(
    troubled: dict[str, Any], coordination: str
) -> None:
    result = ran(**{**troubled, "coordination": coordination, "idempotent_handlers": False, **SURE})
    decides = 2 if troubled is PIVOT else 3

    stuck = result.orders["status"] == STUCK

    assert stuck.any()
    assert (result.tasks["undone"][stuck] == 0).all()
    assert not result.tasks["undone"][result.tasks["done"][:, decides] > 0].any()


def test_a_choreography_has_no_coordinator_to_crash() -> None:
    assert crash_moments_s(saga_params(coordination="choreography", crashes=3)) == ()
    assert len(crash_moments_s(saga_params(crashes=3))) == 3


def test_a_run_that_outgrows_its_arrays_is_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    params = saga_params(**{**TROUBLED, "orders": 200, "crashes": 1})
    roomy, new_world = run(params, 1), setup.new_world

    monkeypatch.setattr(
        setup,
        "new_world",
        lambda *args: (lambda w: w._replace(log=w.log[:300], agenda=w.agenda[:300]))(new_world(*args)),
    )
    grown = run(params, 1)

    assert roomy.log.size > 600
    assert (grown.log == roomy.log).all()


def test_the_same_arguments_give_the_same_result_and_another_seed_another() -> None:
    one, again, other = ran(1), ran(1), ran(2)

    assert (one.log == again.log).all()
    assert measure(one) != measure(other)


@pytest.mark.parametrize(
    ("changes", "golden"),
    [
        (
            {},
            {
                "committed_fraction": 0.812667,
                "compensated_fraction": 0.187333,
                "oversold": 0,
                "double_charged": 0,
                "lost_money": 0,
                "stuck_fraction": 0,
                "unfinished_fraction": 0,
                "mean_compensations": 0.222667,
                "p50_s": 0.535956,
                "p99_s": 5.679073,
                "lock_held_s": 0.586785,
            },
        ),
        (
            {"protocol": "two_phase_commit", "crashes": 1},
            {
                "committed_fraction": 0.794,
                "lock_held_s": 0.638981,
                "longest_lock_s": 14.391534,
                "mean_compensations": None,
            },
        ),
        (
            {"protocol": "tcc", "idempotent_handlers": False},
            {"oversold": 170, "double_charged": 23, "lost_money": 4280},
        ),
        (
            {"coordination": "choreography", "isolation": "none", "idempotent_handlers": False},
            {"oversold": 2, "double_charged": 92, "lost_money": 2160},
        ),
        (
            {"isolation": "pivot_ordering", "coordinator_log": "lost", "crashes": 1},
            {"lost_money": 1880, "unfinished_fraction": 0.018, "mean_compensations": 0.181333},
        ),
    ],
)
def test_one_seed_gives_what_it_always_gave(changes: dict[str, Any], golden: dict[str, float]) -> None:
    values = measure(ran(1, **changes))

    assert {name: values[name] for name in golden} == pytest.approx(golden, abs=1e-6)


@pytest.mark.parametrize("protocol", ["saga", "two_phase_commit", "tcc"])
def test_a_run_of_the_defaults_compiles_all_that_any_other_run_needs(protocol: str) -> None:
    ran()

    ran(2, protocol=protocol, coordination="choreography", isolation="none", crashes=2, steps=8, orders=50)

    assert len(play.signatures) <= 1


SCRIPT = """
import json
from sandboxes.simulations.saga.trials import TROUBLED, saga_params
from sandboxes.simulations.saga.measures import measure
from sandboxes.simulations.saga.model import run
settings = {**TROUBLED, "orders": 60, "items": 3, "stock_per_item": 15, "crashes": 1}
print(json.dumps([measure(run(saga_params(**settings, protocol=name), 3)) for name in ("saga", "two_phase_commit")]))
"""


def test_plain_python_computes_what_compiled_code_does() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT],
            env={**os.environ, "NUMBA_DISABLE_JIT": plain},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for plain in ("1", "0")
    ]

    assert json.loads(told[0]) == [
        {name: value if value is None else pytest.approx(value, rel=1e-9) for name, value in values.items()}
        for values in json.loads(told[1])
    ]


def test_an_order_of_its_own_is_told_apart() -> None:
    result = ran(order=7)

    assert effects(result.log_of(6)) == effects_of_all(result)[6]
    assert DONE in result.log_of(6)["kind"]
    assert SagaParams().order == 0
