from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import RequestFactory

from accounts import services
from accounts.middleware import learner
from accounts.models import User, today
from tests.accounts import keeping


@pytest.fixture
def request_of(client):
    def make(user=None):
        request = RequestFactory().get("/")
        request.session = client.session
        request.user = user or AnonymousUser()
        return request

    return make


def test_nobody_is_created_for_a_look_around(request_of):
    assert services.current_learner(request_of()) is None
    assert not User.objects.exists()


def test_the_first_thing_worth_keeping_makes_a_guest_of_this_session(request_of):
    request = request_of()

    guest = services.learner_for(request)

    assert guest.is_guest
    assert services.learner_for(request) == services.current_learner(request) == guest
    assert User.objects.count() == 1


def test_whoever_signed_in_is_the_learner(request_of, user):
    assert services.learner_for(request_of(user)) == user


def test_a_guest_whose_row_is_gone_starts_anew(client, guest, request_of):
    User.objects.all().delete()

    again = services.learner_for(request_of())

    assert again.pk != guest.pk


def test_an_account_is_never_taken_for_a_guest(client, user, request_of):
    session = client.session
    session[services.GUEST_SESSION_KEY] = user.pk
    session.save()

    assert services.current_learner(request_of()) is None


def test_request_learner_costs_no_query_until_used(request_of, guest, django_assert_num_queries):
    def view(request):
        with django_assert_num_queries(0):
            kept = request.learner
        assert kept == guest
        return HttpResponse()

    learner(view)(request_of())


def test_request_learner_is_false_for_nobody(request_of):
    def view(request):
        assert not request.learner
        return HttpResponse("seen")

    response = learner(view)(request_of())

    assert response.content == b"seen"


def test_a_guest_is_seen_once_a_day(guest, request_of, django_assert_num_queries):
    User.objects.update(last_seen_on=today() - timedelta(days=3))
    request = request_of()
    request.session.modified = False

    services.current_learner(request)

    guest.refresh_from_db()
    assert guest.last_seen_on == today()
    assert request.session.modified
    with django_assert_num_queries(1):
        services.current_learner(request)


def test_guests_who_stay_away_are_forgotten_and_accounts_are_not(user):
    old, edge = User.objects.create_guest(), User.objects.create_guest()
    for guest in (old, edge):
        keeping.note(guest, "worth keeping")
    User.objects.filter(pk__in=[old.pk, user.pk]).update(last_seen_on=today() - timedelta(days=181))
    User.objects.filter(pk=edge.pk).update(last_seen_on=today() - timedelta(days=180))
    out = StringIO()

    call_command("forget_guests", days=180, stdout=out)

    assert out.getvalue() == "1 guest forgotten\n"
    assert set(User.objects.all()) == {user, edge}
    assert keeping.notes(old) == []


def test_guests_who_kept_nothing_are_forgotten_sooner(user):
    old, edge, busy = (User.objects.create_guest() for _ in range(3))
    keeping.note(busy, "worth keeping")
    User.objects.filter(pk__in=[old.pk, busy.pk, user.pk]).update(last_seen_on=today() - timedelta(days=8))
    User.objects.filter(pk=edge.pk).update(last_seen_on=today() - timedelta(days=7))

    call_command("forget_guests", stdout=StringIO())

    assert set(User.objects.all()) == {user, edge, busy}


@pytest.mark.parametrize(("option", "name"), [("days", "--days"), ("empty_handed_days", "--empty-handed-days")])
def test_forgetting_refuses_a_number_of_days_that_is_none(option, name):
    with pytest.raises(CommandError, match=f"{name} is 0; use a whole number from 1"):
        call_command("forget_guests", **{option: 0})
