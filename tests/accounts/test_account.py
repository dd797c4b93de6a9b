from __future__ import annotations

import json

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from accounts.models import User
from quizzes.models import PracticeSession
from tests.accounts import keeping
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_signing_in import text


def test_a_stranger_learns_that_nothing_is_kept(client):
    page = text(client.get(reverse("account")))

    assert "Nothing is kept about you yet" in page
    assert reverse("account_export") not in page
    assert not User.objects.exists()


def test_a_guest_is_invited_to_sign_up(client, guest):
    page = text(client.get(reverse("account")))

    assert "Sign up to keep your progress on any device" in page
    assert "Forget me" in page


def test_an_account_sees_its_address(client, user):
    client.force_login(user)

    page = text(client.get(reverse("account")))

    assert "ada@example.org" in page
    assert reverse("account_change_password") in page
    assert reverse("account_delete") in page


def test_the_download_is_json_with_only_ones_own_data(client, user):
    keeping.note(user, "mine: ½")
    keeping.note(User.objects.create_user("bob@example.org"), "his")
    client.force_login(user)

    response = client.get(reverse("account_export"))

    data = json.loads(response.content)
    assert data["halfopen_export"] == 1
    assert data["exported_at"]
    assert data["account"]["email"] == "ada@example.org"
    assert data["tests"] == {"notes": ["mine: ½"]}
    assert set(data) == {"halfopen_export", "exported_at", "account", "tests"}
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"].startswith('attachment; filename="halfopen-')
    assert "no-store" in response["Cache-Control"]
    assert "password" not in response.content.decode()


def test_a_guest_can_download_too(client, guest):
    keeping.note(guest, "mine")

    data = client.get(reverse("account_export")).json()

    assert data["account"] == {
        "email": None,
        "email_confirmed": False,
        "guest": True,
        "since": guest.created_at.isoformat(),
        "last_seen_on": guest.last_seen_on.isoformat(),
        "last_sign_in": None,
    }
    assert data["tests"] == {"notes": ["mine"]}


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_download_says_whether_the_address_is_confirmed(client, user, confirmed):
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=confirmed)
    client.force_login(user)

    data = client.get(reverse("account_export")).json()

    assert data["account"]["email_confirmed"] is confirmed


@pytest.mark.parametrize("name", ["account", "account_export", "account_delete"])
def test_a_page_answers_to_those_who_ask_for_its_head_alone(client, guest, name):
    response = client.head(reverse(name))

    assert response.status_code == 200
    assert response.content == b""


@pytest.mark.parametrize("name", ["account_export", "account_delete"])
def test_a_stranger_has_nothing_to_take_or_delete(client, name):
    assert client.get(reverse(name))["Location"] == reverse("account")


def test_deleting_the_account_removes_its_rows_and_signs_out_everywhere(client, user):
    keeping.note(user, "mine")
    other = User.objects.create_user("bob@example.org")
    keeping.note(other, "his")
    elsewhere = Client()
    elsewhere.force_login(user)
    client.force_login(user)

    response = client.post(reverse("account_delete"), {"password": PASSWORD})

    assert response["Location"] == reverse("home")
    assert list(User.objects.all()) == [other]
    assert keeping.notes(user) == []
    assert keeping.notes(other) == ["his"]
    assert "_auth_user_id" not in client.session
    assert elsewhere.get(reverse("account_change_password")).status_code == 302


def test_deleting_needs_the_password(client, user):
    client.force_login(user)

    response = client.post(reverse("account_delete"), {"password": "wrong"})

    assert "This is not your password" in text(response)
    assert User.objects.get() == user


def test_looking_at_the_deletion_page_deletes_nothing(client, user):
    client.force_login(user)

    client.get(reverse("account_delete"))

    assert User.objects.get() == user


def test_guessing_the_password_on_the_deletion_page_is_throttled(client, user):
    client.force_login(user)
    for _ in range(5):
        client.post(reverse("account_delete"), {"password": "wrong"})

    response = client.post(reverse("account_delete"), {"password": PASSWORD})

    assert response.status_code == 429
    assert User.objects.get() == user


def test_a_guest_is_forgotten_by_one_button(client, guest):
    keeping.note(guest, "mine")

    client.post(reverse("account_delete"))
    again = client.post(reverse("account_delete"))

    assert not User.objects.exists()
    assert keeping.notes(guest) == []
    assert again["Location"] == reverse("account")


def test_what_the_real_apps_keep_comes_along_is_exported_and_deleted(client, guest, settings):
    settings.KEPT_FOR_LEARNERS = ["quizzes.keeping"]
    practice = PracticeSession.objects.create(learner=guest, question_ids=[])

    client.post(reverse("account_signup"), {"email": "new@example.org", "password1": PASSWORD})
    data = client.get(reverse("account_export")).json()
    client.post(reverse("account_delete"), {"password": PASSWORD})

    assert [session["id"] for session in data["quizzes"]["sessions"]] == [str(practice.pk)]
    assert data["account"]["email"] == "new@example.org"
    assert not PracticeSession.objects.exists()
    assert not User.objects.exists()
