from __future__ import annotations

import csv
import io
import json

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from quizzes import attempts, history
from tests.quizzes.conftest import CHOICE, answer_rightly, answer_wrongly, entry, save
from tests.quizzes.exams import choose, item_of, right, sit_exam


def got(client, name):
    response = client.get(reverse(name))
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response).decode()


def csv_of(client):
    return list(csv.DictReader(io.StringIO(got(client, "history_csv"))))


def json_of(client):
    return json.loads(got(client, "history_json"))["answers"]


def test_both_files_hold_every_answer_with_what_was_shown_chosen_and_right(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_wrongly(session, choice)
    answer_rightly(session, response)

    told, lines = json_of(visitor), csv_of(visitor)

    assert [row["question"] for row in told] == [row["question"] for row in lines] == [choice.id, response.id]
    assert list(lines[0]) == list(told[0]) == list(history.COLUMNS)
    assert told[0]["correct"] is False
    assert told[0]["chosen"] == ["A longer timeout for the call"]
    assert told[0]["right"] == ["A circuit breaker around the call"]
    assert sorted(told[0]["options_as_shown"]) == sorted(option["text"] for option in CHOICE["options"])
    assert lines[0]["correct"] == "no"
    assert lines[1]["correct"] == "yes"
    assert lines[1]["chosen"] == "Every trial succeeds | Failures stay below the threshold"
    assert lines[1]["where"] == "Practice"
    assert lines[1]["certainty"] == "sure"


def test_nobody_elses_answers_are_in_them(choice, visitor, client, sit):
    other = User.objects.create_user("ada@example.org", "four quiet owls at noon")
    answer_rightly(sit(choice, of=other), choice)

    assert csv_of(visitor) == json_of(visitor) == []
    assert csv_of(client) == json_of(client) == []
    client.force_login(other)
    assert len(csv_of(client)) == len(json_of(client)) == 1


@pytest.mark.django_db
def test_an_exam_appears_when_it_is_closed_and_not_before(learner, visitor):
    attempt = sit_exam(learner, now=timezone.now())
    item = item_of(attempt)
    attempts.open_item(item)
    choose(attempt, 1, right(item))

    before = json_of(visitor)
    attempts.submit(attempt.pk, learner)

    assert before == []
    assert [row["where"] for row in json_of(visitor)] == ["Pattern drill: Circuit breaker"]


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_no_cell_begins_like_a_formula(learner, visitor, sit, start):
    (question,) = save(entry())
    answer_rightly(sit(question), question)
    question.options[0]["text"] = f"{start}HYPERLINK(1)"
    question.save()

    (row,) = csv_of(visitor)

    assert row["chosen"] == f"'{start}HYPERLINK(1)"
    assert json_of(visitor)[0]["chosen"] == [f"{start}HYPERLINK(1)"]


def test_they_stream_a_row_at_a_time_from_a_bounded_number_of_queries(
    choice, response, learner, sit, monkeypatch, django_assert_max_num_queries
):
    for _ in range(6):
        session = sit(choice, response)
        answer_rightly(session, choice)
        answer_wrongly(session, response)
    monkeypatch.setattr(history, "AT_ONCE", 100)

    with django_assert_max_num_queries(3):
        lines = history.as_csv(learner)
        assert next(lines).startswith("answered_at,where,question,")
        assert len(list(lines)) == 12


def test_the_progress_page_leads_to_them(choice, visitor, sit):
    answer_rightly(sit(choice), choice)

    page = visitor.get(reverse("progress")).content.decode()

    assert reverse("history_csv") in page
    assert reverse("history_json") in page
