"""Scatter-gather over several services: one deadline for all, and what came in time with the names of the rest.

A thread cannot be stopped from outside. So a service gets the time that is left and must keep to it, for instance as
the timeout of its HTTP call; a call that still waits for a thread when the deadline passes is never made.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef


class Service(Protocol):
    """Answers `query` within `timeout_s`, or raises."""

    def __call__(self, query: str, timeout_s: float, /) -> list[str]: ...


class Late(Exception):
    """The deadline passed before the call could begin."""


# [search]
@dataclass(frozen=True)
class Gathered:
    """What each service found, and why the others are missing. A service is in one of the two."""

    answers: dict[str, list[str]]
    missing: dict[str, str]


def search(pool: Executor, services: Mapping[str, Service], query: str, deadline_s: float) -> Gathered:
    """Asks all `services` at once and returns when all have answered or `deadline_s` is over.

    `pool` outlives the search: leaving a `with ThreadPoolExecutor()` would wait for the slowest after all.
    """
    ends_at_s = monotonic() + deadline_s
    asked = {name: pool.submit(ask, service, query, ends_at_s) for name, service in services.items()}
    _, late = wait(asked.values(), timeout=deadline_s)
    for future in late:
        future.cancel()  # one that has not begun never will
    outcomes = {name: "late" if future in late else failure(future) for name, future in asked.items()}
    return Gathered(
        answers={name: future.result() for name, future in asked.items() if outcomes[name] is None},
        missing={name: outcome for name, outcome in outcomes.items() if outcome is not None},
    )


def ask(service: Service, query: str, ends_at_s: float) -> list[str]:
    left_s = ends_at_s - monotonic()
    if left_s <= 0:
        raise Late
    return service(query, left_s)


# [/search]


def failure(future: Future[list[str]]) -> str | None:
    error = future.exception()
    return None if error is None else type(error).__name__


# [scan]
def parallel_scan(dynamodb: DynamoDBClient, table: str, segments: int) -> list[dict[str, AttributeValueTypeDef]]:
    """All items of `table`, read by `segments` threads. An error in one segment is an error of the whole."""
    with ThreadPoolExecutor(segments) as pool:
        parts = pool.map(lambda segment: list(scan_segment(dynamodb, table, segment, segments)), range(segments))
        return [item for part in parts for item in part]


def scan_segment(
    dynamodb: DynamoDBClient, table: str, segment: int, segments: int
) -> Iterator[dict[str, AttributeValueTypeDef]]:
    page = dynamodb.scan(TableName=table, Segment=segment, TotalSegments=segments)
    yield from page["Items"]
    # Only a missing key means the end. A page may be empty and have more behind it.
    while last := page.get("LastEvaluatedKey"):
        page = dynamodb.scan(TableName=table, Segment=segment, TotalSegments=segments, ExclusiveStartKey=last)
        yield from page["Items"]


# [/scan]
