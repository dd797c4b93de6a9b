from __future__ import annotations

import re
import smtplib
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_merging import sign_in, sign_up

NEW_PASSWORD = "seven loud storks by night"


def text(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def link_in(mail) -> str:
    found = re.search(r"http://testserver(/account/\S+)", mail.body)
    assert found, mail.body
    return found[1]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("account_login", "Sign in · Halfopen"),
        ("account_signup", "Sign up · Halfopen"),
        ("account_reset_password", "Reset your password · Halfopen"),
        ("account_reset_password_done", "Look at your mail · Halfopen"),
        ("account_reset_password_from_key_done", "Your password is set · Halfopen"),
        ("account_inactive", "This account is switched off · Halfopen"),
        ("account_email_verification_sent", "Look at your mail · Halfopen"),
        ("account", "Account · Halfopen"),
    ],
)
def test_a_page_for_strangers_has_its_title_and_one_heading(client, name, title):
    page = client.get(reverse(name)).content.decode()

    assert f"<title>{title}</title>" in page
    assert page.count("<h1") == 1
    assert "style=" not in page


@pytest.mark.parametrize(
    "name", ["account_logout", "account_change_password", "account_reauthenticate", "account_delete"]
)
def test_a_page_for_accounts_has_one_heading(client, user, name):
    client.force_login(user)

    page = client.get(reverse(name)).content.decode()

    assert page.count("<h1") == 1
    assert "· Halfopen</title>" in page


@pytest.mark.parametrize("name", ["account_change_password", "account_reauthenticate", "account_set_password"])
def test_a_page_for_accounts_sends_strangers_to_sign_in(client, name):
    response = client.get(reverse(name))

    assert response["Location"].startswith(reverse("account_login"))


def test_the_page_for_several_addresses_leads_to_the_account(client, user):
    client.force_login(user)

    assert client.get(reverse("account_email"))["Location"] == reverse("account")


def test_browsers_are_told_what_each_field_is(client, user):
    login = client.get(reverse("account_login")).content.decode()
    signup = client.get(reverse("account_signup")).content.decode()
    client.force_login(user)
    change = client.get(reverse("account_change_password")).content.decode()

    assert 'autocomplete="email"' in login
    assert 'autocomplete="current-password"' in login
    assert 'autocomplete="new-password"' in signup
    assert 'autocomplete="current-password"' in change
    assert change.count('autocomplete="new-password"') == 2
    assert "placeholder" not in login + signup + change


def test_errors_are_summarised_and_tied_to_their_fields(client):
    page = client.post(reverse("account_signup"), {"email": "nonsense", "password1": "short"}).content.decode()

    assert 'role="alert"' in page
    assert '<a href="#id_email">E-mail address</a>' in page
    assert 'aria-invalid="true"' in page
    assert 'id="id_password1_error"' in page
    assert 'aria-describedby="id_password1_helptext id_password1_error"' in page


def test_signing_out_needs_a_button_and_ends_the_session(client, user):
    client.force_login(user)

    asked = client.get(reverse("account_logout"))
    assert asked.status_code == 200
    assert "_auth_user_id" in client.session
    client.post(reverse("account_logout"))

    assert "_auth_user_id" not in client.session


def test_an_address_is_the_same_in_any_case(client, user):
    response = sign_in(client, email="ADA@Example.org")

    assert response.status_code == 302


def test_whoever_signed_in_stays_so_for_a_year(client, user):
    sign_in(client)

    assert client.session.get_expiry_age() > 360 * 24 * 3600


def test_signing_up_with_a_taken_address_says_so_kindly(client, user):
    response = sign_up(client, "Ada@Example.org")

    assert response.status_code == 200
    assert "There is already an account with this address" in text(response)
    assert User.objects.count() == 1


def test_a_sign_up_sent_twice_at_once_makes_one_account(client, user):
    with patch("accounts.forms.SignupForm.clean_email", return_value="ada@example.org"):
        response = sign_up(client, "ada@example.org")

    assert response["Location"] == reverse("account_login")
    assert User.objects.count() == 1


def test_an_address_too_long_to_keep_is_refused(client):
    response = sign_up(client, f"{'a' * 60}@{'.'.join(['b' * 60] * 4)}.org")

    assert response.status_code == 200
    assert not User.objects.exists()


def test_sign_up_survives_a_mail_server_that_is_down(client):
    with patch("django.core.mail.message.EmailMessage.send", side_effect=smtplib.SMTPServerDisconnected):
        response = sign_up(client)

    assert response.status_code == 302
    assert "_auth_user_id" in client.session


def test_confirming_the_address_works_from_the_mail(client, mailoutbox):
    sign_up(client)
    link = link_in(mailoutbox[0])

    asked = client.get(link)
    client.post(link)

    assert "Is this your address?" in text(asked)
    assert EmailAddress.objects.get().verified
    assert mailoutbox[0].subject == "Welcome to Halfopen: please confirm your address"


def test_a_broken_confirmation_link_says_so(client):
    page = text(client.get(reverse("account_confirm_email", args=["nonsense"])))

    assert "This link does not work any more" in page


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", r"/\evil.example", "javascript:alert(1)"]
)
def test_next_never_leads_away(client, user, target):
    response = sign_in(client, next=target)

    assert response["Location"] == reverse("progress")


def test_next_leads_back_to_a_page_of_ours(client, user):
    response = sign_in(client, next="/patterns/circuit-breaker/")

    assert response["Location"] == "/patterns/circuit-breaker/"


def test_next_survives_the_way_through_sign_up(client):
    page = client.get(reverse("account_login"), {"next": "/patterns/"}).content.decode()

    assert 'name="next" value="/patterns/"' in page
    assert f"{reverse('account_signup')}?next=%2Fpatterns%2F" in page


def test_five_wrong_passwords_block_the_right_one_too(client, user):
    for _ in range(5):
        assert sign_in(client, password="wrong").status_code == 200

    blocked = sign_in(client)

    assert blocked.status_code == 429
    assert "Try again in 5 minutes" in text(blocked)
    assert blocked["Retry-After"] == "300"
    assert "_auth_user_id" not in client.session


def test_a_block_of_one_address_does_not_touch_another(client, user):
    for _ in range(5):
        sign_in(client, email="bob@example.org", password="wrong")

    assert sign_in(client, email="bob@example.org", password="wrong").status_code == 429
    assert sign_in(client).status_code == 302


def test_right_passwords_do_not_use_the_tries_up(client, user):
    for _ in range(8):
        sign_in(client)
        client.post(reverse("account_logout"))

    assert sign_in(client).status_code == 302


def test_guessing_over_many_addresses_is_blocked_by_where_it_comes_from(client, user):
    for number in range(20):
        sign_in(client, email=f"p{number}@example.org", password="wrong")

    assert sign_in(client).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_a_claimed_forwarding_address_does_not_evade_the_block(client, user):
    for number in range(20):
        headers = {"x-forwarded-for": f"198.51.100.{number}"}
        data = {"login": f"p{number}@example.org", "password": "wrong"}
        client.post(reverse("account_login"), data, headers=headers)

    assert sign_in(client).status_code == 429


def test_sign_up_is_throttled(client):
    for _ in range(20):
        client.post(reverse("account_signup"), {"email": "x"})

    response = sign_up(client)

    assert response.status_code == 429
    assert response["Retry-After"] == "60"
    assert not User.objects.exists()


def test_the_limits_outlive_a_restart(settings):
    assert settings.CACHES["default"]["BACKEND"].endswith("DatabaseCache")
    cache.set("kept", 1)
    assert cache.get("kept") == 1


def test_the_admin_is_behind_the_same_throttled_sign_in(client, user):
    away = client.get("/admin/login/")
    client.force_login(user)

    assert away["Location"].startswith(reverse("account_login"))
    assert client.get("/admin/login/").status_code == 403


def test_sign_in_answers_alike_for_known_and_unknown_addresses(client, user):
    known = sign_in(client, password="wrong")
    unknown = sign_in(client, email="bob@example.org", password="wrong")

    assert known.status_code == unknown.status_code == 200
    assert text(known).count("do not belong together") == text(unknown).count("do not belong together") == 1


def test_reset_answers_alike_for_known_and_unknown_addresses(client, user, mailoutbox):
    known = client.post(reverse("account_reset_password"), {"email": "ada@example.org"})
    unknown = client.post(reverse("account_reset_password"), {"email": "bob@example.org"})

    assert known.status_code == unknown.status_code == 302
    assert known["Location"] == unknown["Location"]
    assert [mail.subject for mail in mailoutbox] == ["Set a new password", "No account with this address"]


def test_a_password_is_reset_from_the_mail_alone(client, user, mailoutbox):
    elsewhere = Client()
    elsewhere.force_login(user)
    client.post(reverse("account_reset_password"), {"email": "Ada@example.org"})
    link = link_in(mailoutbox[0])

    form = client.get(link, follow=True)
    done = client.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert mailoutbox[0].to == ["ada@example.org"]
    assert done.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
    assert elsewhere.get(reverse("account_change_password")).status_code == 302
    assert sign_in(Client(), password=NEW_PASSWORD).status_code == 302
    assert sign_in(Client()).status_code == 200
    assert "This link does not work any more" in text(Client().get(link, follow=True))
    assert mailoutbox[-1].subject == "Your password was reset"


def test_a_reset_brings_the_guest_along(client, guest, user, mailoutbox):
    client.post(reverse("account_reset_password"), {"email": "ada@example.org"})
    link = link_in(mailoutbox[0])
    form = client.get(link, follow=True)

    client.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert User.objects.get() == user


def test_the_fourth_reset_mail_in_ten_minutes_is_not_sent(client, user, mailoutbox):
    answers = [client.post(reverse("account_reset_password"), {"email": "ada@example.org"}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
    assert answers[3]["Retry-After"] == "600"
    assert len(mailoutbox) == 3


def test_changing_the_password_keeps_this_session_and_ends_the_others(client, user, mailoutbox):
    elsewhere = Client()
    elsewhere.force_login(user)
    client.force_login(user)
    data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    response = client.post(reverse("account_change_password"), data)

    assert response["Location"] == reverse("account")
    assert client.get(reverse("account_change_password")).status_code == 200
    assert elsewhere.get(reverse("account_change_password")).status_code == 302
    assert sign_in(Client(), password=NEW_PASSWORD).status_code == 302
    assert mailoutbox[-1].subject == "Your password was changed"


def test_changing_the_password_needs_the_current_one(client, user):
    client.force_login(user)
    data = {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    response = client.post(reverse("account_change_password"), data)

    assert "This is not your current password" in text(response)
    assert sign_in(Client()).status_code == 302


@pytest.mark.parametrize("password", ["short", "password12", "ada@example.org"])
def test_a_weak_password_is_refused(client, password):
    response = client.post(reverse("account_signup"), {"email": "ada@example.org", "password1": password})

    assert response.status_code == 200
    assert not User.objects.exists()


def test_a_form_that_is_out_of_date_is_explained(user):
    strict = Client(enforce_csrf_checks=True)

    response = sign_in(strict)

    assert response.status_code == 403
    assert "Please try once more" in text(response)


def test_a_switched_off_account_is_told_so(client, user):
    User.objects.update(is_active=False)

    response = sign_in(client)

    assert response["Location"] == reverse("account_inactive")
