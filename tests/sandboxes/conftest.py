"""A real store for the tests of the sandboxes, and two ways of answering what is asked of the workers."""

import threading

import pytest
from celery import current_app

from sandboxes import chains, limits, services
from sandboxes.store import client


@pytest.fixture
def store(redis_url, monkeypatch):
    """An empty store that `services` uses instead of the configured one."""
    connection = client(redis_url)
    connection.flushall()
    for module in (services, limits, chains):
        monkeypatch.setattr(module, "connection", lambda: connection)
    yield connection
    connection.close()


class Worker:
    """Executes what is published in a thread each, as a worker would."""

    def __init__(self):
        self._threads = []
        self._outcomes = []

    def send_task(self, name, args, **options):
        self._threads.append(threading.Thread(target=lambda: self._outcomes.append(services.execute(*args))))
        self._threads[-1].start()

    def outcomes(self):
        """What became of the tasks, once all have ended."""
        for thread in self._threads:
            thread.join()
        return self._outcomes


@pytest.fixture
def worker(store, monkeypatch):
    worker = Worker()
    monkeypatch.setattr(current_app, "send_task", worker.send_task)
    yield worker
    worker.outcomes()  # a thread that outlived its test would put its result into the next one's store


@pytest.fixture
def asked(store, monkeypatch):
    """Collects what would be published; nothing answers."""
    tasks = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **kept: tasks.append((name, args, kept)))
    return tasks
