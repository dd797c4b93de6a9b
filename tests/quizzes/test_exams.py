from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from patterns.catalogue import TASKS
from quizzes import exams
from quizzes.exam_guide import domain_of
from quizzes.exams import MOCK, SHORT, draw
from quizzes.models import Attempt, PracticeSession, Question
from quizzes.practice import LearnerIsGone
from tests.quizzes.conftest import answer_rightly
from tests.quizzes.exams import START, bank, begun, sit_exam

pytestmark = pytest.mark.django_db

FULL = {f"t{task[0]}{task[2]}": 12 for task in TASKS}


def by_domain(ids):
    return Counter(domain_of(Question.objects.get(pk=id).task).number for id in ids)


def test_a_mock_exam_is_drawn_to_the_blueprint(learner):
    bank(**FULL)

    attempt = begun(learner, Attempt.Kind.MOCK, now=START)

    items = list(attempt.items.all())
    assert (attempt.length, attempt.complete, len(items)) == (65, True, 65)
    assert by_domain(item.question_id for item in items if item.scored) == {1: 15, 2: 13, 3: 12, 4: 10}
    assert sum(not item.scored for item in items) == 15
    assert by_domain(item.question_id for item in items) == {1: 19, 2: 17, 3: 16, 4: 13}
    assert attempt.deadline_at - attempt.started_at == timedelta(minutes=130)


def test_the_extra_time_makes_160_minutes_of_a_mock_exam(learner):
    bank(**FULL)

    attempt = begun(learner, Attempt.Kind.MOCK, extended=True, now=START)

    assert attempt.deadline_at == START + timedelta(minutes=160)


def test_a_short_form_has_twenty_questions_that_all_count_in_forty_minutes(learner):
    bank(**FULL)

    attempt = begun(learner, Attempt.Kind.SHORT, now=START)

    assert attempt.length == 20
    assert by_domain(item.question_id for item in attempt.items.filter(scored=True)) == {1: 6, 2: 5, 3: 5, 4: 4}
    assert attempt.deadline_at == START + timedelta(minutes=40)


def test_a_drill_holds_questions_of_its_pattern_only(learner):
    bank(t22=30, t11=5)
    Question.objects.get(pk="q-11-000").patterns.update(pattern="bulkhead")

    attempt = begun(learner, Attempt.Kind.DRILL, "circuit-breaker", now=START)

    assert attempt.length == 20
    assert not attempt.items.filter(question="q-11-000").exists()
    assert attempt.title == "Pattern drill: Circuit breaker"


def test_a_bank_that_cannot_fill_the_blueprint_gives_what_it_has_and_says_so(learner):
    bank(t21=2, t22=8)

    supply = exams.supplies()[Attempt.Kind.MOCK]
    attempt = begun(learner, Attempt.Kind.MOCK, now=START)

    assert not supply.complete
    assert [(cell.domain.number, cell.wanted, cell.drawn, cell.missing) for cell in supply.cells] == [
        (1, 19, 0, 19),
        (2, 17, 10, 7),
        (3, 16, 0, 16),
        (4, 13, 0, 13),
    ]
    assert (supply.length, supply.minutes) == (10, 20)
    assert (attempt.length, attempt.complete, attempt.title) == (10, False, "Mock exam, incomplete")
    assert attempt.items.filter(scored=True).count() == 10
    assert attempt.deadline_at == START + timedelta(minutes=20)


def test_an_empty_bank_gives_no_exam(learner):
    assert exams.begin(learner, Attempt.Kind.MOCK, now=START) is None
    assert not Attempt.objects.exists()


def test_who_was_merged_away_meanwhile_begins_nothing():
    guest = User.objects.create_guest()
    User.objects.all().delete()

    with pytest.raises(LearnerIsGone):
        exams.begin(guest, Attempt.Kind.MOCK)


def test_beginning_twice_gives_the_running_attempt(learner):
    first = sit_exam(learner)

    second = begun(learner, Attempt.Kind.MOCK, now=START + timedelta(minutes=1))
    later = begun(learner, Attempt.Kind.MOCK, now=first.deadline_at + timedelta(seconds=1))

    assert second == first
    assert later not in (None, first)


def test_the_order_of_questions_and_options_is_fixed_and_differs_between_attempts(learner):
    attempt = sit_exam(learner, questions=12)
    other = begun(User.objects.create_guest(), Attempt.Kind.DRILL, "circuit-breaker", now=START)

    orders = [[(item.question_id, item.shown) for item in sitting.items.all()] for sitting in (attempt, attempt, other)]

    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(shown) == [0, 1, 2, 3] for _, shown in orders[0])


def test_unseen_questions_are_drawn_before_seen_ones(learner):
    questions = bank(t22=25)
    session = PracticeSession.objects.create(learner=learner, question_ids=[])
    seen = questions[3:8]
    for question in seen:
        answer_rightly(session, question)

    attempt = begun(learner, Attempt.Kind.DRILL, "circuit-breaker", now=START)

    assert set(attempt.items.values_list("question", flat=True)) == {q.id for q in questions} - {q.id for q in seen}


@settings(deadline=None, max_examples=60)
@given(
    tasks=st.dictionaries(st.integers(0, 400).map(str), st.sampled_from(sorted(TASKS)), max_size=140),
    seen=st.sets(st.integers(0, 400).map(str), max_size=100),
    form=st.sampled_from([MOCK, SHORT]),
    seed=st.text(max_size=4),
)
def test_a_draw_keeps_to_its_form_whatever_the_bank_holds(tasks, seen, form, seed):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    last_met = dict.fromkeys(seen, now)

    drawn = draw(form, tasks, last_met, seed)

    ids = [item.question_id for item in drawn]
    assert len(set(ids)) == len(ids)
    assert drawn == draw(form, tasks, last_met, seed)
    for domain in range(1, 5):
        pool = {id for id, task in tasks.items() if domain_of(task).number == domain}
        taken = [item for item in drawn if item.question_id in pool]
        scored = sum(item.scored for item in taken)
        wanted = form.scored[domain] + form.unscored.get(domain, 0)
        assert len(taken) == min(wanted, len(pool))
        assert scored == min(form.scored[domain], len(pool))
        fresh, chosen = pool - seen, {item.question_id for item in taken}
        # A seen question is there only when no unseen one was left.
        assert not (chosen & seen) or fresh <= chosen


def test_720_on_the_practice_scale_is_a_raw_share_of_about_69_percent():
    assert exams.practice_scale(0, 50) == 100
    assert exams.practice_scale(50, 50) == 1000
    assert exams.practice_scale(0.6889, 1) == 720
    assert exams.practice_scale(34, 50) < 720 < exams.practice_scale(35, 50)
