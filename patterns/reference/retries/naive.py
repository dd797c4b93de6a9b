"""A retry as it is often written. What is wrong:

1. It retries every error. A request that is wrong today is wrong in a second, too.
2. All callers that failed together wait equally long and come back together.
3. Nothing limits the retries of all calls together, so an outage multiplies the load by the number of attempts.
4. It is used in every layer, and the AWS client below retries as well: the attempts multiply.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_sqs import SQSClient

Answer = TypeVar("Answer")


# [retry]
def with_retries(work: Callable[[], Answer], attempts: int = 3) -> Answer:
    for attempt in range(attempts - 1):
        try:
            return work()
        except Exception:
            time.sleep(2**attempt)
    return work()


def place_order(sqs: SQSClient, queue_url: str, order_id: str) -> None:
    with_retries(lambda: announce(sqs, queue_url, order_id))


def announce(sqs: SQSClient, queue_url: str, order_id: str) -> None:
    with_retries(lambda: sqs.send_message(QueueUrl=queue_url, MessageBody=order_id))


# [/retry]
