"""What all answers show together, and how much of it can be trusted."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from quizzes import advice, mastery, reviews
from quizzes.evidence import wilson
from quizzes.exam_guide import DOMAINS
from quizzes.mastery import Calibration, Readiness, Tally, weighed_interval
from quizzes.models import Answer, Attempt, AttemptItem, Certainty, PracticeSession, StudySettings
from tests.quizzes.conftest import entry, save, text

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEIGHTS = [domain.share_percent / 100 for domain in DOMAINS]
counts = st.integers(1, 60).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


def bank(**per_task):
    """So many questions per task, on the circuit breaker: `bank(t22=3)`."""
    made = []
    for name, count in per_task.items():
        task = f"{name[1]}.{name[2]}"
        made += [entry(id=f"q{name[1:]}-{n:02}", stem=f"{task}, {n}?", task=task) for n in range(count)]
    return save(*made)


def practised(learner, questions, right, at=NOW, certainty=Certainty.SURE):
    """One session with these questions, the first `right` of them answered rightly."""
    session = PracticeSession.objects.create(learner=learner, question_ids=[question.id for question in questions])
    seen = set(Answer.objects.filter(learner=learner).values_list("question", flat=True))
    answers = Answer.objects.bulk_create(
        Answer(
            session=session,
            learner=learner,
            question=question,
            shown=[0, 1, 2, 3],
            chosen=[0 if n < right else 1],
            certainty=certainty,
            correct=n < right,
            first_exposure=question.id not in seen,
            answered_at=at,
        )
        for n, question in enumerate(questions)
    )
    reviews.rate_answers(answers)


def examined(learner, questions, right, at=NOW):
    """The same in a closed exam."""
    attempt = Attempt.objects.create(
        learner=learner,
        kind=Attempt.Kind.MOCK,
        complete=True,
        length=len(questions),
        started_at=at,
        deadline_at=at,
        closed_at=at,
    )
    seen = set(Answer.objects.filter(learner=learner).values_list("question", flat=True))
    for n, question in enumerate(questions):
        item = AttemptItem.objects.create(
            attempt=attempt, number=n + 1, question=question, shown=[0, 1, 2, 3], scored=True, correct=n < right
        )
        answer = Answer.objects.create(
            item=item,
            learner=learner,
            question=question,
            shown=[0, 1, 2, 3],
            chosen=[0],
            correct=n < right,
            first_exposure=question.id not in seen,
            answered_at=at,
        )
        reviews.rate_answers([answer])


# Readiness


def domains(*rights_and_totals):
    return Readiness(
        [
            (domain, Tally(first=total, first_right=right))
            for domain, (right, total) in zip(DOMAINS, rights_and_totals, strict=True)
        ]
    )


def test_readiness_weighs_the_domains_as_the_exam_does():
    told = domains((10, 10), (10, 10), (0, 10), (0, 10))

    assert told.percent == pytest.approx(56)
    assert told.answers == 40


def test_readiness_says_nothing_while_a_domain_lacks_answers():
    told = domains((10, 10), (10, 10), (9, 9), (10, 10))

    assert (told.percent, told.interval_percent, told.verdict) == (None, None, "")
    assert [domain.number for domain, _ in told.lacking] == [3]


@given(st.tuples(*[counts] * 4))
def test_the_interval_holds_the_mean_and_stays_a_share(shares):
    low, high = weighed_interval([(w, right, total) for w, (right, total) in zip(WEIGHTS, shares, strict=True)])
    middle = sum(w * right / total for w, (right, total) in zip(WEIGHTS, shares, strict=True))

    assert 0 <= low <= middle + 1e-9
    assert middle - 1e-9 <= high <= 1


@given(counts)
def test_of_one_domain_it_is_wilsons(share):
    assert weighed_interval([(1.0, *share)]) == pytest.approx(wilson(*share))


def test_equal_shares_on_a_matching_mixture_are_as_good_as_one_pile():
    assert weighed_interval([(0.25, 30, 40)] * 4) == pytest.approx(wilson(120, 160))


def test_a_domain_with_few_answers_widens_the_whole():
    even = weighed_interval([(0.5, 40, 50), (0.5, 40, 50)])
    lopsided = weighed_interval([(0.5, 8, 10), (0.5, 72, 90)])

    assert lopsided[0] < even[0] < even[1] < lopsided[1]


@pytest.mark.parametrize("truth", [(0.7, 0.7, 0.7, 0.7), (0.95, 0.95, 0.95, 0.95), (0.95, 0.8, 0.5, 0.3)])
def test_about_nineteen_of_twenty_intervals_cover_the_truth(truth):
    drawn = random.Random(20261125)
    answered, trials = (15, 13, 12, 10), 3_000
    mean = sum(w * p for w, p in zip(WEIGHTS, truth, strict=True))

    covered = 0
    for _ in range(trials):
        rights = [sum(drawn.random() < p for _ in range(n)) for p, n in zip(truth, answered, strict=True)]
        low, high = weighed_interval(list(zip(WEIGHTS, rights, answered, strict=True)))
        covered += low <= mean <= high

    assert 0.935 <= covered / trials <= 0.985


@pytest.mark.parametrize(
    ("right", "total", "verdict"),
    [(95, 100, "above"), (70, 100, "across"), (40, 100, "below"), (9, 9, "few")],
)
def test_a_verdict_compares_the_whole_interval_with_the_pass_mark(right, total, verdict):
    assert Tally(first=total, first_right=right).verdict == verdict
    if verdict != "few":
        assert domains(*[(right, total)] * 4).verdict == verdict


# The tallies


def test_each_kind_of_evidence_is_counted_apart(learner):
    a, b, c = bank(t22=3)
    practised(learner, [a, b], right=1, at=NOW - 9 * DAY)
    practised(learner, [a], right=1, at=NOW - 5 * DAY)
    examined(learner, [b, c], right=2, at=NOW - 2 * DAY)

    (cell,) = mastery.of(learner, NOW).cells

    assert (cell.pattern, cell.task, cell.days_ago, cell.is_stale) == ("circuit-breaker", "2.2", 2, False)
    tally = cell.tally
    assert (tally.first_right, tally.first) == (2, 3)  # c was new in the exam
    assert (tally.review_right, tally.review) == (1, 1)
    assert (tally.exam_right, tally.exam) == (2, 2)


def test_a_question_on_two_patterns_is_in_both_rows_and_once_in_its_domain(learner):
    questions = save(entry(id="a", stem="A?", patterns=["circuit-breaker", "bulkhead"], task="3.2"))
    practised(learner, questions, right=1)

    told = mastery.of(learner, NOW)

    assert [(title, [cell and cell.tally.first for cell in cells]) for title, cells in told.rows] == [
        ("Bulkhead", [1]),
        ("Circuit breaker", [1]),
    ]
    assert told.tasks == ["3.2"]
    assert told.per_domain[3].first == 1
    assert told.readiness.answers == 1


def test_a_question_on_no_pattern_has_a_row_of_its_own(learner):
    practised(learner, save(entry(id="a", stem="A?", patterns=[], task="1.1")), right=1)

    assert [title for title, _ in mastery.of(learner, NOW).rows] == ["No pattern"]


def test_what_was_only_read_after_an_exam_is_no_evidence(learner):
    (a,) = bank(t22=1)
    attempt = Attempt.objects.create(
        learner=learner, kind=Attempt.Kind.DRILL, complete=True, length=1, deadline_at=NOW, closed_at=NOW
    )
    item = AttemptItem.objects.create(attempt=attempt, number=1, question=a, shown=[0, 1, 2, 3], scored=True)
    Answer.objects.create(
        item=item, learner=learner, question=a, shown=[0], chosen=[], correct=False, first_exposure=False
    )

    told = mastery.of(learner, NOW)

    assert told.cells == []
    assert told.unseen_per_domain[2] == 1


def test_evidence_older_than_a_month_is_marked(learner):
    practised(learner, bank(t22=1), right=1, at=NOW - 31 * DAY)

    assert mastery.of(learner, NOW).cells[0].is_stale


def test_the_answers_of_others_count_for_nothing(learner):
    practised(User.objects.create_guest(), bank(t22=2), right=2)

    told = mastery.of(learner, NOW)

    assert told.cells == []
    assert all(row.first == 0 for row in told.calibration)


def test_certainty_is_held_against_first_answers_and_repeats_apart(learner):
    questions = bank(t22=12)
    practised(learner, questions, right=9, at=NOW - 3 * DAY)
    practised(learner, questions[:4], right=1, certainty=Certainty.GUESS)
    examined(learner, questions[:2], right=2)

    told = {row.certainty: row for row in mastery.of(learner, NOW).calibration}

    assert list(told) == [Certainty.GUESS, Certainty.UNSURE, Certainty.SURE]
    assert told[Certainty.SURE] == Calibration(Certainty.SURE, 12, 9, 0, 0)
    assert told[Certainty.GUESS] == Calibration(Certainty.GUESS, 0, 0, 4, 1)
    assert told[Certainty.SURE].interval_percent == pytest.approx((46.8, 91.1), abs=0.05)
    assert told[Certainty.GUESS].interval_percent is None


def test_it_takes_four_queries_whatever_there_is(learner, django_assert_num_queries):
    questions = bank(t22=8, t31=8)
    practised(learner, questions, right=9)

    with django_assert_num_queries(4):
        mastery.of(learner, NOW)


# What to do next


def steps(learner, now=NOW):
    return advice.next_steps(learner, mastery.of(learner, now), now)


def test_what_is_due_comes_first_with_its_reason(learner):
    questions = bank(t22=2)
    practised(learner, questions, right=0, at=NOW - 3 * DAY, certainty=Certainty.UNSURE)

    first = steps(learner)[0]

    assert (first.what, first.address) == ("Review 2 questions", reverse("reviews"))
    assert "due today" in first.why


def test_what_one_was_wrongly_sure_of_is_named_until_it_is_put_right(learner):
    questions = bank(t22=2)
    practised(learner, questions[:1], right=0)
    what = "Go over 1 question you were sure of and had wrong"
    assert what in [step.what for step in steps(learner)]

    practised(learner, questions[:1], right=1, at=NOW + DAY)

    assert what not in [step.what for step in steps(learner, NOW + DAY)]


def test_the_domain_that_costs_most_of_the_exam_is_named_with_the_numbers(learner):
    questions = bank(t22=12, t31=12)
    practised(learner, questions[:10], right=9)
    practised(learner, questions[12:22], right=5)

    (step,) = [step for step in steps(learner) if step.what.startswith("New questions on")]

    assert step.what == "New questions on Design High-Performing Architectures"
    assert "5 of 10 right at first sight, and it is 24 % of the exam: about 12 of 100 points" in step.why
    assert step.address.endswith("?domain=3&history=unseen")


def test_a_domain_with_too_few_answers_is_proposed_only_where_there_are_questions(learner):
    bank(t22=3, t41=3)

    (step,) = [step for step in steps(learner) if step.what.startswith("A first look")]

    assert step.what == "A first look at Design Resilient Architectures"
    assert "26 % of the exam, and there are 0 first answers on it: a range takes 10." in step.why


def test_luck_is_to_be_turned_into_knowledge(learner):
    questions = bank(t22=1)
    practised(learner, questions, right=1, certainty=Certainty.GUESS, at=NOW)

    assert "Turn 1 question from guessed to known" in [step.what for step in steps(learner)]


def test_an_exam_is_proposed_once_every_domain_is_known_a_little_and_none_was_sat_lately(learner):
    questions = bank(t11=10, t22=10, t31=10, t41=10)
    practised(learner, questions, right=40)
    StudySettings.objects.create(learner=learner, reviews_per_day=0)
    what = "Sit an exam against the clock"
    assert [step.what for step in steps(learner)] == [what]

    examined(learner, questions[:1], right=1, at=NOW - DAY)

    assert what not in [step.what for step in steps(learner)]


def test_there_are_never_more_than_a_few_steps(learner):
    questions = bank(t11=12, t22=12, t31=3, t41=3)
    practised(learner, questions[:11], right=5, at=NOW - 9 * DAY)
    practised(learner, questions[12:14], right=2, at=NOW - 9 * DAY, certainty=Certainty.GUESS)

    assert len(steps(learner)) == advice.MOST


# The page


@pytest.mark.django_db
def test_someone_new_sees_where_to_begin(client):
    page = client.get(reverse("mastery"))

    assert "Start practising" in text(page)
    assert not User.objects.exists()


def test_a_few_answers_are_shown_and_said_to_be_too_few(visitor, learner):
    practised(learner, bank(t22=12)[:3], right=2)

    page = text(visitor.get(reverse("mastery")))

    assert "Not enough evidence yet: it takes 10 first answers in each of the four domains" in page
    assert "Design Secure Architectures has 0, Design Resilient Architectures has 3, " in page
    assert "2/3 right; not enough evidence" in page
    assert "What to do next" in page
    assert "Sure 2 of 3, 67 % not enough evidence 0 of 0" in page


def test_readiness_is_told_with_its_interval_its_answers_and_the_pass_mark(visitor, learner):
    practised(learner, bank(t11=10, t22=10, t31=10, t41=10), right=40)

    page = text(visitor.get(reverse("mastery")))

    assert "100 % right at first sight in the exam’s mixture; 95 % interval" in page
    assert "from 40 first answers." in page
    assert "All of that interval lies above the pass mark: 720 of 1000" in page
    assert "no probability of passing" in page


def test_the_page_takes_a_bounded_number_of_queries(visitor, learner, django_assert_max_num_queries):
    questions = bank(t11=10, t22=10, t31=10, t41=12)
    practised(learner, questions[:40], right=30, at=NOW - 9 * DAY)

    with django_assert_max_num_queries(22):
        visitor.get(reverse("mastery"))
