"""Every message may come twice: what that does to the naive consumers, and not to the sound one.

`deliver` plays Lambda's poller: it receives messages, hands them to the handler as an event, and deletes those that the
answer does not name. The queue's visibility timeout is zero, so that what is not deleted can be received again at once.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from patterns.reference.idempotent_consumer import naive, sound
from tests.patterns.reference.tools import fail, items, make_table, meet, together

PAYMENT = {"payment_id": "p-1", "customer": "ada", "points": 30}
NO_ANSWER = ReadTimeoutError(endpoint_url="https://dynamodb.example")


@pytest.fixture
def table(dynamodb, monkeypatch):
    make_table(dynamodb, "points")
    monkeypatch.setattr(sound, "client", lambda: dynamodb)
    return dynamodb


@pytest.fixture
def queue(sqs):
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})
    attributes = {"VisibilityTimeout": "0", "RedrivePolicy": policy}
    return sqs.create_queue(QueueName="payments", Attributes=attributes)["QueueUrl"]


def send(sqs, queue, *bodies):
    for body in bodies:
        sqs.send_message(QueueUrl=queue, MessageBody=body if isinstance(body, str) else json.dumps(body))


def receive(sqs, queue) -> list[dict[str, Any]]:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [{"messageId": m["MessageId"], "body": m["Body"], "receiptHandle": m["ReceiptHandle"]} for m in messages]


def deliver(sqs, queue) -> list[str]:
    """One round: the ids of the messages that stay in the queue."""
    records = receive(sqs, queue)
    answer = sound.lambda_handler({"Records": records}, None)
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    for record in records:
        if record["messageId"] not in failed:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=record["receiptHandle"])
    return failed


def points(dynamodb):
    return items(dynamodb, "points").get("ada", {"points": 0})["points"]


def record(message_id="m-1") -> dict[str, Any]:
    return {"messageId": message_id, "body": json.dumps(PAYMENT)}


# Naive


def test_naive_marking_first_loses_the_points_of_a_consumer_that_dies(table):
    fail(table, "before-call.dynamodb.UpdateItem", NO_ANSWER, times=1)
    with pytest.raises(ReadTimeoutError):
        naive.mark_first(table, record())

    naive.mark_first(table, record())

    assert points(table) == 0


def test_naive_marking_last_gives_the_points_twice_when_a_consumer_dies(table):
    fail(table, "before-call.dynamodb.PutItem", NO_ANSWER, times=1)
    with pytest.raises(ReadTimeoutError):
        naive.mark_last(table, record())

    naive.mark_last(table, record())

    assert points(table) == 60


def test_naive_marking_last_gives_the_points_twice_to_two_consumers_at_once(table):
    meet(table, "after-call.dynamodb.GetItem", 2)

    together(*[lambda: naive.mark_last(table, record())] * 2)

    assert points(table) == 60


@pytest.mark.parametrize("consume", [naive.mark_first, naive.mark_last])
def test_naive_as_long_as_nothing_goes_wrong_a_message_counts_once(table, consume):
    for _ in range(2):
        consume(table, record())

    assert points(table) == 30


@pytest.mark.parametrize("consume", [naive.mark_first, naive.mark_last])
def test_naive_going_by_the_id_of_the_message_counts_a_payment_that_was_sent_twice(table, sqs, queue, consume):
    send(sqs, queue, PAYMENT, PAYMENT)

    for message in receive(sqs, queue):
        consume(table, message)

    assert points(table) == 60


# Sound


def test_sound_a_payment_sent_twice_counts_once(table, sqs, queue):
    send(sqs, queue, PAYMENT, PAYMENT)

    assert deliver(sqs, queue) == []
    assert points(table) == 30
    assert receive(sqs, queue) == []


def test_sound_a_message_received_twice_counts_once(table, sqs, queue):
    send(sqs, queue, PAYMENT)
    first, again = receive(sqs, queue), receive(sqs, queue)

    answers = [sound.lambda_handler({"Records": records}, None) for records in (first, again)]

    assert answers == [{"batchItemFailures": []}] * 2
    assert points(table) == 30


def test_sound_eight_consumers_with_the_same_message_at_once_give_the_points_once(table):
    meet(table, "before-call.dynamodb.TransactWriteItems", 8)

    given = together(*[lambda: sound.give_points_once(table, PAYMENT, now_s=0)] * 8)

    assert sorted(given) == [False] * 7 + [True]
    assert points(table) == 30


@pytest.mark.parametrize("event", ["before-call", "after-call"])
def test_sound_a_consumer_that_dies_before_or_after_the_write_loses_and_doubles_nothing(table, sqs, queue, event):
    send(sqs, queue, PAYMENT)
    fail(table, f"{event}.dynamodb.TransactWriteItems", NO_ANSWER, times=1)

    first, second = deliver(sqs, queue), deliver(sqs, queue)

    assert (len(first), second) == (1, [])
    assert points(table) == 30


def test_sound_one_bad_message_does_not_send_back_its_batch_and_ends_in_the_dead_letter_queue(table, sqs, queue):
    send(sqs, queue, PAYMENT, "not JSON", {**PAYMENT, "payment_id": "p-2"})

    rounds = [len(deliver(sqs, queue)) for _ in range(4)]

    assert rounds == [1, 1, 1, 0]
    assert points(table) == 60
    dead = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    assert [message["body"] for message in receive(sqs, dead)] == ["not JSON"]


def test_sound_a_conflict_is_no_duplicate(table):
    """moto knows no conflicts between transactions, so one is injected, as DynamoDB reports it."""
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    fail(table, "before-call.dynamodb.TransactWriteItems", ClientError(response, "TransactWriteItems"))

    with pytest.raises(ClientError):
        sound.give_points_once(table, PAYMENT, now_s=0)


def test_sound_a_mark_outlives_the_longest_stay_in_a_queue(table):
    sound.give_points_once(table, PAYMENT, now_s=1_000)

    kept_s = items(table, "points")["payment#p-1"]["expires_at"] - 1_000

    assert kept_s >= 2 * 14 * 24 * 3600
