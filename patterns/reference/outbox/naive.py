"""A row and the event about it as they are often written: two writes to two systems, one after the other.

1. `row_then_event`: it dies in between, and there is an order of which nobody hears.
2. `event_then_row`: it dies in between, or the row is refused, and everybody hears of an order that does not exist.

No order of the two helps, and neither does a retry, which dies with its process.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

TABLE = "orders"


# [dual-write]
def row_then_event(dynamodb: DynamoDBClient, sqs: SQSClient, queue_url: str, order_id: str) -> None:
    put_order(dynamodb, order_id)
    send_placed(sqs, queue_url, order_id)


def event_then_row(dynamodb: DynamoDBClient, sqs: SQSClient, queue_url: str, order_id: str) -> None:
    send_placed(sqs, queue_url, order_id)
    put_order(dynamodb, order_id)


# [/dual-write]


def put_order(dynamodb: DynamoDBClient, order_id: str) -> None:
    order = {"order_id": {"S": order_id}, "part": {"S": "order"}, "state": {"S": "PLACED"}}
    dynamodb.put_item(TableName=TABLE, Item=order, ConditionExpression="attribute_not_exists(order_id)")


def send_placed(sqs: SQSClient, queue_url: str, order_id: str) -> None:
    body = json.dumps({"order_id": order_id, "type": "placed"})
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, MessageGroupId=order_id, MessageDeduplicationId=order_id)
