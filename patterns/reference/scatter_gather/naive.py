"""Scatter-gather as it is often written. What is wrong:

In `search`
1. It waits for every thread, so that one slow service holds the answers of all others.
2. A timer for each service is started and never cancelled. Each lives on in a thread until its time is up, long after
   the answer has gone out.
3. A service that failed or was late looks as if it had found nothing.

In `parallel_scan`
4. It reads one page of each segment, 1 MB at most, and does not follow LastEvaluatedKey.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread, Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef


# [search]
def search(services: Mapping[str, Callable[[str], list[str]]], query: str, deadline_s: float) -> dict[str, list[str]]:
    answers: dict[str, list[str]] = {}

    def ask(name: str) -> None:
        timer = Timer(deadline_s, answers.setdefault, (name, []))
        timer.start()
        try:
            answers.setdefault(name, services[name](query))
        except Exception:
            answers[name] = []

    threads = [Thread(target=ask, args=[name]) for name in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# [/search]


# [scan]
def parallel_scan(dynamodb: DynamoDBClient, table: str, segments: int) -> list[dict[str, AttributeValueTypeDef]]:
    def scan(segment: int) -> list[dict[str, AttributeValueTypeDef]]:
        return dynamodb.scan(TableName=table, Segment=segment, TotalSegments=segments)["Items"]

    with ThreadPoolExecutor(segments) as pool:
        return [item for items in pool.map(scan, range(segments)) for item in items]


# [/scan]
