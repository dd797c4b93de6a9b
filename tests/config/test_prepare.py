"""`manage.py prepare`: what has to be true before the parts start."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from config.management.commands import prepare


@pytest.mark.django_db
def test_a_start_forgets_guests_who_stay_away_and_sessions_that_have_ended(capsys):
    now, long_ago = timezone.now(), timezone.now() - timedelta(days=400)
    gone, here = User.objects.create_guest(), User.objects.create_guest()
    User.objects.filter(pk=gone.pk).update(last_seen_on=long_ago)
    Session.objects.create(session_key="ended", session_data="", expire_date=long_ago)
    Session.objects.create(session_key="going on", session_data="", expire_date=now + timedelta(days=1))

    prepare.forget_what_is_over()

    assert list(User.objects.all()) == [here]
    assert [session.session_key for session in Session.objects.all()] == ["going on"]
    assert capsys.readouterr().out == ""
