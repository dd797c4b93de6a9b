"""Ways to make threads meet, calls fail and clocks move, so that no test depends on luck.

The hooks are botocore's own events, which each client emits around its calls: "before-call" once before a call and its
retries, "before-send" before each attempt, "after-call" once after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier
from typing import Any, TypeVar

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import MockRawResponse

PATIENCE_S = 20  # of a test for its own threads; reached only when something is broken
T = TypeVar("T")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now_s: float = 1_000_000) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def together(*works: Callable[[], T]) -> list[T]:
    """All `works` at once, each in a thread of its own; their answers in order."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(PATIENCE_S) for future in [pool.submit(work) for work in works]]


def meet(client: Any, event: str, parties: int) -> None:
    """From now on, whoever gets to `event` waits until `parties` are there."""
    barrier = Barrier(parties, timeout=PATIENCE_S)

    def wait(**_: Any) -> None:
        barrier.wait()

    client.meta.events.register(event, wait, unique_id=f"meet-{event}")


def apart(client: Any, event: str) -> None:
    client.meta.events.unregister(event, unique_id=f"meet-{event}")


def counted(client: Any, event: str) -> list[str]:
    """A list that grows by the name of the call each time `event` happens."""
    seen: list[str] = []
    client.meta.events.register(event, lambda event_name, **_: seen.append(event_name.rpartition(".")[2]))
    return seen


def fail(client: Any, event: str, error: Exception, *, times: int | None = None, after: int = 0) -> None:
    """`event` raises `error`: the first `times` (None: each), once it has passed `after` times."""
    numbers = count()

    def failing(**_: Any) -> None:
        if (number := next(numbers)) >= after and (times is None or number < after + times):
            raise error

    client.meta.events.register(event, failing)


def answer_with(client: Any, event: str, answers: Sequence[tuple[int, str] | None]) -> None:
    """Attempts at `event` ("before-send. ...") get these HTTP answers in turn, the last one for ever; None: moto's."""
    numbers = count()

    def answering(request: Any, **_: Any) -> AWSResponse | None:
        answer = answers[min(next(numbers), len(answers) - 1)]
        if answer is None:
            return None
        status, code = answer
        body = f'{{"__type": "com.amazonaws#{code}", "message": "injected"}}'
        headers = HTTPHeaders.from_dict({"content-type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, status, headers, MockRawResponse(body))

    client.meta.events.register_first(event, answering)


def make_table(dynamodb: Any, name: str, *, keys: Sequence[str] = ("id",), stream: bool = False) -> None:
    streaming = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"} if stream else {"StreamEnabled": False}
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification=streaming,
    )


def items(dynamodb: Any, table: str) -> dict[str, dict[str, Any]]:
    """All items of a small table by their id, with numbers as int and everything else as it is stored."""
    found = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["id"]["S"]: {name: _plain(value) for name, value in item.items() if name != "id"} for item in found}


def _plain(value: dict[str, Any]) -> Any:
    [(kind, content)] = value.items()
    if kind == "N":
        return float(content) if "." in content else int(content)
    return [_plain(entry) for entry in content] if kind == "L" else content
