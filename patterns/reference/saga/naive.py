"""The handlers of an order saga as they are often written, fit for `naive.asl.json`. What is wrong:

In the state machine
1. ConfirmOrder has no Catch: when it fails the execution ends, and money and stock stay reserved.
2. The compensations have no Retry: one hiccup, and the way back ends half-way.
3. A failed step is compensated whether it happened or not.
4. `States.ALL` is retried: a declined card three times, a lost answer as if nothing had happened.

In the handlers
5. They add and subtract without remembering for which order: a repeated request counts twice, and a compensation
   gives back what was never taken.
6. The step is noted in a request of its own, after the effect.
7. The note is appended to a list that does not exist yet, which DynamoDB refuses.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from patterns.reference.errors import condition_failed
from patterns.reference.saga.handlers import Declined, Order, SoldOut

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TABLE = "shop"


# [steps]
def reserve_stock(dynamodb: DynamoDBClient, order: Order) -> None:
    if not add(dynamodb, order["item"], -order["units"]):
        raise SoldOut
    note(dynamodb, order["order_id"], "stock reserved")


def return_stock(dynamodb: DynamoDBClient, order: Order) -> None:
    add(dynamodb, order["item"], order["units"])
    note(dynamodb, order["order_id"], "stock returned")


def add(dynamodb: DynamoDBClient, balance: str, amount: int) -> bool:
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"id": {"S": balance}},
            UpdateExpression="SET amount = amount + :amount",
            ConditionExpression="amount >= :least",
            ExpressionAttributeValues={":amount": {"N": str(amount)}, ":least": {"N": str(-amount)}},
        )
    except ClientError as error:
        if condition_failed(error):
            return False
        raise
    return True


def note(dynamodb: DynamoDBClient, order_id: str, step: str) -> None:
    dynamodb.update_item(
        TableName=TABLE,
        Key={"id": {"S": order_id}},
        UpdateExpression="SET steps = list_append(steps, :step)",
        ExpressionAttributeValues={":step": {"L": [{"S": step}]}},
    )


# [/steps]


def reserve_payment(dynamodb: DynamoDBClient, order: Order) -> None:
    if not add(dynamodb, order["card"], -order["cents"]):
        raise Declined
    note(dynamodb, order["order_id"], "payment reserved")


def release_payment(dynamodb: DynamoDBClient, order: Order) -> None:
    add(dynamodb, order["card"], order["cents"])
    note(dynamodb, order["order_id"], "payment released")


def confirm_order(dynamodb: DynamoDBClient, order: Order) -> None:
    note(dynamodb, order["order_id"], "order confirmed")


STEPS = {
    "reserve-payment": reserve_payment,
    "reserve-stock": reserve_stock,
    "confirm-order": confirm_order,
    "return-stock": return_stock,
    "release-payment": release_payment,
}


@cache
def client() -> DynamoDBClient:
    return boto3.client("dynamodb")


def lambda_handler(event: Order, context: Any) -> None:
    STEPS[context.function_name](client(), event)
