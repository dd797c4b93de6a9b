"""When a question is asked again: rules that hold for any plan and any answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from fsrs import Card, Rating, Scheduler
from hypothesis import given
from hypothesis import strategies as st

from quizzes.memory import (
    FINAL_WEEK_DAYS,
    LONGEST_DAYS,
    Plan,
    Rated,
    Step,
    due_after,
    rating_of,
    replay,
    retrievability,
    review,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ratings = st.sampled_from([Rating.Again, Rating.Hard, Rating.Good])
gaps = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=60))
retentions = st.sampled_from([0.80, 0.85, 0.90, 0.95, 0.97])
exams_in = st.none() | st.integers(-30, 200)


@st.composite
def logs(draw, most=8):
    """Answers in order of time, the first at noon."""
    at, log = NOON, []
    for rating, gap in draw(st.lists(st.tuples(ratings, gaps), min_size=1, max_size=most)):
        log.append(Rated(at, rating))
        at += gap
    return log


@st.composite
def plans(draw):
    days = draw(exams_in)
    return Plan(None if days is None else NOON.date() + timedelta(days=days), draw(retentions))


@pytest.mark.parametrize(
    ("correct", "certainty", "in_exam", "rating"),
    [
        (False, "sure", False, Rating.Again),
        (False, "guess", False, Rating.Again),
        (True, "guess", False, Rating.Again),
        (True, "unsure", False, Rating.Hard),
        (True, "sure", False, Rating.Good),
        (True, "", True, Rating.Good),
        (True, "guess", True, Rating.Again),
        (False, "", True, Rating.Again),
    ],
)
def test_the_rating_comes_from_the_answer_and_the_certainty(correct, certainty, in_exam, rating):
    assert rating_of(correct, certainty, in_exam) is rating


@given(logs(), retentions)
def test_without_an_exam_it_is_the_librarys_own_schedule(log, retention):
    scheduler = Scheduler(
        desired_retention=retention,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=LONGEST_DAYS,
        enable_fuzzing=False,
    )
    card = Card(card_id=1)
    for rated in log:
        card, _ = scheduler.review_card(card, Rating(rated.rating), rated.at)

    memory, _ = replay(log, Plan(retention=retention))

    assert (memory.stability, memory.difficulty, memory.due_at) == (card.stability, card.difficulty, card.due)


@given(logs(), plans())
def test_a_question_comes_again_after_one_day_at_least_and_a_third_of_the_days_left_at_most(log, plan):
    memory, _ = replay(log, plan)

    interval = memory.due_at - memory.last_review_at
    days_left = plan.days_left(memory.last_review_at.date())
    assert timedelta(days=1) <= interval <= timedelta(days=LONGEST_DAYS)
    if days_left is not None and days_left > FINAL_WEEK_DAYS:
        assert interval.days <= days_left / 3


@given(st.lists(ratings, min_size=1, max_size=40), st.integers(FINAL_WEEK_DAYS + 1, 400), retentions)
def test_whoever_keeps_to_the_days_meets_every_question_in_the_final_week(given_ratings, days_left, retention):
    plan = Plan(NOON.date() + timedelta(days=days_left), retention)
    memory = review(None, Rated(NOON, Rating.Good), plan)
    for rating in given_ratings:
        if days_until(plan, memory) <= FINAL_WEEK_DAYS:
            break
        memory = review(memory, Rated(memory.due_at, rating), plan)

    # However the answers go, the exam is never reached without a day on which it is due.
    assert days_until(plan, memory) > 0


def days_until(plan, memory):
    """From the day a question is due to the exam."""
    return (plan.exam_date - memory.due_at.date()).days


def test_what_is_well_known_in_the_final_week_has_had_its_last_pass():
    exam_date = date(2026, 12, 1)
    plan = Plan(exam_date)
    known, _ = replay([Rated(NOON - timedelta(days=days), Rating.Good) for days in (90, 60, 30)], plan)

    memory = review(known, Rated(NOON, Rating.Good), plan)

    assert memory.due_at.date() > exam_date


def test_two_weeks_before_the_exam_more_is_asked_for():
    far, near = Plan(date(2026, 12, 10)), Plan(date(2026, 12, 9))

    assert [plan.retention_on(NOON.date()) for plan in (far, near)] == [0.90, 0.95]
    assert Plan(date(2026, 12, 9), 0.97).retention_on(NOON.date()) == 0.97
    assert Plan(date(2026, 11, 24)).retention_on(NOON.date()) == 0.90


@given(logs(), plans())
def test_moving_the_day_of_the_exam_dates_a_card_as_if_it_had_been_known(log, plan):
    memory, _ = replay(log, Plan())

    moved = due_after(memory.stability, memory.last_review_at, plan)

    assert moved == replay(log, plan)[0].due_at


@given(logs(most=4), plans(), st.integers(0, 30))
def test_the_better_the_answer_the_later_it_comes_again(log, plan, later):
    before, _ = replay(log, plan)
    at = before.last_review_at + timedelta(days=later)

    due = [review(before, Rated(at, rating), plan).due_at for rating in (Rating.Again, Rating.Hard, Rating.Good)]

    assert due == sorted(due)


@given(logs(most=4), st.integers(1, 300))
def test_the_chance_of_remembering_falls_and_the_first_day_counts_as_remembered(log, days):
    memory, _ = replay(log, Plan())
    last = memory.last_review_at

    chances = [retrievability(memory.stability, last, last + timedelta(days=day)) for day in (0.99, days, days + 1)]

    assert chances[0] == 1
    assert 1 > chances[1] > chances[2] > 0


def test_by_the_day_the_stability_has_passed_nine_in_ten_are_remembered():
    assert retrievability(10.0, NOON, NOON + timedelta(days=10)) == pytest.approx(0.9)


def test_a_log_tells_what_lay_between_and_what_was_forgotten():
    log = [Rated(NOON, Rating.Good), Rated(NOON + timedelta(days=3), Rating.Again)]

    memory, steps = replay(log, Plan())

    first, second = steps
    assert first == Step(None, None)
    assert second.elapsed_days == 3
    assert second.retrievability == pytest.approx(0.88, abs=0.07)
    assert (memory.reviews, memory.lapses) == (2, 1)


def test_no_answers_leave_no_memory():
    with pytest.raises(ValueError, match="at least one answer"):
        replay([], Plan())
