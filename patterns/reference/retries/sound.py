"""Retries with full jitter, a quota and a deadline.

Use it in one layer, the one that knows whether the work may be repeated, and switch the retries of the layers below off
(`single_attempt_client`). `work` must be idempotent: an answer that was lost is work that was done.

The numbers are those of the standard mode of most AWS SDKs since November 2026: 3 attempts, a base delay of 50 ms (1 s
after throttling), at most 20 s; a quota of 500 tokens, of which a retry costs 14 (5 after throttling). For a single
call to AWS that mode is all you need; this is for calls to services of your own, and for operations of several calls.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from patterns.reference.errors import code_of

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

ATTEMPTS = 3
LONGEST_WAIT_S = 20.0
THROTTLING = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
}


@dataclass(frozen=True)
class Kind:
    """A kind of error that may pass: the wait it starts from, and what a retry of it costs."""

    base_s: float
    cost: int


TRANSIENT, THROTTLED = Kind(base_s=0.05, cost=14), Kind(base_s=1.0, cost=5)


# [quota]
@dataclass
class Quota:
    """Tokens for the retries of all calls to one service. Keep one for each service and process."""

    capacity: int = 500
    left: int = field(init=False)
    lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self.left = self.capacity

    def take(self, cost: int) -> bool:
        with self.lock:
            if self.left < cost:
                return False
            self.left -= cost
            return True

    def give(self, tokens: int) -> None:
        with self.lock:
            self.left = min(self.capacity, self.left + tokens)


# [/quota]


# [retry]
def with_retries(
    work: Callable[[], Answer],
    quota: Quota,
    deadline_s: float,
    *,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Answer:
    """The answer of `work`, or its last error. Begins no wait that would end after `deadline_s`."""
    ends_at_s = now_s() + deadline_s
    refund = 1  # a call that needed no retry puts one token back
    for attempt in range(ATTEMPTS):
        try:
            answer = work()
        except Exception as error:
            kind = kind_of(error)
            if kind is None or attempt == ATTEMPTS - 1:
                raise
            # Full jitter: anywhere between now and the longest wait, so that nobody comes back together.
            wait_s = uniform(0, min(LONGEST_WAIT_S, kind.base_s * 2**attempt))
            if now_s() + wait_s >= ends_at_s or not quota.take(kind.cost):
                raise
            refund = kind.cost
            sleep(wait_s)
        else:
            quota.give(refund)
            return answer
    raise AssertionError("the last attempt returns or raises")


def kind_of(error: Exception) -> Kind | None:
    """None for an error that will be the same next time."""
    if isinstance(error, ClientError):
        if code_of(error) in THROTTLING:
            return THROTTLED
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return TRANSIENT if status in (500, 502, 503, 504) else None
    # No connection, a connection that broke, or no answer in time.
    return TRANSIENT if isinstance(error, (ConnectionError, HTTPClientError)) else None


# [/retry]


def single_attempt_client(service: Any) -> Any:
    """An AWS client that leaves retrying to its caller and gives up on an attempt after 2 seconds."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=2)
    return boto3.client(service, config=config)
