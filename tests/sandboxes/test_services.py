"""The way of a run, against a real Redis and without a worker: the tests play the worker's part."""

import json
import threading
import time

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from sandboxes import services
from sandboxes.services import Failed, Ready, Run, Waiting
from sandboxes.simulations import catalogue
from sandboxes.store import client


@pytest.fixture
def wanted():
    simulation = catalogue.simulation("circuit-breaker")
    return Run(simulation, simulation.parse({"healthy_s": 2, "dead_s": 3, "recovered_s": 2, "arrival_rate_per_s": 20}))


def test_the_key_changes_with_every_part_of_the_identity(wanted):
    simulation = wanted.simulation
    other_params = simulation.parse({**wanted.settings, "dead_s": 4})

    keys = {wanted.key, Run(simulation, other_params).key, Run(simulation, wanted.params, seed=2).key}

    assert len(keys) == 3
    assert Run(simulation, simulation.parse(wanted.settings)).key == wanted.key


def test_a_run_is_computed_by_a_worker_and_then_comes_from_the_cache(store, wanted, worker):
    first = services.run(wanted, wait_s=30)
    second = services.run(wanted, wait_s=0)

    assert isinstance(first, Ready)
    assert second == first
    assert worker.outcomes() == ["computed"]
    assert first.result["metrics"].keys() == {metric.name for metric in wanted.simulation.metrics}


def test_equal_requests_at_once_share_one_computation(store, wanted, worker):
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(services.run(wanted, wait_s=30))) for _ in range(6)]

    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()

    assert len(answers) == 6
    assert all(isinstance(answer, Ready) for answer in answers)
    assert worker.outcomes().count("computed") == 1


def test_a_run_that_is_not_ready_in_time_is_waited_for_later(store, wanted, asked):
    outcome = services.run(wanted, wait_s=0.05)

    assert outcome == Waiting()
    assert [name for name, _, _ in asked] == ["sandboxes.tasks.execute"]


def test_asking_again_while_a_worker_is_asked_publishes_nothing(store, wanted, asked):
    services.run(wanted, wait_s=0.05)
    services.run(wanted, wait_s=0.05)

    assert len(asked) == 1


def test_a_lost_task_is_published_again_when_its_claim_runs_out(store, wanted, asked):
    services.run(wanted, wait_s=0.05)
    store.delete(f"claim:{wanted.key}")

    services.run(wanted, wait_s=0.05)

    assert len(asked) == 2


def test_a_worker_skips_a_run_nobody_waits_for(store, wanted):
    outcome = services.execute(wanted.key, "circuit-breaker", wanted.settings, wanted.seed, "result", "its claim")

    assert outcome == "abandoned"
    assert store.get(f"run:{wanted.key}") is None


def test_a_run_that_fails_in_the_worker_says_so_and_is_forgotten_soon(store, wanted, worker, monkeypatch):
    def broken(run):
        raise ZeroDivisionError

    monkeypatch.setattr(services, "compute", broken)

    outcome = services.run(wanted, wait_s=30)

    assert isinstance(outcome, Failed)
    assert not outcome.again
    assert 0 < store.ttl(f"run:{wanted.key}") <= services.FAILURE_KEPT_S


def test_a_run_that_no_worker_ever_finishes_is_given_up_after_a_few_tries(store, wanted, asked):
    outcomes = []
    for _ in range(services.TRIES + 1):
        outcomes.append(services.run(wanted, wait_s=0.01))
        store.delete(f"claim:{wanted.key}")

    assert outcomes[:-1] == [Waiting()] * services.TRIES
    assert isinstance(outcomes[-1], Failed)
    assert len(asked) == services.TRIES


def test_a_worker_that_found_nobody_waiting_is_asked_again_at_once(store, wanted, worker):
    """The asker came between the worker's look and its announcement: the claim was taken, the answer empty."""
    store.set(f"claim:{wanted.key}", "somebody else's")

    def abandon():
        store.delete(f"claim:{wanted.key}")
        store.publish(f"done:{wanted.key}", "abandoned")

    threading.Timer(0.2, abandon).start()
    outcome = services.run(wanted, wait_s=30)

    assert isinstance(outcome, Ready)
    assert worker.outcomes() == ["computed"]


def test_a_late_task_does_not_take_another_ones_claim(store, wanted):
    store.set(f"claim:{wanted.key}", "the newer one")

    services.execute(wanted.key, "circuit-breaker", wanted.settings, wanted.seed, "result", "the older one")

    assert store.get(f"claim:{wanted.key}") == b"the newer one"


def test_when_half_the_threads_wait_the_next_request_is_told_to_ask_again(store, wanted, asked, monkeypatch):
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(services, "_places", lambda: taken)

    started = time.monotonic()
    outcome = services.run(wanted, wait_s=30)

    assert outcome == Waiting()
    assert time.monotonic() - started < 10
    assert len(asked) == 1


def test_other_code_makes_another_key(wanted, monkeypatch):
    before = wanted.key

    monkeypatch.setattr(services, "code", lambda: "newer code")

    assert wanted.key != before


def test_a_result_is_plain_json_without_nan(wanted):
    result = services.compute(wanted)

    assert json.loads(json.dumps(result, allow_nan=False))["params"] == wanted.settings


def test_without_redis_the_reader_is_told_and_nothing_is_raised(wanted, monkeypatch):
    monkeypatch.setattr(services, "connection", lambda: client("unix:///nowhere/redis.sock"))

    outcome = services.run(wanted, wait_s=1)

    assert isinstance(outcome, Failed)
    assert outcome.again


def test_a_publish_that_fails_gives_the_claim_back(store, wanted, monkeypatch):
    def refuse(*args, **options):
        raise OperationalError("the broker is gone")

    monkeypatch.setattr(current_app, "send_task", refuse)

    outcome = services.run(wanted, wait_s=1)

    assert isinstance(outcome, Failed)
    assert not store.exists(f"claim:{wanted.key}")
