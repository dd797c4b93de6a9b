from types import SimpleNamespace

import pytest
import redis
from kombu.asynchronous.semaphore import LaxBoundedSemaphore
from kombu.asynchronous.timer import Timer

from config import heartbeat
from config.queues import heartbeats_key


class Pool:
    """Notes what it is asked; the test answers for it."""

    def __init__(self):
        self.questions = []

    def apply_async(self, target, callback, error_callback):
        self.questions.append((callback, error_callback))

    def answer(self):
        self.questions.pop(0)[0](1234)

    def lose(self):
        self.questions.pop(0)[1](RuntimeError("killed"))


@pytest.fixture
def signs(redis_url, settings):
    """The signs of life of the workers of `interactive`."""
    settings.REDIS_URL = redis_url
    with redis.Redis.from_url(redis_url, decode_responses=True) as store:
        store.flushall()
        yield lambda: store.zrange(heartbeats_key("interactive"), 0, -1)


@pytest.fixture
def busy(monkeypatch):
    """The tasks that children of the pool have begun."""
    begun: set[str] = set()
    monkeypatch.setattr(heartbeat, "active_requests", begun)
    return begun


def started(name="interactive@here"):
    """(heartbeat, consumer) of a worker whose pool has been asked once."""
    consumer = SimpleNamespace(
        hostname=name,
        pool=Pool(),
        timer=Timer(),
        controller=SimpleNamespace(semaphore=LaxBoundedSemaphore(2)),
        app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=["interactive"]))),
    )
    beating = heartbeat.Heartbeat(consumer)
    beating.start(consumer)
    beating._tick(consumer)
    return beating, consumer


def test_a_worker_is_silent_until_its_pool_has_answered(signs, busy):
    _, consumer = started()

    before = signs()
    consumer.pool.answer()

    assert before == []
    assert signs() == ["interactive@here"]


def test_a_pool_that_has_not_answered_is_not_asked_again(signs, busy):
    beating, consumer = started()

    beating._tick(consumer)

    assert len(consumer.pool.questions) == 1


def test_a_question_lost_with_its_child_is_asked_again(signs, busy):
    beating, consumer = started()
    consumer.pool.lose()
    consumer.controller.semaphore.release()

    beating._tick(consumer)

    assert len(consumer.pool.questions) == 1


def test_a_pool_busy_with_tasks_it_has_begun_is_alive(signs, busy):
    beating, consumer = started()
    busy.add("a task that takes a minute")

    beating._tick(consumer)

    assert signs() == ["interactive@here"]


def test_a_worker_that_stops_takes_only_its_own_sign_along(signs, busy):
    beating, consumer = started("interactive@here")
    consumer.pool.answer()
    _, other = started("interactive@there")
    other.pool.answer()

    beating.stop(consumer)

    assert signs() == ["interactive@there"]
