"""Review cards follow from the answers, however those come to be known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from itertools import permutations

import pytest
from django.apps import apps

from accounts.models import User
from accounts.services import merge_guest
from quizzes import attempts, practice, reviews
from quizzes.models import Answer, Attempt, Certainty, PracticeSession, Review, ReviewCard, StudySettings
from tests.quizzes.conftest import answer_rightly, answer_wrongly
from tests.quizzes.exams import choose, item_of, right, sit_exam, wrong

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def user(db):
    return User.objects.create_user("ada@example.org", "four quiet owls at noon")


def answered(learner, question, day, correct=True, certainty=Certainty.SURE):
    """An answer given at noon, so many days from the first noon; not rated yet."""
    session = PracticeSession.objects.create(learner=learner, question_ids=[question.id])
    return Answer.objects.create(
        session=session,
        learner=learner,
        question=question,
        shown=[0, 1, 2, 3],
        chosen=[0],
        certainty=certainty,
        correct=correct,
        first_exposure=False,
        answered_at=NOON + timedelta(days=day),
    )


def card_of(learner):
    return ReviewCard.objects.filter(learner=learner).values(*reviews.CARD_FIELDS).get()


def log_of(learner):
    log = Review.objects.filter(answer__learner=learner).order_by("answer__answered_at")
    return list(log.values_list("rating", "elapsed_days", "retrievability"))


def test_a_practice_answer_is_rated_and_due_in_days(choice, learner, sit):
    answer = answer_rightly(sit(choice), choice)

    card = ReviewCard.objects.get()
    assert (card.learner, card.question, card.reviews, card.lapses) == (learner, choice, 1, 0)
    assert card.last_review_at == answer.answered_at
    assert timedelta(days=1) <= card.due_at - answer.answered_at <= timedelta(days=3)
    assert answer.review.rating == Review.Rating.GOOD


def test_a_wrong_answer_comes_again_tomorrow(choice, learner, sit):
    answer = answer_wrongly(sit(choice), choice)

    assert ReviewCard.objects.get().due_at - answer.answered_at == timedelta(days=1)


def test_an_answer_sent_twice_is_rated_once(choice, sit):
    session = sit(choice)
    answer_rightly(session, choice)
    answer_rightly(session, choice)

    assert Review.objects.count() == 1
    assert ReviewCard.objects.get().reviews == 1


def test_a_closed_exam_rates_what_was_opened(learner):
    attempt = sit_exam(learner, questions=4)
    choose(attempt, 1, right(item_of(attempt, 1)))
    choose(attempt, 2, wrong(item_of(attempt, 2)))
    choose(attempt, 3, right(item_of(attempt, 3)))
    choose(attempt, 3, True, sequence=2, field="guessed")

    attempts.close(attempt.pk, now=attempt.started_at + timedelta(minutes=5))

    ratings = Review.objects.order_by("answer__item__number").values_list("answer__item__number", "rating")
    assert list(ratings) == [(1, Review.Rating.GOOD), (2, Review.Rating.AGAIN), (3, Review.Rating.AGAIN)]
    assert ReviewCard.objects.count() == 3


def test_a_question_opened_and_left_without_an_answer_counts_as_not_known(learner):
    attempt = sit_exam(learner)
    attempts.open_item(item_of(attempt, 1), now=attempt.started_at)

    attempts.close(attempt.pk, now=attempt.started_at + timedelta(minutes=5))

    assert Review.objects.get().rating == Review.Rating.AGAIN


def test_reading_an_answer_after_the_exam_rates_nothing(learner):
    attempt = sit_exam(learner)
    attempts.close(attempt.pk, now=attempt.started_at + timedelta(minutes=5))
    attempts.reveal(item_of(attempt, 1))

    assert Answer.objects.count() == 1
    assert not ReviewCard.objects.exists()


def test_an_exam_that_cannot_be_rated_is_not_closed(learner, monkeypatch):
    attempt = sit_exam(learner)
    choose(attempt, 1, right(item_of(attempt, 1)))
    monkeypatch.setattr(attempts, "rate_answers", lambda answers: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        attempts.close(attempt.pk, now=attempt.started_at + timedelta(minutes=5))

    assert Attempt.objects.get().closed_at is None
    assert not Answer.objects.exists()


def test_a_card_is_the_same_in_whatever_order_the_answers_become_known(choice):
    seen = []
    for order in permutations(range(3)):
        learner = User.objects.create_guest()
        given = [
            answered(learner, choice, 0, correct=False),
            answered(learner, choice, 2, certainty=Certainty.UNSURE),
            answered(learner, choice, 7),
        ]
        for index in order:
            reviews.rate_answers([given[index]])
        seen.append((card_of(learner), log_of(learner)))

    assert all(other == seen[0] for other in seen)
    assert [row[1] for row in seen[0][1]] == [None, 2, 5]


def test_a_merge_makes_one_card_of_all_answers_of_both(choice, response, learner, user):
    alone = User.objects.create_guest()
    for day, of in ((0, learner), (3, user), (9, learner)):
        for who in (of, alone):
            reviews.rate_answers([answered(who, choice, day)])
    reviews.rate_answers([answered(learner, response, 1)])

    merge_guest(learner, user)

    assert ReviewCard.objects.filter(learner=user).count() == 2
    mine = ReviewCard.objects.filter(learner=user, question=choice).values(*reviews.CARD_FIELDS).get()
    assert mine == card_of(alone)


def test_a_merge_dates_the_cards_by_the_accounts_own_exam(choice, learner, user):
    StudySettings.objects.create(learner=user, exam_date=date(2026, 12, 4))
    for day in (0, 3, 8):
        reviews.rate_answers([answered(learner, choice, day - 20)])
    before = ReviewCard.objects.get().due_at

    merge_guest(learner, user)

    card = ReviewCard.objects.get()
    assert card.due_at == card.last_review_at + timedelta(days=7) < before


def test_a_new_day_of_the_exam_moves_what_is_due_and_nothing_else(choice, learner):
    for day in (-40, -35, -20):
        reviews.rate_answers([answered(learner, choice, day)])
    before = card_of(learner)
    StudySettings.objects.create(learner=learner, exam_date=date(2026, 12, 5))

    reviews.reschedule(learner.pk)

    after = card_of(learner)
    assert after.pop("due_at") == before["last_review_at"] + timedelta(days=10) < before.pop("due_at")
    assert after == before


@pytest.mark.parametrize("count", [1, 8])
def test_any_number_of_answers_takes_the_same_few_queries(learner, django_assert_num_queries, count):
    attempt = sit_exam(learner, questions=8)
    questions = [item.question for item in attempt.items.select_related("question")][:count]
    for question in questions:
        reviews.rate_answers([answered(learner, question, 0)])
    again = [answered(learner, question, 4) for question in questions]

    with django_assert_num_queries(5):  # ratings, settings, the log, what changed in it, cards
        reviews.rate_answers(again)


def test_a_learner_without_answers_has_nothing_to_rate(learner):
    reviews.rate_answers([])

    assert not ReviewCard.objects.exists()


def test_deleting_a_learner_deletes_their_cards(choice, learner, sit):
    practice.record(sit(choice), choice, choice.keys, Certainty.SURE)

    learner.delete()

    assert not Review.objects.exists()
    assert not ReviewCard.objects.exists()


def test_answers_from_before_there_were_reviews_are_rated_as_if_there_had_been(choice, response, learner):
    attempt = sit_exam(User.objects.create_guest())
    attempts.close(attempt.pk, now=attempt.started_at + timedelta(minutes=5))
    attempts.reveal(item_of(attempt, 1))
    for question, day in ((choice, 0), (choice, 3), (response, 1), (choice, 9)):
        reviews.rate_answers([answered(learner, question, day)])
    cards = list(ReviewCard.objects.order_by("question").values("question", *reviews.CARD_FIELDS))
    log = log_of(learner)
    Review.objects.all().delete()
    ReviewCard.objects.all().delete()

    import_module("quizzes.migrations.0004_rate_earlier_answers").rate(apps, None)

    assert list(ReviewCard.objects.order_by("question").values("question", *reviews.CARD_FIELDS)) == cards
    assert log_of(learner) == log
    assert Review.objects.count() == 4
