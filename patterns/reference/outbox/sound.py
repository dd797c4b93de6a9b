"""A transactional outbox: the order and the event about it in one DynamoDB transaction, and a relay that sends it on.

The relay is a Lambda function behind the table's stream. The event source mapping needs `ReportBatchItemFailures` and a
filter for `INSERT`; on a failure Lambda starts again at the record that the answer names, so the events of an order
keep their order. Set `MaximumRecordAgeInSeconds` with care: by default Lambda tries until the record expires, after 24
hours, and the whole shard waits.

The relay sends at least once: when it dies after sending, the same event goes out again. The FIFO queue drops a
repetition within five minutes, by the event's id; what comes later the consumer must recognise by that same id.

The table: partition key `id` (string), time to live on `expires_at`, a stream with NEW_IMAGE.
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
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef
    from types_boto3_sqs import SQSClient

TABLE = "orders"
EVENT_KEPT_S = 7 * 24 * 3600

log = logging.getLogger(__name__)


class Refused(Exception):
    """The order is not in a state that allows this."""


# [write]
def place_order(dynamodb: DynamoDBClient, order_id: str) -> None:
    order = {"id": {"S": order_id}, "state": {"S": "PLACED"}}
    write(
        dynamodb,
        {"Put": {"TableName": TABLE, "Item": order, "ConditionExpression": "attribute_not_exists(id)"}},
        outbox(order_id, "placed"),
    )


def write(dynamodb: DynamoDBClient, change: TransactWriteItemTypeDef, event: TransactWriteItemTypeDef) -> None:
    """Both or neither. `Refused` if the condition of `change` does not hold."""
    try:
        dynamodb.transact_write_items(TransactItems=[change, event])
    except ClientError as error:
        if cancellation_reasons(error)[:1] == ["ConditionalCheckFailed"]:
            raise Refused from error
        raise


def outbox(order_id: str, happened: str) -> TransactWriteItemTypeDef:
    """An event as an item of the same table. Its id says which event it is, not when it was written."""
    event = {
        "id": {"S": f"event#{order_id}#{happened}"},
        "order_id": {"S": order_id},
        "type": {"S": happened},
        "expires_at": {"N": str(int(time.time()) + EVENT_KEPT_S)},
    }
    return {"Put": {"TableName": TABLE, "Item": event}}


# [/write]


def cancel_order(dynamodb: DynamoDBClient, order_id: str) -> None:
    cancelled: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": TABLE,
            "Key": {"id": {"S": order_id}},
            "UpdateExpression": "SET #state = :cancelled",
            "ConditionExpression": "#state = :placed",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":placed": {"S": "PLACED"}, ":cancelled": {"S": "CANCELLED"}},
        }
    }
    write(dynamodb, cancelled, outbox(order_id, "cancelled"))


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
    item_id: str = record["dynamodb"]["Keys"]["id"]["S"]
    return record["eventName"] == "INSERT" and item_id.startswith("event#")


def send(sqs: SQSClient, queue_url: str, event: dict[str, Any]) -> None:
    body = {"event_id": event["id"]["S"], "order_id": event["order_id"]["S"], "type": event["type"]["S"]}
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(body),
        MessageGroupId=body["order_id"],
        MessageDeduplicationId=body["event_id"],
    )


# [/relay]


@cache
def queue_client() -> SQSClient:
    return boto3.client("sqs")
