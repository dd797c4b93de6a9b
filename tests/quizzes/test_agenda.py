"""What is due, what is to come, and how well it went."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from quizzes import agenda, limits, reviews
from quizzes.models import Answer, Certainty, PracticeSession, Question, ReviewCard, StudySettings
from tests.quizzes.conftest import entry, save, text
from tests.quizzes.exams import sit_exam

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)


@pytest.fixture
def bank() -> list[Question]:
    """Questions q0 to q9."""
    return save(*(entry(id=f"q{n}", stem=f"Case {n}?") for n in range(10)))


def answered(learner, question, at, correct=True, certainty=Certainty.SURE):
    session = PracticeSession.objects.create(learner=learner, question_ids=[question.id])
    first = not Answer.objects.filter(learner=learner, question=question).exists()
    answer = Answer.objects.create(
        session=session,
        learner=learner,
        question=question,
        shown=[0, 1, 2, 3],
        chosen=[0],
        certainty=certainty,
        correct=correct,
        first_exposure=first,
        answered_at=at,
    )
    reviews.rate_answers([answer])
    return answer


def card(learner, question, due_at, stability=5.0, last=None):
    return ReviewCard.objects.create(
        learner=learner,
        question=question,
        stability=stability,
        difficulty=5.0,
        reviews=1,
        lapses=0,
        last_review_at=last or due_at - 5 * DAY,
        due_at=due_at,
    )


def today(learner, now=NOW, **settings):
    return agenda.today_of(learner, StudySettings(**settings), now)


def test_due_today_is_what_falls_due_by_the_end_of_the_day(bank, learner):
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    card(learner, bank[0], midnight - timedelta(seconds=1))
    card(learner, bank[1], midnight)
    card(learner, bank[2], NOW - 9 * DAY)
    card(User.objects.create_guest(), bank[3], NOW)

    assert today(learner).due == 2


def test_what_is_retired_or_in_a_running_exam_is_not_due(learner):
    attempt = sit_exam(learner, questions=2)
    for item in attempt.items.select_related("question"):
        card(learner, item.question, NOW)

    assert today(learner).due == 0
    attempt.closed_at = NOW
    attempt.save()
    assert today(learner).due == 2
    Question.objects.update(retired=True)
    assert today(learner).due == 0


def test_the_limits_bound_a_day_and_what_was_done_counts_against_them(bank, learner):
    for question in bank[:3]:
        answered(learner, question, NOW - 5 * DAY)
    for question in bank[3:5]:
        answered(learner, question, NOW - timedelta(hours=1))
    answered(learner, bank[0], NOW - timedelta(minutes=30))

    told = today(learner, new_per_day=4, reviews_per_day=2)

    assert (told.reviewed, told.begun) == (1, 2)
    assert (told.due, told.reviews_left) == (2, 1)
    assert told.new_left == 2
    assert today(learner, new_per_day=1, reviews_per_day=0).left == 0


def test_a_session_begins_with_what_is_least_surely_remembered_then_new_ones(bank, learner):
    card(learner, bank[0], NOW, stability=20.0, last=NOW - 5 * DAY)
    card(learner, bank[1], NOW, stability=2.0, last=NOW - 5 * DAY)
    card(learner, bank[2], NOW, stability=6.0, last=NOW - 5 * DAY)

    agenda.start(learner, today(learner, new_per_day=1), short=False, now=NOW)

    session = PracticeSession.objects.get()
    assert session.question_ids[:3] == ["q1", "q2", "q0"]
    assert len(session.question_ids) == 4
    assert session.title == "Reviews of the day"


def test_ten_minutes_hold_as_many_questions_as_the_learner_manages(bank, learner):
    for question in bank:
        card(learner, question, NOW)
    assert today(learner).in_short_session == 10  # a minute each until more is known

    session = PracticeSession.objects.create(learner=learner, question_ids=[question.id for question in bank])
    for n in range(12):
        other = save(*(entry(id=f"q{m}", stem=f"Case {m}?") for m in range(10 + n + 1)))[-1]
        Answer.objects.create(
            session=session,
            learner=learner,
            question=other,
            shown=[0],
            chosen=[0],
            correct=True,
            first_exposure=True,
            answered_at=NOW - 2 * DAY + n * timedelta(seconds=120),
        )

    assert today(learner).pace_s == 120
    assert today(learner).in_short_session == 5


def test_a_break_is_no_pace(bank, learner):
    session = PracticeSession.objects.create(learner=learner, question_ids=[])
    for n, question in enumerate(bank):
        Answer.objects.create(
            session=session,
            learner=learner,
            question=question,
            shown=[0],
            chosen=[0],
            correct=True,
            first_exposure=True,
            answered_at=NOW + n * timedelta(hours=1),
        )

    assert agenda.pace_s(learner) == agenda.USUAL_PACE_S


def test_nothing_left_begins_no_session(bank, learner):
    assert agenda.start(learner, today(learner, new_per_day=0), short=True, now=NOW) is None
    assert not PracticeSession.objects.exists()


def test_the_forecast_puts_what_is_overdue_on_today_and_counts_each_day(bank, learner):
    for question, later in zip(bank, (-3, 0, 0, 1, 29, 30), strict=False):
        card(learner, question, NOW + later * DAY)

    days = agenda.forecast(learner, NOW)

    assert [day.day for day in days] == [NOW.date() + n * DAY for n in range(30)]
    assert {n: day.count for n, day in enumerate(days) if day.count} == {0: 3, 1: 1, 29: 1}


def test_the_retention_achieved_leaves_out_first_answers_and_the_first_day(bank, learner):
    answered(learner, bank[0], NOW - 9 * DAY)
    answered(learner, bank[0], NOW - 9 * DAY + timedelta(hours=3), correct=False)
    answered(learner, bank[0], NOW - 6 * DAY)
    answered(learner, bank[0], NOW - 2 * DAY, correct=False)
    answered(learner, bank[0], NOW - 1 * DAY, certainty=Certainty.GUESS)

    told = agenda.retention(learner, StudySettings(), NOW)

    assert (told.known, told.total) == (1, 3)
    assert told.expected == pytest.approx(0.85, abs=0.14)
    assert (told.asked, told.interval_percent, told.missing) == (0.90, None, 17)


def test_with_enough_reviews_the_retention_has_wilsons_interval():
    told = agenda.Retention(asked=0.9, known=45, total=50, expected=0.9)

    assert told.percent == 90
    assert told.interval_percent == pytest.approx((78.6, 95.7), abs=0.05)


def test_close_to_the_exam_more_retention_is_asked_for(learner):
    assert agenda.retention(learner, StudySettings(exam_date=date(2026, 12, 1)), NOW).asked == 0.95


def test_the_calendar_ends_in_this_week_and_counts_rated_answers(bank, learner):
    for question in bank[:6]:
        answered(learner, question, NOW)
    answered(learner, bank[6], NOW - 7 * DAY)
    answered(learner, bank[7], NOW - 26 * 7 * DAY)

    rows = agenda.calendar(learner, NOW)

    assert [len(row) for row in rows] == [26] * 7
    assert all(day is None or day.day.weekday() == weekday for weekday, row in enumerate(rows) for day in row)
    this_week = [row[-1] for row in rows]
    assert [day.count if day else None for day in this_week] == [0, 0, 6, None, None, None, None]
    assert [(day.count, day.level) for day in rows[2][-2:] if day] == [(1, 1), (6, 2)]
    assert sum(day.count for row in rows for day in row if day) == 7


# Pages


def test_someone_new_is_told_how_it_begins(client):
    page = client.get(reverse("reviews"))

    assert "that begins with your first answers" in text(page)
    assert not User.objects.exists()


def test_the_page_tells_what_is_due_and_starts_it(bank, visitor, learner):
    for question in bank[:4]:
        answered(learner, question, timezone.now() - 9 * DAY, correct=False)

    page = text(visitor.get(reverse("reviews")))
    assert "4 reviews left today" in page
    assert "Ten minutes: 10 questions" in page

    begun = visitor.post(reverse("reviews_start"), {"size": "short"})
    session = PracticeSession.objects.get(name="Ten minutes of review")
    assert begun["Location"] == reverse("practice_question", args=[session.id, 1])
    assert set(session.question_ids[:4]) == {"q0", "q1", "q2", "q3"}


def test_a_start_with_nothing_to_do_leads_back(visitor, client):
    assert visitor.post(reverse("reviews_start"))["Location"] == reverse("reviews")
    assert client.post(reverse("reviews_start"))["Location"] == reverse("reviews")


def test_reviews_count_as_starts(bank, visitor, learner, monkeypatch):
    monkeypatch.setattr(limits, "may_start", lambda request: False)

    assert visitor.post(reverse("reviews_start")).status_code == 429


def test_the_forecast_and_the_calendar_have_their_numbers_in_words(bank, visitor, learner):
    answered(learner, bank[0], timezone.now())

    page = visitor.get(reverse("reviews")).content.decode()

    assert len(re.findall(r"<tr><th scope=\"row\">\w+day, ", page)) == 30
    assert "1 answer on 1 day." in page
    assert '<span class="visually-hidden">1</span>' in page


def test_the_page_takes_a_bounded_number_of_queries(bank, visitor, learner, django_assert_max_num_queries):
    for question in bank:
        answered(learner, question, timezone.now() - 9 * DAY)
        answered(learner, question, timezone.now() - 3 * DAY)

    with django_assert_max_num_queries(12):
        visitor.get(reverse("reviews"))


# How one studies


def form(**data):
    return {"exam_date": "", "desired_retention": "0.9", "new_per_day": "10", "reviews_per_day": "60", **data}


def test_setting_the_exam_moves_what_is_due(bank, visitor, learner):
    now = timezone.now()
    for days in (80, 75, 60, 30):
        answered(learner, bank[0], now - days * DAY)
    before = ReviewCard.objects.get()
    day = now.date() + 9 * DAY

    saved = visitor.post(reverse("study_settings"), form(exam_date=day.isoformat()))

    assert saved["Location"] == reverse("reviews")
    assert StudySettings.objects.get().exam_date == day
    after = ReviewCard.objects.get()
    assert after.due_at <= before.last_review_at + 13 * DAY < before.due_at
    assert "9 days to the exam" in text(visitor.get(reverse("reviews")))


def test_the_form_shows_what_is_set(visitor, learner):
    StudySettings.objects.create(learner=learner, exam_date=date(2030, 1, 15), desired_retention=0.95, new_per_day=7)

    page = visitor.get(reverse("study_settings")).content.decode()

    assert 'value="2030-01-15"' in page
    assert '<option value="0.95" selected>95 %</option>' in page
    assert 'name="new_per_day" value="7"' in page


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"exam_date": "2020-01-01"}, "The day of the exam is 2020-01-01; use "),
        ({"exam_date": "soon"}, "Write the day as 2027-01-31."),
        ({"new_per_day": "201"}, "New questions a day: use a whole number from 0 to 200."),
        ({"reviews_per_day": "-1"}, "Reviews a day: use a whole number from 0 to 1000."),
        ({"reviews_per_day": ""}, "Reviews a day: use a whole number from 0 to 1000."),
        ({"desired_retention": "0.5"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_set_is_named_and_nothing_changes(visitor, data, said):
    page = visitor.post(reverse("study_settings"), form(**data))

    assert page.status_code == 422
    assert said in text(page)
    assert not StudySettings.objects.exists()


def test_an_exam_that_has_passed_does_not_stand_in_the_way_of_other_settings(visitor, learner):
    StudySettings.objects.create(learner=learner, exam_date=date(2020, 1, 1))

    visitor.post(reverse("study_settings"), form(exam_date="2020-01-01", new_per_day="3"))

    assert StudySettings.objects.get().new_per_day == 3
    assert "has passed" in text(visitor.get(reverse("reviews")))


def test_a_stranger_who_sets_something_becomes_a_guest(client):
    client.post(reverse("study_settings"), form(new_per_day="3"))

    assert StudySettings.objects.get().learner.is_guest
