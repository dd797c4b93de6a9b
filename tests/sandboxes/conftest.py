"""A real Redis for the tests of the sandboxes, started and stopped here."""

import threading

import pytest
from celery import current_app

from sandboxes import services
from sandboxes.store import client
from tests.servers import private_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    with private_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def store(redis_server, monkeypatch):
    """An empty store that `services` uses instead of the configured one."""
    connection = client(redis_server)
    connection.flushall()
    monkeypatch.setattr(services, "connection", lambda: connection)
    yield connection
    connection.close()


@pytest.fixture
def worker(store, monkeypatch):
    """Executes what is published in a thread, as a worker would, and collects the outcomes."""
    outcomes = []

    def send_task(name, args, **options):
        threading.Thread(target=lambda: outcomes.append(services.execute(*args))).start()

    monkeypatch.setattr(current_app, "send_task", send_task)
    return outcomes


@pytest.fixture
def asked(store, monkeypatch):
    """Collects what would be published; nothing answers."""
    tasks = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **kept: tasks.append((name, args, kept)))
    return tasks
