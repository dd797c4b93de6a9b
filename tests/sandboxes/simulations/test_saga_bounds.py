"""However much fails and is doubled, the numbers of a run keep within their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from sandboxes.simulations.saga.declaration import SAGA
from sandboxes.simulations.saga.model import SagaResult, run
from sandboxes.simulations.saga.size import requests
from sandboxes.simulations.saga.trials import TROUBLED, saga_params
from sandboxes.simulations.saga.world import (
    BACK,
    DONE,
    FAILED,
    FINISH,
    MOST_ATTEMPTS,
    MOST_TRIES,
    PERSISTENT,
    REFUSED,
    REPEATED,
    RESUMES,
    SENT,
    UNKNOWN,
    item_of,
    taken_apart,
)
from sandboxes.simulations.spec import BadParams

# Without a memory copies make copies, and a last step that never answers is asked 50 times more.
STORM: dict[str, Any] = {
    "coordination": "choreography",
    "idempotent_handlers": False,
    "steps": 8,
    "event_duplicate_percent": 30,
    "permanent_failure_percent": 0,
    "transient_failure_percent": 0,
    "timeout_percent_by_step": "0,0,0,0,0,0,0,100",
    "compensation_failure_percent": 100,
    "compensation_max_attempts": 10,
    "orders": 300,
}


def ran(**changes: Any) -> SagaResult:
    return run(saga_params(**changes), 1)


def test_a_step_has_one_loop_of_retries_each_way_however_often_its_event_comes() -> None:
    storm = ran(**STORM)

    assert storm.tasks["events"].max() > 20
    assert (storm.tasks["attempt"] <= storm.tasks["events"] + PERSISTENT + 10).all()
    assert (storm.tasks["retries"] <= (PERSISTENT, 10)).all()


def test_every_answer_is_to_a_call_that_was_sent() -> None:
    log = ran(**STORM).log
    names = ["order", "step", "direction", "attempt"]

    sent = {tuple(line) for line in log[names][log["kind"] == SENT].tolist()}
    kinds = [DONE, REFUSED, FAILED, UNKNOWN, REPEATED]
    answered = {tuple(line) for line in log[names][[kind in kinds for kind in log["kind"].tolist()]].tolist()}

    assert answered <= sent


def test_a_copy_in_trouble_joins_the_retries_that_are_going_on() -> None:
    failing = {**STORM, "timeout_percent_by_step": "", "transient_failure_percent_by_step": "100", "orders": 200}

    tasks = ran(**failing).tasks

    assert tasks["events"][:, 0].max() == 2
    assert (tasks["attempt"][:, 0] == tasks["events"][:, 0] + 3).all()


@pytest.mark.parametrize(
    "fields",
    [
        (0, 0, 0, 0, 0, 0, 0),
        (RESUMES, 99_999, 7, FINISH, MOST_ATTEMPTS, MOST_TRIES, 15),
        (RESUMES, (1 << 20) - 1, 15, 3, 0, 0, 0),
        (0, 0, 0, BACK, MOST_ATTEMPTS, 0, 0),
    ],
)
def test_an_item_of_the_agenda_comes_apart_as_it_was_put_together(fields: tuple[int, ...]) -> None:
    item = item_of(*fields)

    assert taken_apart(item) == fields
    assert 0 <= item < 1 << 63


@pytest.mark.parametrize(("attempt", "tries"), [(MOST_ATTEMPTS + 1, 0), (1, MOST_TRIES + 1)])
def test_an_attempt_beyond_its_bits_is_an_error_and_no_other_call(attempt: int, tries: int) -> None:
    with pytest.raises(OverflowError, match="attempts to 2047 and retries to 127"):
        item_of(0, 1, 1, 0, attempt, tries, 0)


TWICE = {
    **STORM,
    "timeout_percent_by_step": "0",
    "permanent_failure_percent_by_step": "0,0,0,0,0,0,0,100",
    "compensation_failure_percent": 0,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"coordination": "choreography"},
        {"protocol": "two_phase_commit"},
        {"protocol": "tcc", "timeout_percent": 90, "orders": 300},
        {"steps": 8, "stock_per_item": 20},
        TROUBLED,
        {**TROUBLED, "coordination": "choreography"},
        {**TROUBLED, "isolation": "pivot_ordering", "timeout_percent_by_step": "0,0,95,0"},
        {"timeout_percent": 95, "compensation_failure_percent": 90, "orders": 300, "protocol": "two_phase_commit"},
        {"crashes": 10, "orders": 1000},
        {"step_timeout_s": 0.1, "orders": 1000},
        STORM,
        TWICE,
    ],
)
def test_the_size_of_a_run_is_told_before_it_runs(changes: dict[str, Any]) -> None:
    params = saga_params(**changes)

    lines = run(params, 1).log.size

    assert 0.6 * requests(params) < lines < 1.1 * requests(params)


@pytest.mark.parametrize("changes", [STORM, TWICE, {"timeout_percent": 99, "protocol": "tcc"}])
def test_a_run_that_would_fill_the_memory_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadParams, match="lines in its log; use at most 6,000,000: fewer orders, steps"):
        SAGA.parse({**changes, "orders": 100_000})


@pytest.mark.parametrize("protocol", ["saga", "two_phase_commit", "tcc"])
@pytest.mark.parametrize("coordination", ["orchestration", "choreography"])
def test_a_hundred_thousand_orders_of_eight_steps_may_be_run(protocol: str, coordination: str) -> None:
    SAGA.parse({"orders": 100_000, "steps": 8, "protocol": protocol, "coordination": coordination})
