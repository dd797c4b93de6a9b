"""A consumer of an SQS queue as it is often written, in two ways. What is wrong:

1. `mark_first` marks the payment as done and then does it. If it dies in between, the message comes back, is taken
   for done, and the points are lost.
2. `mark_last` does it and then marks it. If it dies in between, or a second consumer has the same message at the same
   moment, the points are given twice. Reading first, and not writing on a condition, cannot help.
3. Both go by the message's id. A sender that is not sure sends again, and that is another message with another id.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from patterns.reference.errors import condition_failed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TABLE = "points"


# [mark-first]
def mark_first(dynamodb: DynamoDBClient, record: dict[str, Any]) -> None:
    seen = {"id": {"S": record["messageId"]}}
    try:
        dynamodb.put_item(TableName=TABLE, Item=seen, ConditionExpression="attribute_not_exists(id)")
    except ClientError as error:
        if condition_failed(error):
            return
        raise
    give_points(dynamodb, json.loads(record["body"]))


# [/mark-first]


# [mark-last]
def mark_last(dynamodb: DynamoDBClient, record: dict[str, Any]) -> None:
    seen = {"id": {"S": record["messageId"]}}
    if "Item" in dynamodb.get_item(TableName=TABLE, Key=seen, ConsistentRead=True):
        return
    give_points(dynamodb, json.loads(record["body"]))
    dynamodb.put_item(TableName=TABLE, Item=seen)


# [/mark-last]


def give_points(dynamodb: DynamoDBClient, payment: dict[str, Any]) -> None:
    dynamodb.update_item(
        TableName=TABLE,
        Key={"id": {"S": payment["customer"]}},
        UpdateExpression="ADD points :points",
        ExpressionAttributeValues={":points": {"N": str(payment["points"])}},
    )
