from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import TypeVar

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from quizzes import practice
from quizzes.models import Answer, Certainty, Question
from tests.quizzes.conftest import answer_rightly, answer_wrongly, entry, many, save

T = TypeVar("T")
SUBSETS = st.sets(st.integers(0, 5), max_size=6)


@settings(deadline=None)
@given(keys=SUBSETS, chosen=SUBSETS)
def test_an_answer_is_right_exactly_when_every_key_and_nothing_else_is_chosen(keys, chosen):
    misses, extras = keys - chosen, chosen - keys

    right = practice.is_right(keys, sorted(chosen))

    assert right == (not misses and not extras)


@settings(deadline=None)
@given(items=st.lists(st.integers(), unique=True), seed=st.text())
def test_a_shuffle_loses_nothing_and_depends_on_the_seed_alone(items, seed):
    once, again = practice.shuffled(items, seed), practice.shuffled(reversed(items), seed)

    assert sorted(once) == sorted(items)
    assert once == again


def test_every_option_comes_to_every_place_about_equally_often():
    firsts = [practice.shuffled(range(4), f"session {n}")[0] for n in range(4000)]

    assert all(900 < firsts.count(place) < 1100 for place in range(4))


def test_unseen_questions_come_first_then_wrong_ones_then_right_ones_oldest_first():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    latest = {
        "right-lately": Answer(correct=True, answered_at=now),
        "right-long-ago": Answer(correct=True, answered_at=now - timedelta(days=30)),
        "wrong": Answer(correct=False, answered_at=now),
    }

    order = practice.by_need(["right-lately", "wrong", "right-long-ago", "new"], latest)

    assert order == ["new", "wrong", "right-long-ago", "right-lately"]


def test_only_the_latest_answer_decides_whether_a_question_was_wrong_last_time(choice, response, learner, sit):
    answer_wrongly(sit(choice), choice)
    answer_rightly(sit(choice), choice)
    answer_rightly(sit(response), response)
    answer_wrongly(sit(response), response)

    session = practice.start(learner, practice.offered(), 1)

    assert session.question_ids == [response.id]


@pytest.mark.django_db
def test_a_session_holds_offered_questions_of_its_pattern_and_no_more_than_asked(learner):
    save(*many(6), entry(id="other", stem="On bulkheads. What isolates?", patterns=["bulkhead"]))
    Question.objects.filter(pk="made-06").update(retired=True)

    short = practice.start(learner, practice.offered("circuit-breaker"), 3, "circuit-breaker")
    long = practice.start(learner, practice.offered("circuit-breaker"), 20, "circuit-breaker")

    assert len(short.question_ids) == len(set(short.question_ids)) == 3
    assert sorted(long.question_ids) == [f"made-{n:02}" for n in range(1, 6)]


def test_options_keep_their_order_within_a_session_and_differ_between_sessions(response, sit):
    sessions = [sit(response) for _ in range(12)]

    orders = [tuple(practice.order_of_options(session, response)) for session in sessions]

    assert orders == [tuple(practice.order_of_options(session, response)) for session in sessions]
    assert len(set(orders)) > 1


def test_an_answer_keeps_what_was_shown_chosen_and_felt(response, sit):
    session = sit(response)

    answer = practice.record(session, response, [3, 1], Certainty.GUESS)

    kept = Answer.objects.get()
    assert kept == answer
    assert (kept.chosen, kept.certainty, kept.correct) == ([1, 3], "guess", False)
    assert kept.shown == practice.order_of_options(session, response)
    assert kept.learner == session.learner


def test_multiple_response_is_all_or_nothing(response, sit):
    half = practice.record(sit(response), response, [0, 2], Certainty.SURE)
    whole = practice.record(sit(response), response, [1, 0], Certainty.SURE)

    assert (half.correct, whole.correct) == (False, True)


def test_answering_again_keeps_the_first_answer(choice, sit):
    session = sit(choice)
    first = answer_wrongly(session, choice)

    second = answer_rightly(session, choice)

    assert second == first
    assert [(kept.correct, kept.certainty) for kept in Answer.objects.all()] == [(False, "unsure")]


def test_only_the_first_answer_to_a_question_is_a_first_exposure(choice, sit):
    first, second = answer_wrongly(sit(choice), choice), answer_rightly(sit(choice), choice)

    assert (first.first_exposure, second.first_exposure) == (True, False)


def test_the_database_refuses_a_second_answer_in_a_session_and_a_second_first_exposure(choice, sit):
    kept = answer_rightly(sit(choice), choice)
    same_session = Answer.objects.get(pk=kept.pk)
    same_session.pk, same_session.first_exposure = None, False
    other_session = Answer.objects.get(pk=kept.pk)
    other_session.pk, other_session.session = None, sit(choice)

    for copy in (same_session, other_session):
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save()


def test_a_learner_who_was_merged_away_meanwhile_is_said_to_be_gone(choice, sit):
    guest = User.objects.create_guest()
    session = sit(choice, of=guest)
    guest.delete()

    with pytest.raises(practice.LearnerIsGone):
        answer_rightly(session, choice)


@pytest.mark.django_db(transaction=True)
def test_a_double_click_leaves_one_row_and_gives_both_the_same_answer(choice, sit):
    session = sit(choice)

    answers = at_once(
        lambda: practice.record(session, choice, [0], Certainty.SURE),
        lambda: practice.record(session, choice, [1], Certainty.GUESS),
    )

    assert Answer.objects.count() == 1
    assert answers[0] == answers[1]


@pytest.mark.django_db(transaction=True)
def test_two_sessions_answered_at_once_give_one_first_exposure(choice, sit):
    here, there = sit(choice), sit(choice)

    answers = at_once(lambda: answer_rightly(here, choice), lambda: answer_rightly(there, choice))

    assert sorted(answer.first_exposure for answer in answers) == [False, True]


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of calls made at the same moment, each on a connection of its own."""
    together = Barrier(len(calls))
    results: list[T] = []

    def run(call: Callable[[], T]) -> None:
        together.wait()
        try:
            results.append(_when_unlocked(call))
        finally:
            connection.close()

    threads = [Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _when_unlocked(call: Callable[[], T]) -> T:
    """SQLite in memory, which only tests use, does not wait for a lock; files and PostgreSQL do."""
    for _ in range(500):
        try:
            return call()
        except OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.01)
    raise TimeoutError("the database stayed locked")
