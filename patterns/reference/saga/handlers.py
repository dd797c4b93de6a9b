"""The Lambda handlers of the order saga, fit for `sound.asl.json`.

Every handler may run twice, late, or without its answer arriving, and must leave the same state behind. It does so by
a reservation: an item under the order's number that says what is held. Reservation, balance and the order's own record
change in one transaction, on the condition that the reservation is where the handler expects it to be.

One function of code serves all six Lambda functions; the name of the function says which step to take. The table:
partition key `id` (string). It holds balances, reservations and orders.

Left out: the card company and the warehouse are balances in the same table. A real one has an interface of its own,
which then must take the order's number as a key and answer a repeated request as it did the first.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict

import boto3
from botocore.exceptions import ClientError

from patterns.reference.errors import cancellation_reasons, condition_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

TABLE = "shop"
PENDING, CONFIRMED, CANCELLED, REFUSED, NEEDS_A_PERSON = (
    "PENDING",
    "CONFIRMED",
    "CANCELLED",
    "REFUSED",
    "NEEDS_A_PERSON",
)
HELD, RELEASED = "HELD", "RELEASED"


class Order(TypedDict):
    """What the state machine hands from state to state."""

    order_id: str
    card: str
    cents: int
    item: str
    units: int


# The state machine sees the names of these classes, in ErrorEquals.
class Declined(Exception):
    """The card has not enough left; nothing was reserved."""


class SoldOut(Exception):
    """Fewer units left than ordered; nothing was reserved."""


class OrderCancelled(Exception):
    """The customer cancelled before the order was confirmed."""


class TooLate(Exception):
    """The reservation was released before this request arrived."""


class Busy(Exception):
    """Another writer was there at the same moment; try again."""


# [steps]
def reserve_payment(dynamodb: DynamoDBClient, order: Order) -> None:
    reserve(dynamodb, order["order_id"], "payment", order["card"], order["cents"], Declined)


def reserve_stock(dynamodb: DynamoDBClient, order: Order) -> None:
    reserve(dynamodb, order["order_id"], "stock", order["item"], order["units"], SoldOut)


def return_stock(dynamodb: DynamoDBClient, order: Order) -> None:
    release(dynamodb, order["order_id"], "stock", order["item"], order["units"])


def release_payment(dynamodb: DynamoDBClient, order: Order) -> None:
    release(dynamodb, order["order_id"], "payment", order["card"], order["cents"])


# [/steps]


def confirm_order(dynamodb: DynamoDBClient, order: Order) -> None:
    if not set_state(dynamodb, order["order_id"], CONFIRMED, unless=[CANCELLED, REFUSED]):
        raise OrderCancelled(order["order_id"])


def refuse_order(dynamodb: DynamoDBClient, order: Order) -> None:
    set_state(dynamodb, order["order_id"], REFUSED, unless=[CANCELLED])


def ask_a_person(dynamodb: DynamoDBClient, order: Order) -> None:
    set_state(dynamodb, order["order_id"], NEEDS_A_PERSON, unless=[])


def cancel_order(dynamodb: DynamoDBClient, order_id: str) -> bool:
    """What the customer's button does: True if it was not too late."""
    return set_state(dynamodb, order_id, CANCELLED, unless=[CONFIRMED, REFUSED])


STEPS: dict[str, Callable[[DynamoDBClient, Order], None]] = {
    "reserve-payment": reserve_payment,
    "reserve-stock": reserve_stock,
    "confirm-order": confirm_order,
    "return-stock": return_stock,
    "release-payment": release_payment,
    "refuse-order": refuse_order,
    "ask-a-person": ask_a_person,
}


@cache
def client() -> DynamoDBClient:
    """Made once in an execution environment, and so used by all its invocations."""
    return boto3.client("dynamodb")


def lambda_handler(event: Order, context: Any) -> None:
    STEPS[context.function_name](client(), event)


# [reserve]
def reserve(
    dynamodb: DynamoDBClient, order_id: str, kind: str, balance: str, amount: int, refusal: type[Exception]
) -> None:
    """Takes `amount` from `balance` for this order, once, however often it is called. `refusal` if it is not there."""
    held = {"id": {"S": f"{kind}#{order_id}"}, "state": {"S": HELD}, "amount": {"N": str(amount)}}
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": held, "ConditionExpression": "attribute_not_exists(id)"}},
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": {"id": {"S": balance}},
                        "UpdateExpression": "SET amount = amount - :amount",
                        "ConditionExpression": "amount >= :amount",
                        "ExpressionAttributeValues": {":amount": {"N": str(amount)}},
                    }
                },
                noted(order_id, f"{kind} {HELD}"),
            ]
        )
    except ClientError as error:
        reservation_failed, balance_failed = failures(error)
        if not reservation_failed:
            raise (refusal if balance_failed else Busy)(order_id) from error
        if state_of(dynamodb, f"{kind}#{order_id}") == RELEASED:
            raise TooLate(order_id) from error
        # It is HELD: the same request came through before, and its answer was lost.


# [/reserve]


# [release]
def release(dynamodb: DynamoDBClient, order_id: str, kind: str, balance: str, amount: int) -> None:
    """Gives back what this order holds, once. If it holds nothing, sees to it that it never will."""
    key = {"id": {"S": f"{kind}#{order_id}"}}
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": key,
                        "UpdateExpression": "SET #state = :released",
                        "ConditionExpression": "#state = :held",
                        "ExpressionAttributeNames": {"#state": "state"},
                        "ExpressionAttributeValues": {":held": {"S": HELD}, ":released": {"S": RELEASED}},
                    }
                },
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": {"id": {"S": balance}},
                        "UpdateExpression": "SET amount = amount + :amount",
                        "ExpressionAttributeValues": {":amount": {"N": str(amount)}},
                    }
                },
                noted(order_id, f"{kind} {RELEASED}"),
            ]
        )
    except ClientError as error:
        nothing_held, _ = failures(error)
        if not nothing_held:
            raise Busy(order_id) from error
        bar(dynamodb, key["id"]["S"])


def bar(dynamodb: DynamoDBClient, reservation: str) -> None:
    """Leaves a mark where there is no reservation, so that a late request to reserve is refused."""
    released = {"id": {"S": reservation}, "state": {"S": RELEASED}}
    try:
        dynamodb.put_item(TableName=TABLE, Item=released, ConditionExpression="attribute_not_exists(id)")
    except ClientError as error:
        if not condition_failed(error) or state_of(dynamodb, reservation) != RELEASED:
            raise Busy(reservation) from error


# [/release]


# [noted]
def noted(order_id: str, step: str) -> TransactWriteItemTypeDef:
    """Part of a transaction: writes `step` into the order's record, which the first step creates."""
    return {
        "Update": {
            "TableName": TABLE,
            "Key": {"id": {"S": order_id}},
            "UpdateExpression": (
                "SET steps = list_append(if_not_exists(steps, :none), :step), #state = if_not_exists(#state, :pending)"
            ),
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {
                ":none": {"L": []},
                ":step": {"L": [{"S": step}]},
                ":pending": {"S": PENDING},
            },
        }
    }


# [/noted]


def failures(error: ClientError) -> tuple[bool, bool]:
    """Whether the first and the second condition of a cancelled transaction failed; any other error goes on."""
    reasons = cancellation_reasons(error)
    if not reasons:
        raise error
    return reasons[0] == "ConditionalCheckFailed", reasons[1] == "ConditionalCheckFailed"


def state_of(dynamodb: DynamoDBClient, item_id: str) -> str:
    answer = dynamodb.get_item(TableName=TABLE, Key={"id": {"S": item_id}}, ConsistentRead=True)
    return answer["Item"]["state"]["S"]


def set_state(dynamodb: DynamoDBClient, order_id: str, state: str, unless: list[str]) -> bool:
    """Sets the order's state unless it is one of `unless`: then False."""
    forbidden = {f":not{number}": {"S": other} for number, other in enumerate(unless)}
    condition = {"ConditionExpression": f"NOT #state IN ({', '.join(forbidden)})"} if unless else {}
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"id": {"S": order_id}},
            UpdateExpression="SET #state = :state",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}, **forbidden},
            **condition,  # type: ignore[arg-type]
        )
    except ClientError as error:
        if condition_failed(error):
            return False
        raise
    return True


def order_input(order: Order) -> str:
    """For StartExecution, which takes the order's number as `name`: the same order starts once."""
    return json.dumps(order)
