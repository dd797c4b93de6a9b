"""A row and its event: lost and invented by two writes, kept by one transaction and the stream.

`Poller` plays Lambda's event source mapping: it reads the stream from its checkpoint, hands the records to the relay,
and moves the checkpoint up to the record that the answer names. moto's stream is one shard that keeps everything; the
real one has many, splits them, promises the order of changes to one item only, and forgets after 24 hours.

When moto takes a transaction back it puts a copy of the table in place, and an iterator opened before goes on reading
the abandoned stream, with records of what never happened. The real stream has only what was committed. So `Poller` asks
for a fresh iterator each time.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from patterns.reference.outbox import naive, sound
from tests.patterns.reference.tools import fail, make_table, meet, together

NO_ANSWER = ReadTimeoutError(endpoint_url="https://aws.example")


@pytest.fixture
def table(dynamodb):
    make_table(dynamodb, "orders", keys=("order_id", "part"), stream=True)
    return dynamodb


@pytest.fixture
def queue(sqs, monkeypatch):
    url = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setenv("QUEUE_URL", url)
    monkeypatch.setattr(sound, "queue_client", lambda: sqs)
    return url


@pytest.fixture
def poller(table, session):
    return Poller(session.client("dynamodbstreams"))


class Poller:
    def __init__(self, streams: Any) -> None:
        self.streams = streams
        self.after: str | None = None  # the checkpoint: the last record that is done with

    def records(self) -> Any:
        [stream] = self.streams.list_streams(TableName="orders")["Streams"]
        shards = self.streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        where = {"ShardIteratorType": "TRIM_HORIZON"}
        if self.after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self.after}
        found = self.streams.get_shard_iterator(StreamArn=stream["StreamArn"], ShardId=shards[0]["ShardId"], **where)
        return self.streams.get_records(ShardIterator=found["ShardIterator"])["Records"]

    def poll(self, *, checkpoint: bool = True) -> None:
        records = self.records()
        failures = sound.lambda_handler({"Records": records}, None)["batchItemFailures"]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        done = numbers[: numbers.index(failures[0]["itemIdentifier"])] if failures else numbers
        if done and checkpoint:
            self.after = done[-1]


def sent(sqs, queue) -> list[tuple[str, str]]:
    """What consumers get, as (order, event), taken from the queue."""
    taken = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            taken.append((body["order_id"], body["type"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return taken


def orders(dynamodb) -> dict[str, str]:
    found = dynamodb.scan(TableName="orders", ConsistentRead=True)["Items"]
    return {item["order_id"]["S"]: item["state"]["S"] for item in found if item["part"]["S"] == "order"}


# Naive


def test_naive_an_order_of_which_nobody_hears(table, sqs, queue):
    fail(sqs, "before-call.sqs.SendMessage", NO_ANSWER)

    with pytest.raises(ReadTimeoutError):
        naive.row_then_event(table, sqs, queue, "order-1")

    assert (orders(table), sent(sqs, queue)) == ({"order-1": "PLACED"}, [])


def test_naive_an_event_of_an_order_that_does_not_exist(table, sqs, queue):
    fail(table, "before-call.dynamodb.PutItem", NO_ANSWER)

    with pytest.raises(ReadTimeoutError):
        naive.event_then_row(table, sqs, queue, "order-1")

    assert (orders(table), sent(sqs, queue)) == ({}, [("order-1", "placed")])


# Sound: the write


@pytest.mark.parametrize(("event", "happened"), [("before-call", False), ("after-call", True)])
def test_sound_a_writer_that_dies_leaves_both_or_neither(table, sqs, queue, poller, event, happened):
    fail(table, f"{event}.dynamodb.TransactWriteItems", NO_ANSWER, times=1)

    with pytest.raises(ReadTimeoutError):
        sound.place_order(table, "order-1")
    poller.poll()

    assert orders(table) == ({"order-1": "PLACED"} if happened else {})
    assert sent(sqs, queue) == ([("order-1", "placed")] if happened else [])


def test_sound_of_many_who_place_the_same_order_at_once_one_does_and_one_event_goes_out(table, sqs, queue, poller):
    meet(table, "before-call.dynamodb.TransactWriteItems", 6)

    def place() -> bool:
        try:
            sound.place_order(table, "order-1")
        except sound.Refused:
            return False
        return True

    placed = together(*[place] * 6)
    poller.poll()

    assert sorted(placed) == [False] * 5 + [True]
    assert sent(sqs, queue) == [("order-1", "placed")]


def test_sound_a_refused_change_has_no_event(table, sqs, queue, poller):
    with pytest.raises(sound.Refused):
        sound.cancel_order(table, "order-1")
    poller.poll()

    assert sent(sqs, queue) == []


def test_sound_another_error_goes_on_as_it_is(table):
    """moto knows no conflicts between transactions, so one is injected, as DynamoDB reports it."""
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    fail(table, "before-call.dynamodb.TransactWriteItems", ClientError(response, "TransactWriteItems"))

    with pytest.raises(ClientError):
        sound.place_order(table, "order-1")


# Sound: the relay


def test_sound_events_go_out_once_each_and_in_order(table, sqs, queue, poller):
    for order in ("order-1", "order-2"):
        sound.place_order(table, order)
    poller.poll()
    sound.cancel_order(table, "order-1")
    poller.poll()
    poller.poll()

    assert sent(sqs, queue) == [("order-1", "placed"), ("order-2", "placed"), ("order-1", "cancelled")]


@pytest.mark.parametrize("failures", [1, 3])
def test_sound_a_queue_that_fails_delays_events_and_keeps_their_order(table, sqs, queue, poller, failures):
    sound.place_order(table, "order-1")
    sound.cancel_order(table, "order-1")
    sound.place_order(table, "order-2")
    fail(sqs, "before-call.sqs.SendMessage", NO_ANSWER, after=1, times=failures)

    for _ in range(failures + 1):
        poller.poll()

    assert sent(sqs, queue) == [("order-1", "placed"), ("order-1", "cancelled"), ("order-2", "placed")]


def test_sound_a_relay_that_dies_before_its_checkpoint_sends_again_what_the_queue_drops(table, sqs, queue, poller):
    sends = []
    sqs.meta.events.register("before-call.sqs.SendMessage", lambda **_: sends.append("sent"))
    sound.place_order(table, "order-1")

    poller.poll(checkpoint=False)
    poller.poll()

    assert len(sends) == 2
    assert sent(sqs, queue) == [("order-1", "placed")]


def test_sound_an_event_that_expires_is_not_sent_again(table, sqs, queue, poller):
    sound.place_order(table, "order-1")
    poller.poll()
    table.delete_item(TableName="orders", Key=sound.key("order-1", "event#1"))

    poller.poll()

    assert sent(sqs, queue) == [("order-1", "placed")]
