"""Connections to Redis that give up quickly: whoever waits had better be told than kept."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def client(url: str, timeout_s: float = 1.0) -> redis.Redis:
    """A pool of connections to `url`; connecting, and each answer, may take `timeout_s`. No retries."""
    return redis.Redis.from_url(
        url, socket_connect_timeout=timeout_s, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )


@cache
def connection() -> redis.Redis:
    """This process's connections to the configured Redis, made on first use."""
    return client(settings.REDIS_URL)
