from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from accounts.services import GUEST_SESSION_KEY

PASSWORD = "four quiet owls at noon"


@pytest.fixture(autouse=True)
def _quick_and_on_its_own(settings, db):
    settings.KEPT_FOR_LEARNERS = ["tests.accounts.keeping"]
    # The real one takes a second per password, by design.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ada@example.org", PASSWORD)


@pytest.fixture
def guest(client: Client) -> User:
    """A guest whose browser is `client`."""
    guest = User.objects.create_guest()
    session = client.session
    session[GUEST_SESSION_KEY] = guest.pk
    session.save()
    return guest
