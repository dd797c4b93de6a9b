import threading
import time

import pytest
import redis

from config import health
from config.queues import HEARTBEAT_KEPT_S, heartbeats_key


@pytest.fixture
def beats(redis_url, settings):
    """A Redis of our own; both workers have just answered."""
    settings.REDIS_URL = redis_url
    with redis.Redis.from_url(redis_url) as store:
        store.flushall()
        for queue in ("interactive", "sweeps"):
            store.zadd(heartbeats_key(queue), {f"{queue}@here": time.time()})
        yield store


@pytest.fixture
def database_answers(monkeypatch):
    monkeypatch.setattr(health, "_database", lambda: {"database": "ok"})


def test_healthz_asks_nobody(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db
def test_the_database_is_asked_for_real():
    assert health._database() == {"database": "ok"}


def test_ready_when_every_part_answers(client, beats, database_answers):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "redis": "ok", "interactive": "ok", "sweeps": "ok"}
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_worker_that_has_fallen_silent_is_named(client, beats, database_answers):
    beats.zadd(heartbeats_key("sweeps"), {"sweeps@here": time.time() - HEARTBEAT_KEPT_S - 1})

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["interactive"] == "ok"
    assert answer.json()["sweeps"] == "no worker has answered in the last 8 s"


def test_a_worker_that_was_never_there_is_named(client, beats, database_answers):
    beats.delete(heartbeats_key("interactive"))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["interactive"] == "no worker has answered in the last 8 s"


def test_one_silent_worker_does_no_harm_while_another_serves_its_queue(client, beats, database_answers):
    beats.zadd(heartbeats_key("sweeps"), {"sweeps@elsewhere": time.time() - HEARTBEAT_KEPT_S - 1})

    answer = client.get("/readyz")

    assert answer.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
def test_whoever_asks_for_the_headers_only_gets_them(path, client, beats, database_answers):
    answer = client.head(path)

    assert (answer.status_code, answer.content) == (200, b"")


def test_a_redis_that_is_down_is_named_without_its_password(client, settings, database_answers):
    settings.REDIS_URL = "redis://:top-secret@127.0.0.1:1/0"

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "database": "ok",
        "redis": "cannot be reached (ConnectionError)",
        "interactive": "unknown: Redis cannot be asked",
        "sweeps": "unknown: Redis cannot be asked",
    }


def test_a_database_that_cannot_be_queried_is_named(client, beats, monkeypatch):
    monkeypatch.setattr(health, "connection", Refusing())

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] == "cannot be queried (OSError)"
    assert b"top-secret" not in answer.content


class Refusing:
    def cursor(self):
        raise OSError("no route to db.internal, password top-secret")

    def close(self):
        pass


def test_a_database_that_hangs_is_reported_within_the_patience(beats, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(health, "_database", lambda: release.wait(10) and {"database": "ok"})
    started = time.monotonic()

    report = health.readiness(patience_s=0.3)

    assert time.monotonic() - started < 1.5
    assert report["database"] == "no answer within 0.3 s"
    assert report["redis"] == "ok"
    release.set()
