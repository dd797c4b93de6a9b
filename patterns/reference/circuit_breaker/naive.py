"""A shared circuit breaker as it is often written. Five things are wrong with it:

1. It reads a number, adds one and writes it back. Of failures that happen together, all but one are lost.
2. A success writes CLOSED over whatever is there. One late answer reopens the way to a dead service.
3. When the wait is over, every caller sees it at once, and all of them probe.
4. An error of the table counts as an error of the service: the safety device becomes the outage.
5. It reads the table before every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

Answer = TypeVar("Answer")

FAILURE_THRESHOLD = 5
OPEN_S = 30


# [call]
def call(
    dynamodb: DynamoDBClient,
    service: str,
    work: Callable[[], Answer],
    fallback: Callable[[], Answer],
    now_s: Callable[[], float],
) -> Answer:
    key = {"id": {"S": service}}
    failures = 0
    try:
        item = dynamodb.get_item(TableName="breakers", Key=key).get("Item", {})
        failures = int(item["failures"]["N"]) if item else 0
        if failures >= FAILURE_THRESHOLD and now_s() < float(item["opened_at_s"]["N"]) + OPEN_S:
            return fallback()
        answer = work()
        save(dynamodb, service, 0, now_s())
        return answer
    except Exception:
        save(dynamodb, service, failures + 1, now_s())
        return fallback()


def save(dynamodb: DynamoDBClient, service: str, failures: int, now_s: float) -> None:
    item = {"id": {"S": service}, "failures": {"N": str(failures)}, "opened_at_s": {"N": str(now_s)}}
    dynamodb.put_item(TableName="breakers", Item=item)


# [/call]
