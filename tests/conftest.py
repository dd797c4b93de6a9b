"""Which tests depend on the database, so that they can be run again on another one: `-m django_db`."""

import pytest

DATABASE_FIXTURES = {"db", "transactional_db", "admin_client", "admin_user"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.django_db)
