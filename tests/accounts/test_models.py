from __future__ import annotations

import pytest
from django.db import IntegrityError

from accounts.models import User


def test_an_address_is_kept_in_lower_case():
    user = User.objects.create_user("Ada@Example.ORG", "x")

    user.refresh_from_db()

    assert user.email == "ada@example.org"
    assert User.objects.get_by_natural_key("ADA@example.org") == user


def test_two_accounts_cannot_share_an_address_in_different_case():
    User.objects.create_user("ada@example.org")
    other = User.objects.create_user("bob@example.org")

    with pytest.raises(IntegrityError):
        User.objects.filter(pk=other.pk).update(email="ADA@example.org")


def test_many_guests_live_side_by_side():
    first, second = User.objects.create_guest(), User.objects.create_guest()

    assert first.pk != second.pk
    assert first.email is second.email is None
    assert not first.has_usable_password()


@pytest.mark.parametrize("fields", [{"is_guest": True, "email": "ada@example.org"}, {"is_guest": False, "email": None}])
def test_guests_and_only_guests_have_no_address(fields):
    with pytest.raises(IntegrityError):
        User(**fields).save()


def test_an_account_needs_an_address():
    with pytest.raises(ValueError, match="email is empty"):
        User.objects.create_user("")


def test_a_superuser_may_use_the_admin():
    root = User.objects.create_superuser("root@example.org", "x")

    assert root.is_staff
    assert root.is_superuser


def test_cleaning_a_guest_leaves_it_without_an_address():
    guest = User.objects.create_guest()

    guest.full_clean()

    assert guest.email is None
