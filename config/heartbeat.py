"""A worker says every few seconds that its pool does what it is asked; /readyz listens."""

from __future__ import annotations

import os
import time
from typing import Any

import redis
import structlog
from celery import bootsteps
from celery.worker.state import active_requests
from django.conf import settings

from config.queues import BEAT_EVERY_S, HEARTBEAT_KEPT_S, heartbeats_key
from sandboxes import store

log = structlog.get_logger(__name__)

FORGOTTEN_AFTER_S = 60 * 60


class Heartbeat(bootsteps.StartStopStep):
    """Asks a child of the pool something trivial, and beats when it has answered: a pool that hangs falls silent.

    The question waits for a free child like any task. While all are busy, the tasks they have begun are the sign of
    life: each of them has a time limit, after which Celery ends a child that hangs.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self.worker = str(consumer.hostname)
        self.queues: list[str] = []
        self.is_asking = False
        self.timers: list[Any] = []
        self.redis = store.client(settings.REDIS_URL)

    def start(self, consumer: Any) -> None:
        self.queues = [str(queue) for queue in consumer.app.amqp.queues.consume_from]
        # What was asked before a lost connection was thrown away with it.
        self.is_asking = False
        self.timers = [
            consumer.timer.call_after(0, self._tick, (consumer,)),
            consumer.timer.call_repeatedly(BEAT_EVERY_S, self._tick, (consumer,)),
        ]

    def stop(self, consumer: Any) -> None:
        for timer in self.timers:
            timer.cancel()
        self.timers = []
        self._fall_silent()

    def _tick(self, consumer: Any) -> None:
        if active_requests:
            self._beat()
        if not self.is_asking:
            self.is_asking = True
            consumer.controller.semaphore.acquire(self._ask, consumer.pool)

    def _ask(self, pool: Any) -> None:
        pool.apply_async(os.getpid, callback=self._answered, error_callback=self._lost)

    def _answered(self, _: int) -> None:
        self.is_asking = False
        self._beat()

    def _lost(self, _: object) -> None:
        """The child ended before it answered; the next tick asks another."""
        self.is_asking = False

    def _beat(self) -> None:
        now = time.time()
        try:
            with self.redis.pipeline(transaction=False) as pipeline:
                for key in map(heartbeats_key, self.queues):
                    pipeline.zadd(key, {self.worker: now})
                    pipeline.zremrangebyscore(key, "-inf", now - FORGOTTEN_AFTER_S)
                    pipeline.expire(key, HEARTBEAT_KEPT_S)
                pipeline.execute()
        except (redis.RedisError, OSError) as error:
            log.warning("heartbeat_failed", error=type(error).__name__)

    def _fall_silent(self) -> None:
        """Other workers of the same queue keep their own signs of life."""
        try:
            for queue in self.queues:
                self.redis.zrem(heartbeats_key(queue), self.worker)
        except (redis.RedisError, OSError) as error:
            log.warning("heartbeat_failed", error=type(error).__name__)
