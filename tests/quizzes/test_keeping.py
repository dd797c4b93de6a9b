from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import merge_guest
from quizzes import keeping, practice
from quizzes.models import Answer, PracticeSession
from tests.quizzes.conftest import answer_rightly, answer_wrongly


@pytest.fixture
def user(db):
    return User.objects.create_user("ada@example.org", "four quiet owls at noon")


def test_an_export_tells_every_session_and_answer_in_words(choice, response, learner, sit):
    session = sit(choice, response)
    answer_wrongly(session, choice)

    kept = json.loads(json.dumps(keeping.export(learner)))

    (told,) = kept["sessions"]
    assert told["questions"] == [choice.id, response.id]
    (answer,) = told["answers"]
    shown = practice.order_of_options(session, choice)
    assert answer["options_as_shown"] == [choice.options[place]["text"] for place in shown]
    assert answer["chosen"] == ["A longer timeout for the call"]
    assert (answer["correct"], answer["certainty"], answer["first_exposure"]) == (False, "unsure", True)


def test_an_export_holds_nothing_of_others(choice, user, sit):
    answer_rightly(sit(choice), choice)

    exported = keeping.export(user)

    assert not any(exported.values()), exported


def test_whoever_began_and_never_answered_is_empty_handed(choice, learner, user, sit):
    answer_rightly(sit(choice), choice)
    sit(choice, of=user)

    assert list(keeping.empty_handed(User.objects.all())) == [user]


def test_a_merge_moves_sessions_and_answers(choice, learner, user, sit):
    answer_rightly(sit(choice), choice)

    merge_guest(learner, user)

    assert PracticeSession.objects.get().learner == user
    assert Answer.objects.get().learner == user


@pytest.mark.parametrize("guest_was_first", [True, False])
def test_after_a_merge_only_the_earliest_answer_is_a_first_exposure(choice, learner, user, sit, guest_was_first):
    order = [learner, user] if guest_was_first else [user, learner]
    earliest, latest = (answer_rightly(sit(choice, of=person), choice) for person in order)

    merge_guest(learner, user)

    earliest.refresh_from_db()
    latest.refresh_from_db()
    assert (earliest.first_exposure, latest.first_exposure) == (True, False)
    assert {earliest.learner, latest.learner} == {user}


def test_a_merge_leaves_other_questions_and_other_people_alone(choice, response, learner, user, sit):
    stranger = answer_rightly(sit(choice, of=User.objects.create_guest()), choice)
    mine = answer_rightly(sit(choice), choice)
    theirs = answer_rightly(sit(response, of=user), response)

    merge_guest(learner, user)

    for answer in (stranger, mine, theirs):
        answer.refresh_from_db()
        assert answer.first_exposure


def test_deleting_a_learner_deletes_what_they_answered_and_no_question(choice, learner, sit):
    answer_rightly(sit(choice), choice)

    learner.delete()

    assert not PracticeSession.objects.exists()
    assert not Answer.objects.exists()
    choice.refresh_from_db()


def test_the_admin_shows_answers_and_changes_none(choice, sit):
    answer = answer_rightly(sit(choice), choice)
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "four quiet owls at noon"))
    address = reverse("admin:quizzes_answer_change", args=[answer.pk])

    shown, changed = client.get(address), client.post(address, {"correct": ""})

    assert (shown.status_code, changed.status_code) == (200, 403)
    assert client.get(reverse("admin:quizzes_question_changelist")).status_code == 200
    assert client.post(reverse("admin:quizzes_answer_delete", args=[answer.pk]), {"post": "yes"}).status_code == 403
