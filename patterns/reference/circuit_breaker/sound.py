"""A circuit breaker shared by many Lambda instances, its state in one DynamoDB table.

An item of the table, keyed by the service's name, says where the breaker stands: `state`, `retry_at_s`, and an `epoch`
that each change of state raises by one. Every change is a conditional write, "only if the epoch is still the one I
saw", so of many instances that want to make it exactly one does. Failures are added up by the table itself in an item
of their own for each epoch and window of time, so none is lost and none counts against a later epoch.

An instance reads the state once in `cache_s` and otherwise trusts its memory. Good calls write nothing. When the table
does not answer, calls pass as if the breaker were CLOSED; raise an alarm on the warning in the log.

The table: partition key `id` (string), time to live on `expires_at`. The clocks of the instances need agree only to
about a second: skew makes a wait longer or shorter, but two instances never make the same change.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from patterns.reference.errors import condition_failed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Answer = TypeVar("Answer")

CLOSED, OPEN, HALF_OPEN = "CLOSED", "OPEN", "HALF_OPEN"
TABLE_GONE = -1  # in place of an epoch

log = logging.getLogger(__name__)


class DependencyError(Exception):
    """The service failed or was too slow. Raise it from `work`; other errors are the caller's and do not count."""


@dataclass(frozen=True)
class Settings:
    """`probe_s` must be longer than the timeout of a call: it is how long a probe may keep others waiting."""

    service: str
    table: str = "breakers"
    failure_threshold: int = 5
    window_s: int = 10
    open_s: float = 30
    probe_s: float = 5
    cache_s: float = 1


@dataclass(frozen=True)
class Seen:
    """The breaker as this instance last saw it."""

    state: str
    epoch: int
    retry_at_s: float = 0


def store_client() -> DynamoDBClient:
    """A client that gives up soon: whoever waits for the table waits before every call."""
    config = Config(connect_timeout=0.2, read_timeout=0.2, retries={"total_max_attempts": 1})
    return boto3.client("dynamodb", config=config)


class Breaker:
    """One for each service and process. Its methods may be called from many threads."""

    def __init__(self, dynamodb: DynamoDBClient, settings: Settings, now_s: Callable[[], float] = time.time) -> None:
        self.dynamodb, self.settings, self.now_s = dynamodb, settings, now_s
        self.seen, self.read_at_s = Seen(CLOSED, 0), float("-inf")

    # [call]
    def call(self, work: Callable[[], Answer], fallback: Callable[[], Answer]) -> Answer:
        """The answer of `work`, or that of `fallback` when the breaker refuses or the service fails."""
        permit = self.permit()
        if permit is None:
            return fallback()
        try:
            answer = work()
        except DependencyError:
            self.failed(permit)
            return fallback()
        if permit.state == HALF_OPEN:
            self.move(permit, CLOSED)
        return answer

    def permit(self) -> Seen | None:
        """The state and epoch in which a call may go out, or None."""
        seen = self.look()
        if seen.state == CLOSED:
            return seen
        if self.now_s() < seen.retry_at_s:
            return None
        # Whoever makes this move probes. If it dies, another takes over when the lease is up.
        return self.move(seen, HALF_OPEN, self.settings.probe_s)

    def failed(self, permit: Seen) -> None:
        if permit.state == HALF_OPEN or self.count_failure(permit) >= self.settings.failure_threshold:
            self.move(permit, OPEN, self.settings.open_s)

    # [/call]

    # [store]
    # [move]
    def move(self, seen: Seen, state: str, wait_s: float = 0) -> Seen | None:
        """Enters `state`, unless somebody has made a move since `seen`: then None."""
        moved = Seen(state, seen.epoch + 1, self.now_s() + wait_s)
        try:
            self.dynamodb.update_item(
                TableName=self.settings.table,
                Key={"id": {"S": self.settings.service}},
                UpdateExpression="SET #state = :state, epoch = :next, retry_at_s = :retry",
                ConditionExpression="epoch = :seen OR attribute_not_exists(epoch)",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":state": {"S": state},
                    ":seen": {"N": str(seen.epoch)},
                    ":next": {"N": str(moved.epoch)},
                    ":retry": {"N": str(moved.retry_at_s)},
                },
            )
        except (ClientError, BotoCoreError) as error:
            self.forget(error)
            return None
        self.seen, self.read_at_s = moved, self.now_s()
        return moved

    # [/move]

    # [count]
    def count_failure(self, permit: Seen) -> int:
        """How many failures this window and epoch have now, this one included; 0 if the table does not answer."""
        if permit.epoch == TABLE_GONE:
            return 0
        window = int(self.now_s() // self.settings.window_s)
        try:
            answer = self.dynamodb.update_item(
                TableName=self.settings.table,
                Key={"id": {"S": f"{self.settings.service}#{permit.epoch}#{window}"}},
                UpdateExpression="ADD failures :one SET expires_at = :later",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":later": {"N": str((window + 2) * self.settings.window_s)},
                },
                ReturnValues="ALL_NEW",
            )
        except (ClientError, BotoCoreError) as error:
            self.forget(error)
            return 0
        return int(answer["Attributes"]["failures"]["N"])

    # [/count]

    def look(self) -> Seen:
        """The state, at most `cache_s` old. CLOSED when the table does not answer."""
        if self.now_s() < self.read_at_s + self.settings.cache_s:
            return self.seen
        try:
            self.seen, self.read_at_s = self.read(), self.now_s()
        except (ClientError, BotoCoreError) as error:
            self.forget(error)
        return self.seen

    # [/store]

    def read(self) -> Seen:
        # Eventually consistent at half the price: an old epoch can lose a move, never make one.
        answer = self.dynamodb.get_item(TableName=self.settings.table, Key={"id": {"S": self.settings.service}})
        item = answer.get("Item")
        if not item:
            return Seen(CLOSED, 0)
        return Seen(item["state"]["S"], int(item["epoch"]["N"]), float(item["retry_at_s"]["N"]))

    def forget(self, error: ClientError | BotoCoreError) -> None:
        if isinstance(error, ClientError) and condition_failed(error):
            # Somebody else moved first: look again before the next call.
            self.read_at_s = float("-inf")
            return
        log.warning("The breaker of %s cannot use its table: %s", self.settings.service, error)
        # Kept as long as a good read, so that a dead table is asked once in a while and not at every call.
        self.seen, self.read_at_s = Seen(CLOSED, TABLE_GONE), self.now_s()
