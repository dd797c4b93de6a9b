"""The numbers and the sentences of a run, in odd runs too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandboxes.forms import controls
from sandboxes.simulations.saga.charts import charts
from sandboxes.simulations.saga.declaration import SAGA
from sandboxes.simulations.saga.measures import METRICS, explain, measure, oversold
from sandboxes.simulations.saga.model import SagaResult, run
from sandboxes.simulations.saga.trials import CALM, saga_params
from sandboxes.simulations.saga.world import LOCKED, STUCK

LOOKED = "the stock was looked at in one step and taken in another"
GIVEN_BACK = "more units were given back than had been taken"


def ran(**changes: Any) -> SagaResult:
    return run(saga_params(**changes), 1)


@pytest.mark.parametrize("protocol", ["saga", "tcc"])
def test_only_what_was_done_counts_as_undone(protocol: str) -> None:
    refused = {**CALM, "permanent_failure_percent_by_step": "100,0,0,0", "orders": 200}
    result = ran(**refused, protocol=protocol, idempotent_handlers=False)

    took_effect = int(np.minimum(result.tasks["done"], result.tasks["undone"]).sum())

    assert result.orders["undone"].sum() == took_effect
    assert measure(result)["mean_compensations"] == (3 if protocol == "tcc" else 0)


def test_two_phase_commit_undoes_nothing_and_says_nothing_of_it() -> None:
    result = ran(**{**CALM, "permanent_failure_percent": 20, "orders": 200}, protocol="two_phase_commit")

    assert measure(result)["mean_compensations"] is None
    assert "undone" not in explain(result)
    assert "cancelled" not in explain(result)


def test_a_saga_whose_compensations_fail_does_not_say_that_nothing_had_to_be_undone() -> None:
    never = {**CALM, "permanent_failure_percent_by_step": "0,0,0,100", "compensation_failure_percent": 100}

    told = explain(ran(**never, orders=50))

    assert "No step was undone." in told
    assert "50 orders could not be carried on by program and wait for a person; 150 of their steps were done" in told


@pytest.mark.parametrize("orders", [200, 2000])
def test_locks_that_are_never_released_do_not_count_by_the_length_of_the_run(orders: int) -> None:
    stuck = {**CALM, "permanent_failure_percent_by_step": "0,0,0,20", "compensation_refused_percent": 100}

    result = ran(**stuck, orders=orders)
    held, kept = measure(result), int((result.orders["locked"] == LOCKED).sum())

    assert kept == (result.orders["status"] == STUCK).sum()
    assert held["lock_held_s"] == pytest.approx(0.2)
    assert held["longest_lock_s"] == pytest.approx(0.2)
    assert f"{kept:,} orders still keep a unit locked at the end" in explain(result)


def test_nothing_locked_is_no_time_at_all() -> None:
    values = measure(ran(isolation="none", orders=50))

    assert (values["lock_held_s"], values["longest_lock_s"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"isolation": "none", "median_latency_ms": 300}, {LOOKED}),
        ({"idempotent_handlers": False, "timeout_percent": 5}, {GIVEN_BACK}),
        (
            {"isolation": "none", "idempotent_handlers": False, "timeout_percent": 20, "items": 5, "orders": 2000},
            {LOOKED, GIVEN_BACK},
        ),
    ],
)
def test_the_reasons_for_overselling_are_those_of_this_run(changes: dict[str, Any], reasons: set[str]) -> None:
    result = ran(**changes)

    assert oversold(result) > 0
    assert {reason for reason in (LOOKED, GIVEN_BACK) if reason in explain(result)} == reasons


@pytest.mark.parametrize("protocol", ["saga", "two_phase_commit", "tcc"])
def test_the_chart_of_locks_counts_orders_that_hold_one(protocol: str) -> None:
    result = ran(protocol=protocol, items=3, orders=300, crashes=1, coordinator_log="lost")
    chart = next(chart for chart in charts(result) if chart.name == "locks")

    locked = [float(row[1] or 0) for row in chart.rows]

    assert result.log["locked"][-1] == (result.orders["locked"] == LOCKED).sum() > 0
    assert 0 < max(locked) <= (3 if protocol == "two_phase_commit" else 300)
    assert result.log["queueing"].min() == 0
    assert bool(result.log["queueing"].max() > 0) is (protocol == "two_phase_commit")


def test_the_numbers_that_come_first_are_those_that_matter() -> None:
    def leading(**changes: Any) -> set[str]:
        settings = saga_params(**changes).model_dump(mode="json")
        return {metric.name for metric in METRICS if metric.leads(settings)}

    assert {"longest_lock_s", "unfinished_fraction"} & leading() == set()
    assert "longest_lock_s" in leading(protocol="two_phase_commit")
    assert "unfinished_fraction" in leading(coordinator_log="lost")


@pytest.mark.parametrize(
    ("changes", "has_effect"),
    [
        ({}, True),
        ({"coordination": "choreography"}, False),
        ({"coordination": "choreography", "protocol": "tcc"}, True),
    ],
)
def test_the_coordinators_knobs_are_there_if_there_is_one(changes: dict[str, str], has_effect: bool) -> None:
    settings = {"protocol": "saga", "coordination": "orchestration", **changes}

    assert {SAGA.knobs[name].has_effect(settings) for name in ("crashes", "down_s", "coordinator_log")} == {has_effect}


def test_the_browser_is_told_when_a_knob_is_hidden() -> None:
    control = next(one for one in controls(SAGA, {}, None, {**SAGA.defaults, "seed": 1}) if one.name == "crashes")

    assert control.hidden_when == '{"protocol": ["saga"], "coordination": ["choreography"]}'
