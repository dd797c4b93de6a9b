"""Handlers make their own clients when Lambda starts them."""

import pytest

from patterns.reference.idempotent_consumer import sound as consumer
from patterns.reference.outbox import sound as outbox
from patterns.reference.saga import handlers, naive


@pytest.mark.parametrize(
    ("make", "service"),
    [
        (consumer.client, "dynamodb"),
        (outbox.queue_client, "sqs"),
        (handlers.client, "dynamodb"),
        (naive.client, "dynamodb"),
    ],
)
def test_a_client_is_made_once_and_for_the_right_service(make, service):
    make.cache_clear()

    client = make()

    assert client.meta.service_model.service_name == service
    assert make() is client
    make.cache_clear()
