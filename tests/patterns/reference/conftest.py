"""AWS as moto plays it: in this process, with made-up credentials, no network and no account.

moto answers a request with plain Python and no lock, so that two threads could meet in the middle of one conditional
write. The real DynamoDB makes each request atomic, and a transaction serialisable with other writes. The tests give
moto that property back, and no more: one request at a time inside it (`_one_at_a_time`). What happens between requests
is free, and the tests arrange it with `tests.patterns.reference.tools`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import boto3
import botocore.session
import pytest
from botocore.loaders import Loader
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_sqs import SQSClient


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    # moto does not know the addresses of DynamoDB Streams that begin with the account's number.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setattr(BotocoreStubber, "process_request", _one_at_a_time(BotocoreStubber.process_request))
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield


def _one_at_a_time(process):
    lock = threading.Lock()

    def processed(self, request):
        # A request to Step Functions may last as long as the execution, whose steps make requests of their own.
        if "//states." in request.url:
            return process(self, request)
        with lock:
            return process(self, request)

    return processed


@pytest.fixture(scope="session")
def loader() -> Loader:
    """The descriptions of AWS's interfaces, read from disk once; a client of its own for each test is cheap then."""
    return Loader(include_default_search_paths=True)


@pytest.fixture
def session(loader: Loader) -> boto3.Session:
    core = botocore.session.get_session()
    core.register_component("data_loader", loader)
    return boto3.Session(botocore_session=core)


@pytest.fixture
def dynamodb(session: boto3.Session) -> DynamoDBClient:
    return session.client("dynamodb")


@pytest.fixture
def sqs(session: boto3.Session) -> SQSClient:
    return session.client("sqs")
