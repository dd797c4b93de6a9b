"""What all tests share: a Redis of their own, and marks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import private_redis

IN_BROWSER = Path(__file__).with_name("e2e")
DATABASE_FIXTURES = {"db", "transactional_db", "admin_client", "admin_user"}


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server that ends with the tests; empty it before use."""
    with private_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser, `-m e2e`, and what can be run again on another database, `-m django_db`."""
    for item in items:
        if IN_BROWSER in item.path.parents:
            item.add_marker(pytest.mark.e2e)
        if DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.django_db)
