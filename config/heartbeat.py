"""A worker says every few seconds that it is there; /readyz listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
import structlog
from celery import bootsteps
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.queues import BEAT_EVERY_S, HEARTBEAT_KEPT_S, heartbeat_key

log = structlog.get_logger(__name__)


class Heartbeat(bootsteps.StartStopStep):
    """Beats in the worker's own event loop, so a loop that hangs falls silent. Gone again when the worker stops."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self.timer: Any = None
        self.redis = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        )

    def start(self, consumer: Any) -> None:
        queues = [str(name) for name in consumer.app.amqp.queues.consume_from]
        self._beat(queues)
        self.timer = consumer.timer.call_repeatedly(BEAT_EVERY_S, self._beat, (queues,))

    def stop(self, consumer: Any) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None
            keys = [heartbeat_key(str(queue)) for queue in consumer.app.amqp.queues.consume_from]
            self._try(partial(self.redis.delete, *keys))

    def _beat(self, queues: list[str]) -> None:
        for queue in queues:
            self._try(partial(self.redis.set, heartbeat_key(queue), time.time(), ex=HEARTBEAT_KEPT_S))

    def _try(self, command: Callable[[], object]) -> None:
        try:
            command()
        except (redis.RedisError, OSError) as error:
            log.warning("heartbeat_failed", error=type(error).__name__)
