from __future__ import annotations

from threading import Barrier, Thread
from time import sleep

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import User
from tests.accounts import keeping
from tests.accounts.conftest import PASSWORD


def sign_up(client: Client, email: str = "new@example.org"):
    return client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD})


def sign_in(client: Client, email: str = "ada@example.org", password: str = PASSWORD, **extra: str):
    return client.post(reverse("account_login"), {"login": email, "password": password, **extra})


def test_signing_up_keeps_what_the_guest_did(client, guest):
    keeping.note(guest, "first answer")

    response = sign_up(client)

    account = User.objects.get()
    assert response.status_code == 302
    assert account.email == "new@example.org"
    assert not account.is_guest
    assert keeping.notes(account) == ["first answer"]
    assert client.session["_auth_user_id"] == str(account.pk)
    assert services.GUEST_SESSION_KEY not in client.session


def test_signing_in_merges_the_guest_into_the_account(client, guest, user):
    keeping.note(user, "old answer")
    keeping.note(guest, "new answer")

    sign_in(client)

    assert keeping.notes(user) == ["old answer", "new answer"]
    assert User.objects.get() == user


def test_signing_in_again_as_the_same_user_changes_nothing(client, guest, user):
    keeping.note(guest, "answer")
    sign_in(client)

    again = sign_in(client)
    client.post(reverse("account_logout"))
    later = sign_in(client)

    assert again.status_code == later.status_code == 302
    assert keeping.notes(user) == ["answer"]


def test_a_guest_row_that_is_gone_does_not_disturb_signing_in(client, guest, user):
    guest.delete()

    response = sign_in(client)

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_second_tab_that_signs_in_with_the_old_session_loses_nothing(client, guest, user):
    keeping.note(guest, "answer")
    tab = Client()
    tab.cookies = client.cookies.copy()
    sign_in(client)

    response = sign_in(tab)

    assert response.status_code == 302
    assert keeping.notes(user) == ["answer"]


def test_a_wrong_password_leaves_the_guest_alone(client, guest, user):
    keeping.note(guest, "answer")

    sign_in(client, password="not this one")

    assert keeping.notes(guest) == ["answer"]
    assert client.session[services.GUEST_SESSION_KEY] == guest.pk


def test_a_merge_that_fails_moves_nothing_and_the_guest_can_try_again(client, guest, user, settings):
    settings.KEPT_FOR_LEARNERS = ["tests.accounts.keeping", "tests.accounts.breaking"]
    keeping.note(guest, "answer")

    failed = sign_in(client)

    assert failed["Location"] == reverse("account_login")
    assert keeping.notes(guest) == ["answer"]
    assert keeping.notes(user) == []
    assert "_auth_user_id" not in client.session
    assert "Nothing is lost" in client.get(reverse("account_login")).content.decode()

    settings.KEPT_FOR_LEARNERS = ["tests.accounts.keeping"]
    sign_in(client)

    assert keeping.notes(user) == ["answer"]


def test_a_merge_that_fails_at_sign_up_leaves_an_account_to_sign_in_to(client, guest, settings):
    settings.KEPT_FOR_LEARNERS = ["tests.accounts.keeping", "tests.accounts.breaking"]
    keeping.note(guest, "answer")

    sign_up(client, "new@example.org")
    settings.KEPT_FOR_LEARNERS = ["tests.accounts.keeping"]
    sign_in(client, "new@example.org")

    assert keeping.notes(User.objects.get()) == ["answer"]


def test_merging_is_all_or_nothing(user, settings):
    settings.KEPT_FOR_LEARNERS = ["tests.accounts.keeping", "tests.accounts.breaking"]
    guest = User.objects.create_guest()
    keeping.note(guest, "answer")

    with pytest.raises(OperationalError):
        services.merge_guest(guest, user)

    assert keeping.notes(guest) == ["answer"]


def test_an_account_is_never_merged_into_another(user):
    other = User.objects.create_user("bob@example.org")
    keeping.note(other, "his")

    services.merge_guest(other, user)

    assert keeping.notes(other) == ["his"]


def merge_when_unlocked(guest: User, user: User) -> None:
    """SQLite in memory, used by tests alone, refuses at once where a file or PostgreSQL waits."""
    for _ in range(200):
        try:
            return services.merge_guest(guest, user)
        except OperationalError as error:
            if "locked" not in str(error):
                raise
            sleep(0.01)
    raise AssertionError("still locked after 2 s")


@pytest.mark.django_db(transaction=True)
def test_two_merges_at_once_move_everything_once(user):
    guest = User.objects.create_guest()
    for number in range(20):
        keeping.note(guest, f"answer {number}")
    together = Barrier(2)
    problems: list[BaseException] = []

    def merge() -> None:
        try:
            together.wait()
            merge_when_unlocked(guest, user)
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [Thread(target=merge) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert sorted(keeping.notes(user)) == sorted(f"answer {number}" for number in range(20))
    assert not User.objects.filter(pk=guest.pk).exists()
