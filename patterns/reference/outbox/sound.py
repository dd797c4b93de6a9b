"""A transactional outbox: the order and the event about it in one DynamoDB transaction, and a relay that sends it on.

The relay is a Lambda function behind the table's stream. The event source mapping needs `ReportBatchItemFailures` and a
filter for `INSERT`; on a failure Lambda starts again at the record that the answer names. By default Lambda tries
until the record expires, after 24 hours, and the whole shard waits: set `MaximumRecordAgeInSeconds` or a number of
retries, and a destination for what failed.

The relay sends at least once: when it dies after sending, the same event goes out again. The FIFO queue drops a
repetition within five minutes, by order and version; what comes later the consumer must recognise by the same two.

The order's number is the partition key of its events as well, so that as a rule they come through the stream in order.
DynamoDB promises that for the changes of one item only. So each event carries the order's version, by which a consumer
tells old from new and notices a gap.

The table: partition key `order_id`, sort key `part` (strings), time to live on `expires_at`, a stream with NEW_IMAGE.
"""

from __future__ import annotations

import json
import logging
import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from patterns.reference.errors import cancellation_reasons

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef
    from types_boto3_sqs import SQSClient

TABLE = "orders"
EVENT_KEPT_S = 7 * 24 * 3600

log = logging.getLogger(__name__)


class Refused(Exception):
    """The order is not in a state that allows this."""


# [write]
def place_order(dynamodb: DynamoDBClient, order_id: str) -> None:
    order = {**key(order_id, "order"), "state": {"S": "PLACED"}}
    write(
        dynamodb,
        {"Put": {"TableName": TABLE, "Item": order, "ConditionExpression": "attribute_not_exists(order_id)"}},
        outbox(order_id, 1, "placed"),
    )


def write(dynamodb: DynamoDBClient, change: TransactWriteItemTypeDef, event: TransactWriteItemTypeDef) -> None:
    """Both or neither. `Refused` if the condition of `change` does not hold."""
    try:
        dynamodb.transact_write_items(TransactItems=[change, event])
    except ClientError as error:
        if cancellation_reasons(error)[:1] == ["ConditionalCheckFailed"]:
            raise Refused from error
        raise


def outbox(order_id: str, version: int, happened: str) -> TransactWriteItemTypeDef:
    """An event as an item beside the order's. `version` is that of the order after the change."""
    event = {
        **key(order_id, f"event#{version}"),
        "version": {"N": str(version)},
        "type": {"S": happened},
        "expires_at": {"N": str(int(time.time()) + EVENT_KEPT_S)},
    }
    return {"Put": {"TableName": TABLE, "Item": event}}


def key(order_id: str, part: str) -> dict[str, AttributeValueTypeDef]:
    return {"order_id": {"S": order_id}, "part": {"S": part}}


# [/write]


def cancel_order(dynamodb: DynamoDBClient, order_id: str) -> None:
    cancelled: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": TABLE,
            "Key": key(order_id, "order"),
            "UpdateExpression": "SET #state = :cancelled",
            "ConditionExpression": "#state = :placed",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":placed": {"S": "PLACED"}, ":cancelled": {"S": "CANCELLED"}},
        }
    }
    write(dynamodb, cancelled, outbox(order_id, 2, "cancelled"))


# [relay]
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sends each new event on, in order. Stops at the first that fails; Lambda goes on from there later."""
    for record in event["Records"]:
        if not is_new_event(record):
            continue
        try:
            send(queue_client(), os.environ["QUEUE_URL"], record["dynamodb"]["NewImage"])
        except (ClientError, BotoCoreError):
            log.exception("The event %s was not sent", record["dynamodb"]["Keys"])
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def is_new_event(record: dict[str, Any]) -> bool:
    # Orders come by in the stream too, and so does the removal of old events by their time to live.
    part: str = record["dynamodb"]["Keys"]["part"]["S"]
    return record["eventName"] == "INSERT" and part.startswith("event#")


def send(sqs: SQSClient, queue_url: str, event: dict[str, Any]) -> None:
    order_id, version = event["order_id"]["S"], int(event["version"]["N"])
    body = {"order_id": order_id, "version": version, "type": event["type"]["S"]}
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(body),
        MessageGroupId=order_id,
        MessageDeduplicationId=f"{order_id}#{version}",
    )


# [/relay]


@cache
def queue_client() -> SQSClient:
    return boto3.client("sqs")
