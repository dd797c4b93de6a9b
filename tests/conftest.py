"""What all tests share: a Redis of their own, and the mark of those that use the database."""

from collections.abc import Iterator

import pytest

from tests.servers import private_redis

DATABASE_FIXTURES = {"db", "transactional_db", "admin_client", "admin_user"}


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server that ends with the tests; empty it before use."""
    with private_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what depends on the database, so that it can be run again on another one: `-m django_db`."""
    for item in items:
        if DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.django_db)
