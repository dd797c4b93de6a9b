from __future__ import annotations

import pytest
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from accounts.models import User
from quizzes import attempts, evidence
from quizzes.models import Question
from tests.quizzes.conftest import answer_rightly, answer_wrongly, entry, many, save, text
from tests.quizzes.exams import item_of, sit_exam


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda answered: st.tuples(st.integers(0, answered), st.just(answered))))
def test_the_interval_is_wilsons(counts):
    right, answered = counts

    low, high = evidence.wilson(right, answered)

    expected = binomtest(right, answered).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_the_interval_of_a_good_mock_exam_is_the_published_one():
    low, high = evidence.wilson(52, 65)

    assert (round(low, 2), round(high, 2)) == (0.69, 0.88)


@pytest.mark.parametrize(("answered", "enough"), [(0, False), (19, False), (20, True)])
def test_an_interval_needs_twenty_answers(answered, enough):
    told = evidence.Evidence("circuit-breaker", 30, 30 - answered, answered, answered // 2)

    assert (told.interval_percent is not None) == enough
    assert told.missing_answers == max(0, 20 - answered)


def test_only_first_exposures_count(choice, response, learner, sit):
    answer_wrongly(sit(choice), choice)
    answer_rightly(sit(choice), choice)
    answer_rightly(sit(response), response)

    told = evidence.of_learner(learner)["circuit-breaker"]

    assert (told.answered, told.right, told.unseen) == (2, 1, 0)


@pytest.mark.django_db
def test_a_question_on_two_patterns_counts_for_both_and_answers_of_others_for_none(learner, sit):
    (question,) = save(entry(patterns=["circuit-breaker", "bulkhead"]))
    answer_rightly(sit(question), question)
    answer_wrongly(sit(question, of=User.objects.create_guest()), question)

    told = evidence.of_learner(learner)

    assert {slug: (of.answered, of.right) for slug, of in told.items()} == {
        "bulkhead": (1, 1),
        "circuit-breaker": (1, 1),
    }


def test_a_retired_question_still_counts_as_answered_but_not_as_offered(choice, response, learner, sit):
    answer_rightly(sit(choice), choice)
    Question.objects.filter(pk=choice.pk).update(retired=True)

    told = evidence.of_learner(learner)["circuit-breaker"]

    assert (told.offered, told.unseen, told.answered) == (1, 1, 1)


def test_the_page_tells_counts_too_little_evidence_and_where_to_carry_on(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_rightly(session, choice)

    page = visitor.get(reverse("progress"))

    assert "1 of 1 right at first sight, 1 not met yet" in text(page)
    assert "Too few questions for a range so far: it takes 20 first answers, and you can give 2." in text(page)
    assert reverse("practice_question", args=[session.id, 2]) in page.content.decode()
    assert "Sign up to keep this" in text(page)


@pytest.mark.django_db
def test_the_page_asks_for_more_answers_only_where_there_are_questions_for_them(visitor, sit):
    questions = save(*many(20))
    session = sit(*questions)
    answer_rightly(session, questions[0])

    enough = text(visitor.get(reverse("progress")))
    Question.objects.exclude(pk=questions[0].pk).update(retired=True)
    all_met = text(visitor.get(reverse("progress")))

    assert "Not enough evidence yet: 19 more first answers." in enough
    assert "You have met all the questions there are so far; a range takes 20 first answers." in all_met
    assert "more first answers" not in all_met


@pytest.mark.django_db
def test_the_page_gives_the_interval_from_twenty_answers_on(visitor, sit):
    questions = save(*many(20))
    session = sit(*questions)
    for question in questions[:16]:
        answer_rightly(session, question)
    for question in questions[16:]:
        answer_wrongly(session, question)

    page = text(visitor.get(reverse("progress")))

    assert "16 of 20 right at first sight" in page
    assert "between 58 and 92 %" in page


def test_someone_new_sees_where_to_begin(choice, client):
    page = client.get(reverse("progress"))

    assert "Nothing here yet" in text(page)
    assert f'href="{reverse("practice")}"' in page.content.decode()
    assert "Sign up to keep this" not in text(page)


def test_someone_signed_in_is_not_asked_to_sign_up(choice, client, sit):
    user = User.objects.create_user("ada@example.org", "four quiet owls at noon")
    answer_rightly(sit(choice, of=user), choice)
    client.force_login(user)

    page = text(client.get(reverse("progress")))

    assert "1 of 1 right" in page
    assert "Sign up to keep this" not in page


def test_a_question_only_read_after_an_exam_is_seen_and_no_evidence(learner):
    attempt = sit_exam(learner)
    attempts.close(attempt.pk, submitted=True)
    attempts.reveal(item_of(attempt))

    told = evidence.of_learner(learner)["circuit-breaker"]

    assert (told.offered, told.unseen, told.answered) == (4, 3, 0)
