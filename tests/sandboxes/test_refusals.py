"""What is said when there is no answer: too many wait, one visitor asks too much, a worker gave up or was killed."""

import re
import threading
from html import unescape

import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import SoftTimeLimitExceeded, WorkerLostError
from celery.exceptions import TimeLimitExceeded
from celery.worker.request import Request as CeleryRequest
from django.conf import settings

from sandboxes import limits, services, tasks
from sandboxes.limits import Bucket, Who
from sandboxes.queues import INTERACTIVE, MOST_QUEUED_PER_PROCESS
from sandboxes.services import Failed, Ready, Run, Waiting
from sandboxes.simulations import catalogue
from sandboxes.store import client as store_client
from sandboxes.views import sandbox

ADDRESS = "/sandboxes/circuit-breaker/"
SHORT = {"healthy_s": "2", "dead_s": "3", "recovered_s": "2", "arrival_rate_per_s": "20"}
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
MOST_QUEUED = MOST_QUEUED_PER_PROCESS * settings.ENV.interactive_processes


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sandbox, "WAIT_S", 0.05)
    monkeypatch.setattr(sandbox, "POLL_WAIT_S", 0.05)


@pytest.fixture
def wanted():
    simulation = catalogue.simulation("circuit-breaker")
    return Run(simulation, simulation.parse(SHORT))


@pytest.fixture
def full_queue(store, asked):
    """As many tasks as may wait; what is published all the same is in the list."""
    store.rpush(INTERACTIVE.name, *range(MOST_QUEUED))
    return asked


@pytest.fixture
def two_tokens(monkeypatch):
    two = Bucket(per_s=0.01, burst=2)
    monkeypatch.setattr(limits, "BUCKETS", {"runs": {Who.LEARNER: two, Who.ADDRESS: two}})


def seeds(client, numbers, **options):
    return [client.get(ADDRESS, {**SHORT, "seed": str(number)}, **options) for number in numbers]


def test_a_run_is_not_queued_behind_too_many_and_is_when_there_is_room(store, full_queue, wanted):
    refused = services.run(wanted, wait_s=0)
    store.lpop(INTERACTIVE.name)
    taken = services.run(wanted, wait_s=0)

    assert refused == Failed(services.BUSY, again=True)
    assert taken == Waiting()
    assert len(full_queue) == 1


def test_a_refused_run_leaves_no_claim_no_try_and_no_token_taken(store, full_queue, wanted, rf):
    request = rf.get(ADDRESS)
    request.session = {}

    for _ in range(services.TRIES + 1):
        assert services.run(wanted, 0, request) == Failed(services.BUSY, again=True)

    assert not [key for key in store.keys("*") if key.startswith((b"claim:", b"tries:", b"tokens:"))]


def test_whoever_waits_already_and_whoever_asks_for_what_is_kept_is_not_refused(store, wanted, worker):
    services.run(wanted, wait_s=30)
    store.rpush(INTERACTIVE.name, *range(MOST_QUEUED))
    other = Run(wanted.simulation, wanted.params, seed=2)
    store.set(f"claim:{other.key}", "a worker's")

    assert isinstance(services.run(wanted, wait_s=0), Ready)
    assert services.run(other, wait_s=0) == Waiting()


def test_a_full_page_asked_for_while_busy_has_the_form_as_typed_and_asks_again(client, full_queue):
    response = client.get(ADDRESS, {"dead_s": "17"})
    page = unescape(response.content.decode())

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert services.BUSY in page
    assert 'hx-trigger="every 2s"' in page
    assert re.search(r'name="dead_s"[^>]*value="17"', page)
    assert "in their queue" not in page


def test_htmx_gets_a_notice_for_beside_the_last_result(client, full_queue):
    response = client.get(ADDRESS, {"dead_s": "17"}, headers=HTMX)
    page = response.content.decode()

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert page.count("<p>") == 2
    assert f'hx-get="{ADDRESS}?dead_s=17"' in page
    assert 'hx-target="#run-result"' in page
    assert 'hx-status:503="target:#run-notice swap:outerMorph"' in page


def test_a_sandbox_inside_a_page_comes_with_its_knobs_while_busy(client, full_queue):
    response = client.get(ADDRESS, {**SHORT, "embed": "new", "scope": "try-2"}, headers=HTMX)
    page = response.content.decode()

    assert response.status_code == 503
    assert 'id="try-2-form"' in page
    assert 'id="try-2-notice"' in page
    assert '"embed": "1"' in page


def test_json_and_csv_are_refused_with_the_same_status_and_words(client, full_queue):
    run = client.get(ADDRESS, SHORT, headers=JSON)
    chart = client.get(f"{ADDRESS}outcomes.csv", SHORT)

    assert (run.status_code, run["Retry-After"], run.json()) == (503, "2", {"reason": services.BUSY})
    assert (chart.status_code, chart["Retry-After"], chart.content.decode().strip()) == (503, "2", services.BUSY)


def test_who_asks_for_too_many_runs_gets_429_in_every_form(client, asked, two_tokens):
    first, second, third = seeds(client, (1, 2, 3), headers=HTMX)
    page, run = client.get(ADDRESS, {"dead_s": "17"}), client.get(ADDRESS, {"seed": "5"}, headers=JSON)
    chart = client.get(f"{ADDRESS}outcomes.csv", {"seed": "6"})

    assert [first.status_code, second.status_code] == [200, 200]
    assert [answer.status_code for answer in (third, page, run, chart)] == [429] * 4
    assert all(90 <= int(answer["Retry-After"]) <= 100 for answer in (third, page, run, chart))
    assert services.TOO_MANY in third.content.decode()
    assert re.search(r'name="dead_s"[^>]*value="17"', page.content.decode())
    assert f'hx-trigger="every {third["Retry-After"]}s"' in third.content.decode()
    assert len(asked) == 2


def test_another_visitor_still_gets_runs(client, asked, two_tokens):
    seeds(client, (1, 2, 3))

    assert seeds(client, (4,), REMOTE_ADDR="10.1.1.1")[0].status_code == 200


def test_a_kept_run_and_a_waited_for_one_cost_nothing(client, store, worker, two_tokens, wanted):
    kept = [client.get(ADDRESS, SHORT) for _ in range(5)]
    worker.outcomes()
    other = Run(wanted.simulation, wanted.params, seed=9)
    store.set(f"claim:{other.key}", "a worker's")
    waited = seeds(client, [9] * 5, headers=HTMX)

    assert [answer.status_code for answer in kept + waited] == [200] * 10
    assert seeds(client, (4,))[0].status_code == 200


def test_one_person_who_drags_a_slider_is_never_refused():
    """Ten settings a second and not one of them kept, for as long as they like."""
    for bucket in limits.BUCKETS["runs"].values():
        assert bucket.per_s >= 10


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SoftTimeLimitExceeded(), "took longer than 10 s and was stopped. Make it smaller"),
        (MemoryError(), "needed more memory than the worker has. Make it smaller"),
        (ZeroDivisionError(), "failed in the worker, and its log says why"),
    ],
)
def test_why_a_worker_gave_a_run_up_is_told_and_not_asked_again(client, worker, monkeypatch, error, says):
    def give_up(run):
        raise error

    monkeypatch.setattr(services, "compute", give_up)
    monkeypatch.setattr(sandbox, "WAIT_S", 30)

    response = client.get(ADDRESS, SHORT, headers=HTMX)

    assert response.status_code == 503
    assert says in response.content.decode()
    assert "hx-trigger" not in response.content.decode()
    assert "Retry-After" not in response


def carried(error):
    """An error as billiard carries it from a pool to a request's callbacks."""
    try:
        raise error
    except type(error):
        return ExceptionInfo()


LOST = carried(WorkerLostError("killed by SIGKILL"))


@pytest.fixture
def lost_task(monkeypatch):
    """The parent's view of the task that was published last; Celery's own bookkeeping is left out."""
    monkeypatch.setattr(CeleryRequest, "on_failure", lambda *_, **__: None)
    monkeypatch.setattr(CeleryRequest, "on_timeout", lambda *_: None)

    def of(asked):
        monkeypatch.setattr(tasks.WatchedRequest, "args", asked[-1][1])
        return tasks.WatchedRequest.__new__(tasks.WatchedRequest)

    return of


def test_a_run_whose_process_is_killed_is_asked_for_again_at_once(store, asked, wanted, lost_task):
    threading.Timer(0.3, lambda: lost_task(asked).on_failure(LOST)).start()

    services.run(wanted, wait_s=1.5)

    assert len(asked) == 2


def test_a_run_whose_processes_are_killed_again_and_again_is_given_up(store, asked, wanted, lost_task):
    for _ in range(services.TRIES):
        assert services.run(wanted, wait_s=0.01) == Waiting()
        lost_task(asked).on_failure(LOST)

    assert services.run(wanted, wait_s=0.01) == Failed(services.IN_VAIN, again=False)
    assert len(asked) == services.TRIES


def test_a_run_that_does_not_notice_its_time_limit_is_told_as_too_slow(store, asked, wanted, lost_task):
    services.run(wanted, wait_s=0.01)

    lost_task(asked).on_timeout(True, services.TIME_LIMIT_S)
    assert services.run(wanted, wait_s=0.01) == Waiting()
    lost_task(asked).on_timeout(False, services.TIME_LIMIT_S + services.KILLED_LATER_S)

    assert services.run(wanted, wait_s=0.01) == Failed(services.GIVEN_UP["slow"], again=False)


def test_a_failure_that_is_no_loss_is_not_told_as_one(store, asked, wanted, lost_task):
    services.run(wanted, wait_s=0.01)

    lost_task(asked).on_failure(carried(TimeLimitExceeded(15)))

    assert store.exists(f"claim:{wanted.key}")


def test_a_loss_that_cannot_be_told_does_not_stop_the_worker(store, asked, wanted, lost_task, monkeypatch):
    services.run(wanted, wait_s=0.01)
    monkeypatch.setattr(services, "connection", lambda: store_client("unix:///nowhere/redis.sock"))

    lost_task(asked).on_failure(LOST)  # raises nothing

    monkeypatch.undo()
    assert store.exists(f"claim:{wanted.key}")
