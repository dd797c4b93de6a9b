"""Who may change whom in the admin."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.accounts.conftest import PASSWORD


@pytest.fixture
def everything(db) -> dict[str, object]:
    """A form that asks for every power. Ids of permissions differ from database to database."""
    permission = Permission.objects.get(codename="add_question")
    return {
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [],
        "user_permissions": [permission.pk],
    }


@pytest.fixture
def clerk() -> User:
    """Staff who may change users, and no more."""
    clerk = User.objects.create_user("clerk@example.org", PASSWORD, is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    return clerk


def save_in_admin(by: User, whom: User, data: Mapping[str, object]) -> User:
    client = Client()
    client.force_login(by)
    response = client.post(reverse("admin:accounts_user_change", args=[whom.pk]), data)
    assert response.status_code == 302, response.content.decode()
    return User.objects.get(pk=whom.pk)


def test_staff_cannot_give_themselves_what_they_do_not_have(clerk, everything):
    before = set(clerk.user_permissions.all())

    saved = save_in_admin(clerk, clerk, everything)

    assert not saved.is_superuser
    assert set(saved.user_permissions.all()) == before


def test_staff_may_still_switch_an_account_off(clerk, user):
    saved = save_in_admin(clerk, user, {})

    assert not saved.is_active
    assert not saved.is_staff


def test_a_superuser_may_hand_out_powers(user, everything):
    root = User.objects.create_superuser("root@example.org", PASSWORD)

    saved = save_in_admin(root, user, everything)

    assert saved.is_staff
    assert saved.is_superuser
    assert saved.user_permissions.exists()
