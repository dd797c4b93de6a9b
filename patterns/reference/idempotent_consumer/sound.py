"""A Lambda consumer of an SQS queue that gives points for payments, each payment once.

The mark "this payment is done" and the effect are one transaction: both happen or neither. Its key is the payment's
number, which the sender made, and not the message's id. The event source mapping needs `ReportBatchItemFailures`;
then only the messages named in the answer come back, and after `maxReceiveCount` times go to the dead-letter queue.

The table: partition key `id` (string), time to live on `expires_at`. A mark must outlive every way in which its message
can come back: a queue keeps messages for up to 14 days, and a dead-letter queue may be redriven later.

This holds for effects in DynamoDB, in one account and Region. For an effect elsewhere, pass the key on to whoever has
it, and let a record with a lease say that the work is under way: Powertools for AWS Lambda does that.
"""

from __future__ import annotations

import json
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from patterns.reference.errors import cancellation_reasons

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TABLE = "points"
MARK_KEPT_S = 30 * 24 * 3600

log = logging.getLogger(__name__)


# [handler]
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Names the messages that failed; Lambda deletes the others from the queue."""
    failed = [record["messageId"] for record in event["Records"] if not handled(client(), record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def handled(dynamodb: DynamoDBClient, record: dict[str, Any]) -> bool:
    try:
        give_points_once(dynamodb, json.loads(record["body"]), time.time())
    except Exception:
        # One message that cannot be handled must not send back the rest of its batch.
        log.exception("Message %s failed", record["messageId"])
        return False
    return True


# [/handler]


# [once]
def give_points_once(dynamodb: DynamoDBClient, payment: dict[str, Any], now_s: float) -> bool:
    """True if the points were given now, False if they had been before."""
    mark = {"id": {"S": f"payment#{payment['payment_id']}"}, "expires_at": {"N": str(int(now_s) + MARK_KEPT_S)}}
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": mark, "ConditionExpression": "attribute_not_exists(id)"}},
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": {"id": {"S": payment["customer"]}},
                        "UpdateExpression": "ADD points :points",
                        "ExpressionAttributeValues": {":points": {"N": str(payment["points"])}},
                    }
                },
            ]
        )
    except ClientError as error:
        # The reasons are in the order of the actions. A conflict or throttling is none: the message must come back.
        if cancellation_reasons(error)[:1] == ["ConditionalCheckFailed"]:
            return False
        raise
    return True


# [/once]


@cache
def client() -> DynamoDBClient:
    return boto3.client("dynamodb")
