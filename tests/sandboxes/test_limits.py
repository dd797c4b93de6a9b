"""How much one visitor may ask of the workers, against a real Redis whose clock the tests do not own."""

import time

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory

from accounts.models import User
from accounts.services import GUEST_SESSION_KEY
from sandboxes import limits
from sandboxes.limits import Bucket, Who
from sandboxes.store import client as store_client

SLOW = Bucket(per_s=0.001, burst=5)


@pytest.fixture(autouse=True)
def small_buckets(store, monkeypatch):
    monkeypatch.setattr(limits, "BUCKETS", {work: {Who.LEARNER: SLOW, Who.ADDRESS: SLOW} for work in ("runs", "other")})


def request_from(address="10.0.0.1", **session):
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    request.session = SessionStore()
    request.session.update(session)
    return request


def test_a_full_bucket_gives_its_burst_and_then_says_how_long_to_wait():
    waits_s = [limits.take(request_from(), "runs") for _ in range(6)]

    assert waits_s[:5] == [0] * 5
    assert waits_s[5] == pytest.approx(1 / SLOW.per_s, rel=0.01)


def test_a_bucket_fills_by_itself_with_time(monkeypatch):
    fast = Bucket(per_s=20, burst=2)
    monkeypatch.setattr(limits, "BUCKETS", {"runs": {Who.ADDRESS: fast}})
    while limits.take(request_from(), "runs") == 0:
        pass

    time.sleep(limits.take(request_from(), "runs") + 0.005)

    assert limits.take(request_from(), "runs") == 0


def test_a_bucket_never_holds_more_than_its_burst(monkeypatch):
    monkeypatch.setattr(limits, "BUCKETS", {"runs": {Who.ADDRESS: Bucket(per_s=100, burst=3)}})
    limits.take(request_from(), "runs", cost=2)
    time.sleep(0.2)  # enough for twenty tokens

    assert limits.take(request_from(), "runs", cost=3) == 0
    assert limits.take(request_from(), "runs", cost=3) > 0


def test_a_cost_is_taken_whole_or_not_at_all():
    limits.take(request_from(), "runs", cost=3)

    assert limits.take(request_from(), "runs", cost=4) > 0
    assert limits.take(request_from(), "runs", cost=2) == 0


def test_a_cost_that_no_bucket_can_hold_is_an_error():
    with pytest.raises(ValueError, match="cost is 6; use 0 to 5"):
        limits.take(request_from(), "runs", cost=6)


def test_one_visitor_does_not_empty_another_ones_bucket_nor_one_kind_of_work_another_ones():
    limits.take(request_from(), "runs", cost=5)

    assert limits.take(request_from(), "runs") > 0
    assert limits.take(request_from("10.0.0.2"), "runs") == 0
    assert limits.take(request_from(), "other") == 0
    assert limits.take(request_from(**{GUEST_SESSION_KEY: 7}), "runs") == 0


def test_a_bucket_is_forgotten_when_it_would_be_full(store, monkeypatch):
    monkeypatch.setattr(limits, "BUCKETS", {"runs": {Who.ADDRESS: Bucket(per_s=10, burst=100)}})

    limits.take(request_from(), "runs", cost=40)

    (key,) = store.keys("tokens:*")
    assert 3_000 < store.pttl(key) <= 4_000


def test_no_address_is_written_down(store):
    limits.take(request_from("203.0.113.77"), "runs")

    assert not [key for key in store.keys("*") if b"203.0.113" in key]


def test_without_redis_nobody_is_stopped(monkeypatch):
    monkeypatch.setattr(limits, "connection", lambda: store_client("unix:///nowhere/redis.sock"))

    assert [limits.take(request_from(), "runs") for _ in range(10)] == [0] * 10


def test_a_learner_has_a_bucket_of_their_own_wherever_they_are():
    account = {SESSION_KEY: "12"}

    assert limits.visitor(request_from(**account)) == limits.visitor(request_from("10.0.0.2", **account))
    assert limits.visitor(request_from(**{GUEST_SESSION_KEY: 12}))[0] == Who.LEARNER
    assert limits.visitor(request_from())[0] == Who.ADDRESS


def test_an_address_is_believed_from_as_many_proxies_as_are_trusted(settings):
    request = request_from("10.0.0.9")
    request.META["HTTP_X_FORWARDED_FOR"] = "198.51.100.7"
    claimed = limits.visitor(request)
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    behind_one = limits.visitor(request)
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    misconfigured = limits.visitor(request)

    assert claimed == (Who.ADDRESS, "10.0.0.9")
    assert behind_one == (Who.ADDRESS, "198.51.100.7")
    assert misconfigured == (Who.ADDRESS, "10.0.0.9")


def test_being_counted_makes_no_guest_and_no_session(client, worker, db):
    response = client.get("/sandboxes/circuit-breaker/", {"seed": "3"})

    assert response.status_code == 200
    assert User.objects.count() == 0
    assert "sessionid" not in response.cookies
