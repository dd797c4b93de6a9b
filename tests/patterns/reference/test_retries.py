"""Retries: what they cost a service in trouble, counted at the last place before the network."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from patterns.reference.retries import naive, sound
from patterns.reference.retries.sound import Quota, single_attempt_client, with_retries
from tests.patterns.reference.tools import PATIENCE_S, Clock, answer_with, counted, together

SENT = "before-send.sqs.SendMessage"
DOWN, THROTTLED, WRONG = (503, "ServiceUnavailable"), (400, "ThrottlingException"), (400, "InvalidMessageContents")


@pytest.fixture
def naps(monkeypatch):
    """The waits of the naive retry and of the client below it, recorded and not spent."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


@pytest.fixture
def queue(sqs):
    return sqs.create_queue(QueueName="orders")["QueueUrl"]


@pytest.fixture
def single(queue):
    return single_attempt_client("sqs")


@pytest.fixture
def send(single, queue):
    return partial(single.send_message, QueueUrl=queue, MessageBody="order-1")


def waited(uniform=lambda low, high: high):
    """with_retries with a clock that moves only by its waits, each by default the longest; and the waits."""
    clock, waits = Clock(), []

    def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        clock.now_s += wait_s

    return partial(with_retries, now_s=clock, sleep=sleep, uniform=uniform), waits


# Naive


def test_naive_one_order_in_an_outage_is_twenty_seven_requests(sqs, queue, naps):
    answer_with(sqs, SENT, [DOWN])
    sent = counted(sqs, SENT)

    with pytest.raises(ClientError):
        naive.place_order(sqs, queue, "order-1")

    assert len(sent) == 3 * 3 * 3


def test_naive_a_wrong_request_is_sent_nine_times(sqs, queue, naps):
    answer_with(sqs, SENT, [WRONG])
    sent = counted(sqs, SENT)

    with pytest.raises(ClientError):
        naive.place_order(sqs, queue, "order-1")

    assert len(sent) == 9


def test_naive_those_who_failed_together_wait_equally_long(naps):
    def fails() -> None:
        raise ConnectionError

    for _ in range(4):
        with pytest.raises(ConnectionError):
            naive.with_retries(fails)

    assert naps == [1, 2] * 4


# Sound


def test_sound_one_order_in_an_outage_is_three_requests(single, send):
    answer_with(single, SENT, [DOWN])
    sent = counted(single, SENT)
    retry, waits = waited()

    with pytest.raises(ClientError):
        retry(send, Quota(), 60)

    assert len(sent) == 3
    assert waits == pytest.approx([0.05, 0.1])


@pytest.mark.parametrize("trouble", [DOWN, THROTTLED])
def test_sound_an_error_that_passes_is_got_over(single, send, trouble):
    answer_with(single, SENT, [trouble, trouble, None])
    retry, _ = waited()

    assert "MessageId" in retry(send, Quota(), 60)


def test_sound_a_wrong_request_is_sent_once_and_costs_nothing(single, send):
    answer_with(single, SENT, [WRONG])
    sent = counted(single, SENT)
    quota = Quota()
    retry, _ = waited()

    with pytest.raises(ClientError):
        retry(send, quota, 60)

    assert (len(sent), quota.left) == (1, 500)


def test_sound_after_throttling_it_waits_longer(single, send):
    answer_with(single, SENT, [THROTTLED])
    retry, waits = waited()

    with pytest.raises(ClientError):
        retry(send, Quota(), 60)

    assert waits == [1, 2]


def test_sound_a_wait_is_anywhere_up_to_the_longest(single, send):
    answer_with(single, SENT, [DOWN])
    asked = []

    def low(least, most):
        asked.append((least, most))
        return least

    retry, waits = waited(low)

    with pytest.raises(ClientError):
        retry(send, Quota(), 60)

    assert waits == [0, 0]
    assert asked == [(0, 0.05), (0, 0.1)]


def test_sound_fifty_callers_in_an_outage_share_one_quota(single, send):
    """Without it: 50 first attempts and 100 retries. With 140 tokens: ten retries, whoever gets them."""
    answer_with(single, SENT, [DOWN])
    sent = counted(single, SENT)
    quota, start = Quota(140), Barrier(50, timeout=PATIENCE_S)

    def caller() -> None:
        start.wait()
        with pytest.raises(ClientError):
            with_retries(send, quota, 60, sleep=lambda wait_s: None)

    together(*[caller] * 50)

    assert len(sent) == 50 + 10
    assert quota.left == 0


def test_sound_a_success_gives_back_what_its_last_retry_cost(single, send):
    answer_with(single, SENT, [DOWN, THROTTLED, None])
    quota = Quota(100)
    retry, _ = waited()

    retry(send, quota, 60)

    assert quota.left == 100 - 14 - 5 + 5


def test_sound_good_calls_fill_the_quota_up_to_its_capacity(send):
    quota = Quota(20)
    quota.take(2)
    retry, _ = waited()

    for _ in range(3):
        retry(send, quota, 60)

    assert quota.left == 20


def test_sound_no_wait_begins_that_would_end_after_the_deadline(single, send):
    answer_with(single, SENT, [THROTTLED])
    quota = Quota()
    retry, waits = waited()

    with pytest.raises(ClientError):
        retry(send, quota, 2.5)

    assert waits == [1]
    assert quota.left == 500 - 5


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectTimeoutError(endpoint_url="https://a.example"), sound.TRANSIENT),
        (ReadTimeoutError(endpoint_url="https://a.example"), sound.TRANSIENT),
        (EndpointConnectionError(endpoint_url="https://a.example"), sound.TRANSIENT),
        (ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"), sound.THROTTLED),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutObject"), None),
        (ValueError("wrong"), None),
    ],
)
def test_sound_knows_what_may_pass(error, kind):
    assert sound.kind_of(error) is kind


def test_the_numbers_are_those_of_the_client_library():
    standard: Any = import_module("botocore.retries.standard")

    assert standard.DEFAULT_MAX_ATTEMPTS == sound.ATTEMPTS
    assert sound.TRANSIENT.cost == standard.RetryQuotaChecker._RETRY_COST
    assert sound.THROTTLED.cost == standard.RetryQuotaChecker._THROTTLING_RETRY_COST
    assert sound.LONGEST_WAIT_S == standard.ExponentialBackoff._MAX_BACKOFF
