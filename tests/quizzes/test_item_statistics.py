from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import User
from quizzes import attempts, item_statistics
from quizzes.item_statistics import discriminations, facility, of_forms, of_questions, option_shares, reliability
from quizzes.models import Answer, Attempt, PracticeSession, Question, Report
from tests.quizzes.conftest import RESPONSE, entry, many, save
from tests.quizzes.exams import bank, begun, item_of, right, wrong

# Four people, three questions; worked by hand below.
GUTTMAN = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=float)


def long(scores):
    """People by items as three arrays, without what is nan."""
    people, items = np.nonzero(~np.isnan(scores))
    return people, items, scores[people, items]


def least(scores, least_others=1, enough=1):
    people, items, right = long(scores)
    return discriminations(people, items, right, least_others, enough)


def reliable(scores, length):
    told = reliability(scores, length)
    assert told
    return told


# The formulas -------------------------------------------------------------------------------------------------------


def test_facility_is_the_share_right_from_twenty_answers_on():
    assert facility(15, 20) == 0.75
    assert facility(15, 19) is None
    assert facility(0, 0) is None


def test_discrimination_by_hand():
    """Rest scores of the first item are 2, 1, 0, 0: its r is 0.75 / sqrt(0.75 * 2.75). The third's are 2, 2, 1, 0."""
    first, second, third = least(GUTTMAN)

    assert first == pytest.approx(0.75 / sqrt(0.75 * 2.75))
    assert second == pytest.approx(1 / sqrt(1 * 2))
    assert third == pytest.approx(0.75 / sqrt(0.75 * 2.75))


def test_a_reversed_key_turns_the_correlation_round():
    turned = GUTTMAN.copy()
    turned[:, 1] = 1 - turned[:, 1]

    assert least(turned)[1] == pytest.approx(-least(GUTTMAN)[1])


def test_an_item_everybody_has_right_discriminates_nothing():
    scores = np.column_stack([GUTTMAN, np.ones(4)])

    assert np.isnan(least(scores)[3])


@pytest.mark.parametrize("seed", range(5))
def test_discrimination_is_numpys_correlation_with_the_mean_of_the_rest(seed):
    random = np.random.default_rng(seed)
    scores = (random.random((60, 1)) + random.random((60, 12)) > 1).astype(float)
    scores[random.random(scores.shape) < 0.3] = np.nan

    for item, measured in enumerate(least(scores, least_others=5, enough=20)):
        others = np.delete(scores, item, axis=1)
        people = ~np.isnan(scores[:, item]) & ((~np.isnan(others)).sum(axis=1) >= 5)
        rest = np.nanmean(others[people], axis=1)
        assert measured == pytest.approx(np.corrcoef(scores[people, item], rest)[0, 1])


def test_people_with_few_other_answers_and_items_with_few_people_are_left_out():
    assert np.isnan(least(GUTTMAN, least_others=3)).all()
    assert np.isnan(least(GUTTMAN, enough=5)).all()


def test_no_answers_give_no_correlations():
    none = np.array([], dtype=int)

    assert discriminations(none, none, none.astype(float)).size == 0


def test_shares_are_of_those_who_chose_anything():
    assert option_shares({(0,): 15, (2,): 5, (): 80}, 4) == [0.75, 0, 0.25, 0]
    assert option_shares({(0, 1): 10, (0, 2): 10}, 3) == [1, 0.5, 0.5]
    assert option_shares({(0,): 19, (): 80}, 2) == [None, None]


def test_alpha_and_its_error_by_hand():
    """Item variances 1/4, 1/3, 1/4 and that of the totals 3, 2, 1, 0 is 5/3: alpha = 3/2 * (1 - (5/6) / (5/3))."""
    alpha, error = reliable(GUTTMAN, 3)

    assert alpha == pytest.approx(0.75)
    assert error == pytest.approx(sqrt(5 / 3) * sqrt(1 - 0.75))


@pytest.mark.parametrize("seed", range(5))
def test_alpha_of_complete_answers_is_the_textbooks(seed):
    random = np.random.default_rng(seed)
    scores = (random.random((40, 1)) + random.random((40, 7)) > 1).astype(float)
    of_items, of_total = scores.var(axis=0, ddof=1).sum(), scores.sum(axis=1).var(ddof=1)

    alpha, error = reliable(scores, 7)

    assert alpha == pytest.approx(7 / 6 * (1 - of_items / of_total))
    assert error == pytest.approx(sqrt(of_total * (1 - alpha)))


def test_alpha_of_drawn_forms_comes_close_to_that_of_the_whole():
    random = np.random.default_rng(7)
    whole = (random.random((4_000, 1)) + random.random((4_000, 20)) > 1).astype(float)
    drawn = whole.copy()
    for person in drawn:
        person[random.permutation(20)[10:]] = np.nan

    assert reliable(drawn, 20)[0] == pytest.approx(reliable(whole, 20)[0], abs=0.01)


@pytest.mark.parametrize("scores", [np.ones((30, 4)), np.full((3, 2), np.nan), GUTTMAN[:1], GUTTMAN[:, :1]])
def test_alpha_is_not_told_where_it_is_not_defined(scores):
    assert reliability(scores, scores.shape[1]) is None


# The bank -----------------------------------------------------------------------------------------------------------


def answered(questions: list[Question], chosen: list[list[int]], learner: User | None = None) -> User:
    """Somebody's first answers, one per question."""
    learner = learner or User.objects.create_guest()
    session = PracticeSession.objects.create(learner=learner, question_ids=[q.id for q in questions])
    Answer.objects.bulk_create(
        Answer(
            session=session,
            learner=learner,
            question=question,
            shown=list(range(len(question.options))),
            chosen=places,
            certainty="sure",
            correct=set(places) == question.keys,
            first_exposure=True,
        )
        for question, places in zip(questions, chosen, strict=True)
    )
    return learner


@pytest.mark.django_db
def test_nothing_is_told_of_a_question_below_twenty_first_answers_and_it_is_weak_below_a_hundred():
    (question,) = save(entry())
    for _ in range(19):
        answered([question], [[0]])

    (before,) = of_questions([question])
    answered([question], [[1]])
    (after,) = of_questions([question])

    assert (before.answers, before.facility, before.has_enough, before.is_weak) == (19, None, False, False)
    assert {option.share for option in before.options} == {None}
    assert (after.answers, after.facility, after.has_enough, after.is_weak) == (20, 0.95, True, True)
    assert [option.share for option in after.options] == [0.95, 0.05, 0, 0]
    assert [option.is_dead for option in after.options] == [False, False, True, True]


@pytest.mark.django_db
def test_only_first_exposures_count():
    (question,) = save(entry())
    for _ in range(20):
        answered([question], [[0]])
    Answer.objects.filter(pk__in=list(Answer.objects.values_list("pk", flat=True)[:5])).update(first_exposure=False)

    assert of_questions([question])[0].answers == 15


@pytest.mark.django_db
def test_a_question_that_those_who_know_more_get_wrong_is_flagged():
    questions = save(*many(6))
    for learner in range(24):
        knows = learner < 12
        good, bad = [0], [1 + learner % 3]
        answered(questions, [good if knows else bad] * 5 + [bad if knows else good])

    told = of_questions(questions)

    assert told[5].discrimination == pytest.approx(-1)
    assert [item.key_may_be_wrong for item in told] == [False] * 5 + [True]


@pytest.mark.django_db
def test_several_right_options_have_a_share_each():
    (question,) = save(entry(RESPONSE))
    for learner in range(20):
        answered([question], [[0, 1] if learner < 15 else [0, 2]])

    (told,) = of_questions([question])

    assert told.facility == 0.75
    assert [option.share for option in told.options] == [1, 0.75, 0.25, 0, 0]
    assert told.dead == 2


@pytest.mark.django_db
def test_open_reports_are_counted(learner):
    (question,) = save(entry())
    Report.objects.create(learner=learner, question=question, kind="key")
    Report.objects.create(learner=learner, question=question, kind="key", resolved_at=timezone.now())

    assert of_questions([question])[0].open_reports == 1


@pytest.mark.django_db
def test_a_form_is_told_of_from_twenty_people_on_by_the_first_attempt_of_each(django_assert_num_queries):
    questions = bank(t22=4)
    for person in range(20):
        learner = User.objects.create_guest()
        for known in [person % 5, 0] if person < 2 else [person % 5]:
            attempt = begun(learner, Attempt.Kind.DRILL, "circuit-breaker")
            for number in range(1, 5):
                item = item_of(attempt, number)
                attempts.open_item(item)
                place = [question.id for question in questions].index(item.question_id)
                item.chosen = right(item) if place < known else wrong(item)
                item.save()
            attempts.submit(attempt.pk, learner)
        if person == 18:
            (before,) = of_forms()

    with django_assert_num_queries(1):
        (after,) = of_forms()

    assert (before.people, before.alpha, before.error) == (19, None, None)
    expected = reliable(np.array([[float(place < person % 5) for place in range(4)] for person in range(20)]), 4)
    assert (after.title, after.people, after.length) == ("Pattern drill: Circuit breaker", 20, 4)
    assert (after.alpha, after.error) == pytest.approx(expected)
    assert after.error_percent == pytest.approx(25 * expected[1])
    assert after.is_weak


@pytest.mark.django_db
def test_the_whole_bank_takes_three_queries(django_assert_num_queries):
    questions = save(*many(30))
    for _ in range(3):
        answered(questions, [[0]] * 30)

    with django_assert_num_queries(3):
        assert len(of_questions(questions)) == 30


def test_the_limits_are_those_that_are_promised():
    assert (item_statistics.ENOUGH_ANSWERS, item_statistics.STRONG_ANSWERS) == (20, 100)
    assert item_statistics.DEAD_SHARE == 0.05
