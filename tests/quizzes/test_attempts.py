from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services import merge_guest
from quizzes import attempts, history, practice
from quizzes.attempts import GRACE, Change, Outcome
from quizzes.choosing import Choice, matching
from quizzes.models import Answer, Attempt, AttemptChange, AttemptItem, Certainty, PracticeSession, Question
from tests.quizzes.conftest import answer_rightly, answer_wrongly
from tests.quizzes.exams import START, choose, item_of, right, sit_exam, wrong
from tests.quizzes.test_practice import at_once

MINUTE = timedelta(minutes=1)


@pytest.fixture
def attempt(learner) -> Attempt:
    return sit_exam(learner)


def close_at(attempt, moment, **options):
    attempts.close(attempt.pk, moment, **options)
    attempt.refresh_from_db()


# Keeping


def test_a_change_is_kept_and_logged(attempt):
    outcome = choose(attempt, 1, [2], sequence=5)

    item = item_of(attempt)
    assert outcome == Outcome.KEPT
    assert (item.chosen, item.chosen_sequence, item.chosen_at) == ([2], 5, START + MINUTE)
    (change,) = AttemptChange.objects.all()
    assert (change.item, change.sequence, change.field, change.value) == (item, 5, "chosen", [2])


def test_the_same_change_again_is_acknowledged_and_changes_nothing(attempt):
    outcomes = [choose(attempt, 1, [2]), choose(attempt, 1, [2])]

    assert outcomes == [Outcome.KEPT, Outcome.REPEATED]
    assert AttemptChange.objects.count() == 1


def test_an_older_change_is_logged_and_overwrites_nothing(attempt):
    outcomes = [choose(attempt, 1, [2], sequence=5), choose(attempt, 1, [3], sequence=4)]

    assert outcomes == [Outcome.KEPT, Outcome.KEPT]
    assert item_of(attempt).chosen == [2]
    assert AttemptChange.objects.count() == 2


def test_a_flag_from_one_tab_does_not_undo_an_answer_from_another(attempt):
    choose(attempt, 1, [2], sequence=4)
    choose(attempt, 1, True, sequence=5, field="flagged")

    item = item_of(attempt)
    assert (item.chosen, item.flagged) == ([2], True)


def test_another_change_under_a_taken_number_is_told_so_and_not_kept(attempt):
    outcomes = [choose(attempt, 1, [2], sequence=5), choose(attempt, 1, [3], sequence=5)]

    assert outcomes == [Outcome.KEPT, Outcome.TAKEN]
    assert item_of(attempt).chosen == [2]


def test_times_add_up_in_any_order_and_once_each(attempt):
    for sequence in (9, 3, 9):
        choose(attempt, 1, 1500, sequence=sequence, field="spent_ms")

    assert item_of(attempt).spent_ms == 3000


@pytest.mark.parametrize(
    "change",
    [
        {"number": 99, "value": [1]},
        {"value": [4]},
        {"value": [1, 1]},
        {"value": [True]},
        {"value": "1"},
        {"value": None},
        {"field": "flagged", "value": 1},
        {"field": "guessed", "value": "yes"},
        {"field": "spent_ms", "value": -1},
        {"field": "spent_ms", "value": True},
        {"field": "scored", "value": True},
        {"sequence": 0, "value": [1]},
        {"sequence": 2**53, "value": [1]},
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_no_trace(attempt, learner, change):
    asked = Change(**({"number": 1, "sequence": 1, "field": "chosen", "made_at": None} | change))

    assert attempts.save(attempt.pk, learner, [asked], now=START).outcomes == [Outcome.REFUSED]
    assert not AttemptChange.objects.exists()


def test_one_refused_change_does_not_hold_up_the_others(attempt, learner):
    changes = [Change(1, 1, "chosen", [9]), Change(1, 2, "chosen", [2])]

    assert attempts.save(attempt.pk, learner, changes, now=START).outcomes == [Outcome.REFUSED, Outcome.KEPT]
    assert item_of(attempt).chosen == [2]


def test_nobody_else_can_save(attempt):
    with pytest.raises(attempts.AttemptIsGone):
        attempts.save(attempt.pk, User.objects.create_guest(), [Change(1, 1, "chosen", [1])], now=START)


# The deadline


@pytest.mark.parametrize(
    ("made_s", "arrived_s", "outcome"),
    [
        (-1, 59, Outcome.KEPT),
        (0, 60, Outcome.KEPT),
        (1, 2, Outcome.LATE),
        (-1, 61, Outcome.LATE),
        (-3600, 61, Outcome.LATE),
    ],
)
def test_what_was_made_in_time_counts_when_it_arrives_within_the_grace(attempt, learner, made_s, arrived_s, outcome):
    made_at, now = (attempt.deadline_at + timedelta(seconds=s) for s in (made_s, arrived_s))

    outcomes = attempts.save(attempt.pk, learner, [Change(1, 1, "chosen", [1], made_at)], now=now).outcomes

    assert outcomes == [outcome]
    assert item_of(attempt).chosen == ([1] if outcome == Outcome.KEPT else [])


@pytest.mark.parametrize("claimed", [timedelta(days=-9), timedelta(days=9)])
def test_a_browser_whose_clock_is_wrong_by_days_still_saves(attempt, learner, claimed):
    now = START + MINUTE

    outcomes = attempts.save(attempt.pk, learner, [Change(1, 1, "chosen", [1], now + claimed)], now=now).outcomes

    assert outcomes == [Outcome.KEPT]
    assert START <= AttemptChange.objects.get().made_at <= now


def test_an_attempt_is_open_during_the_grace_and_closed_by_the_first_read_after_it(attempt):
    mine = Attempt.objects.all()

    within = attempts.read(mine, attempt.pk, attempt.deadline_at + GRACE)
    after = attempts.read(mine, attempt.pk, attempt.deadline_at + GRACE + timedelta(seconds=1))

    assert within
    assert after
    assert within.closed_at is None
    assert after.closed_at == attempt.deadline_at
    assert after.submitted_at is None


def test_closing_again_changes_nothing(attempt):
    choose(attempt, 1, right(item_of(attempt)))
    close_at(attempt, START + 2 * MINUTE, submitted=True)
    before = list(Answer.objects.values())

    close_at(attempt, START + 99 * MINUTE)

    assert list(Answer.objects.values()) == before
    assert attempt.closed_at == attempt.submitted_at == START + 2 * MINUTE


def test_after_submitting_nothing_is_kept_any_more(attempt):
    close_at(attempt, START + MINUTE, submitted=True)

    assert choose(attempt, 1, [1], after=2 * MINUTE) == Outcome.LATE
    assert item_of(attempt).chosen == []


def test_scoring_is_all_or_nothing_and_unanswered_is_wrong(attempt):
    for number, pick in ((1, right), (2, wrong)):
        choose(attempt, number, pick(item_of(attempt, number)))

    close_at(attempt, START + 5 * MINUTE)

    assert [item.correct for item in attempt.items.all()] == [True, False, False, False]


# First exposures


def test_a_closed_exam_leaves_an_answer_for_each_item_that_was_opened(attempt):
    choose(attempt, 1, right(item_of(attempt, 1)))
    choose(attempt, 1, True, sequence=2, field="guessed")
    attempts.open_item(item_of(attempt, 2), START)

    close_at(attempt, START + 5 * MINUTE)

    answers = Answer.objects.order_by("item__number")
    told = answers.values_list("item__number", "correct", "first_exposure", "certainty")
    assert list(told) == [
        (1, True, True, Certainty.GUESS),
        (2, False, True, ""),
    ]
    assert [a.answered_at for a in answers] == [START + MINUTE, START + 5 * MINUTE]


def test_a_question_once_practised_is_no_first_exposure_in_an_exam(attempt, learner, sit):
    item = item_of(attempt)
    kept = answer_wrongly(sit(item.question), item.question)
    Answer.objects.filter(pk=kept.pk).update(answered_at=START - MINUTE)
    choose(attempt, 1, right(item))

    close_at(attempt, START + 5 * MINUTE)

    assert not Answer.objects.get(item=item).first_exposure
    assert Answer.objects.get(pk=kept.pk).first_exposure


def test_a_question_answered_in_an_exam_is_no_first_exposure_in_practice(attempt, learner, sit):
    item = item_of(attempt)
    choose(attempt, 1, right(item))
    close_at(attempt, START + 5 * MINUTE)

    assert not answer_rightly(sit(item.question), item.question).first_exposure


@pytest.mark.parametrize(("settled", "in_exam"), [(1 * MINUTE, True), (3 * MINUTE, False)])
def test_of_an_exam_and_practice_at_the_same_time_the_earlier_settled_answer_is_first(attempt, sit, settled, in_exam):
    """Practice gives feedback: an exam's answer changed after that shows no longer what was known."""
    item = item_of(attempt)
    choose(attempt, 1, wrong(item), after=MINUTE / 2)
    choose(attempt, 1, right(item), sequence=2, after=settled)
    practised = answer_rightly(sit(item.question), item.question)
    Answer.objects.filter(pk=practised.pk).update(answered_at=START + 2 * MINUTE)

    close_at(attempt, START + 5 * MINUTE)

    practised.refresh_from_db()
    assert (Answer.objects.get(item=item).first_exposure, practised.first_exposure) == (in_exam, not in_exam)


def test_reading_an_unopened_question_afterwards_spoils_its_first_exposure_without_counting(attempt, learner, sit):
    close_at(attempt, START + 5 * MINUTE)
    item = item_of(attempt)

    attempts.reveal(item)
    attempts.reveal(item_of(attempt))
    later = answer_rightly(sit(item.question), item.question)

    assert [answer.first_exposure for answer in Answer.objects.filter(question=item.question)] == [False, False]
    assert not later.first_exposure


def test_a_question_that_was_only_read_was_not_wrong(attempt, learner):
    close_at(attempt, START + 5 * MINUTE)
    attempts.reveal(item_of(attempt))

    [row] = history.rows(learner)

    assert not matching(learner, Choice(history="wrong")).exists()
    assert item_of(attempt).question not in matching(learner, Choice(history="unseen"))
    assert (row["where"], row["correct"]) == (f"{attempt.title}, only read afterwards", None)
    assert list(history.as_csv(learner))[1].endswith(",,False\r\n") is False


# Guests and accounts


@pytest.fixture
def user(db):
    return User.objects.create_user("ada@example.org", "four quiet owls at noon")


def test_signing_in_during_an_exam_moves_it_and_it_goes_on(attempt, learner, user):
    choose(attempt, 1, [1])

    merge_guest(learner, user)
    outcome = choose(attempt, 2, [2])

    attempt.refresh_from_db()
    assert (attempt.learner, outcome) == (user, Outcome.KEPT)
    assert [item.chosen for item in attempt.items.all()][:2] == [[1], [2]]


@pytest.mark.parametrize("account_was_first", [True, False])
def test_an_exam_closed_after_a_merge_counts_first_exposures_of_the_account(
    attempt, learner, user, sit, account_was_first
):
    item = item_of(attempt)
    practised = answer_rightly(sit(item.question, of=user), item.question)
    moment = START if account_was_first else START + 9 * MINUTE
    Answer.objects.filter(pk=practised.pk).update(answered_at=moment)
    choose(attempt, 1, right(item))

    merge_guest(learner, user)
    close_at(attempt, START + 10 * MINUTE)

    practised.refresh_from_db()
    assert practised.first_exposure == account_was_first
    assert Answer.objects.get(item=item).first_exposure != account_was_first


@pytest.mark.parametrize("account_was_first", [True, False])
def test_a_merge_after_the_exam_keeps_the_earliest_first_exposure(attempt, learner, user, sit, account_was_first):
    item = item_of(attempt)
    practised = answer_rightly(sit(item.question, of=user), item.question)
    moment = START if account_was_first else START + 9 * MINUTE
    Answer.objects.filter(pk=practised.pk).update(answered_at=moment)
    choose(attempt, 1, right(item))
    close_at(attempt, START + 10 * MINUTE)

    merge_guest(learner, user)

    practised.refresh_from_db()
    assert practised.first_exposure == account_was_first
    assert Answer.objects.get(item=item).first_exposure != account_was_first
    assert set(Answer.objects.values_list("learner", flat=True)) == {user.pk}


def test_closing_starts_again_when_the_attempt_moves_to_an_account_meanwhile(attempt, learner, user, monkeypatch):
    choose(attempt, 1, [1])
    lock = User.objects.select_for_update
    moved: list[bool] = []

    def merged_first(*args, **options):
        if not moved:
            moved.append(True)
            Attempt.objects.filter(pk=attempt.pk).update(learner=user)
        return lock(*args, **options)

    monkeypatch.setattr(User.objects, "select_for_update", merged_first)
    close_at(attempt, START + MINUTE)

    assert Answer.objects.get().learner == user


def test_deleting_a_learner_deletes_their_attempts_and_no_question(attempt, learner):
    choose(attempt, 1, [1])
    close_at(attempt, START + 5 * MINUTE)

    learner.delete()

    assert not Attempt.objects.exists()
    assert not AttemptItem.objects.exists()
    assert not AttemptChange.objects.exists()
    assert not Answer.objects.exists()
    assert Question.objects.count() == 4


# At once


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_under_one_number_leave_one_and_a_refusal_to_mix_them(learner):
    attempt = sit_exam(learner, now=timezone.now())

    def send(value):
        return attempts.save(attempt.pk, learner, [Change(1, 7, "chosen", value)]).outcomes

    outcomes = at_once(lambda: send([1]), lambda: send([2]))

    assert sorted(outcome for (outcome,) in outcomes) == [Outcome.KEPT, Outcome.TAKEN]
    assert item_of(attempt).chosen == AttemptChange.objects.get().value


@pytest.mark.django_db(transaction=True)
def test_changes_and_closings_at_once_lose_nothing_that_was_acknowledged(learner):
    attempt = sit_exam(learner, now=timezone.now())

    def send(number):
        return number, attempts.save(attempt.pk, learner, [Change(number, 1, "chosen", [number - 1])]).outcomes

    def end():
        attempts.close(attempt.pk, submitted=True)
        return 0, [Outcome.LATE]

    results = at_once(*(lambda number=number: send(number) for number in (1, 2, 3)), end, end)

    kept = {number for number, (outcome,) in results if outcome == Outcome.KEPT}
    assert {item.number for item in attempt.items.all() if item.chosen} == kept
    assert set(Answer.objects.values_list("item__number", flat=True)) == kept


@pytest.mark.django_db(transaction=True)
def test_closing_and_practising_at_once_give_one_first_exposure(learner):
    attempt = sit_exam(learner, now=timezone.now())
    item = item_of(attempt)
    choose(attempt, 1, right(item), after=timedelta(seconds=0))
    session = PracticeSession.objects.create(learner=learner, question_ids=[item.question_id])

    at_once(
        lambda: attempts.close(attempt.pk, submitted=True),
        lambda: practice.record(session, item.question, [0], Certainty.SURE),
    )

    assert Answer.objects.filter(question=item.question, first_exposure=True).count() == 1
    assert Answer.objects.get(item=item).first_exposure


@pytest.mark.django_db(transaction=True)
def test_merging_and_closing_at_once_end_well(learner):
    user = User.objects.create_user("ada@example.org", "four quiet owls at noon")
    attempt = sit_exam(learner, now=timezone.now())
    choose(attempt, 1, [1], after=timedelta(seconds=0))

    at_once(lambda: merge_guest(learner, user), lambda: attempts.close(attempt.pk, submitted=True))

    attempt.refresh_from_db()
    assert attempt.learner == user
    assert attempt.closed_at
    assert Answer.objects.get().learner == user


def test_practice_leaves_what_a_running_exam_holds_for_last(attempt, learner):
    held = set(attempt.items.values_list("question_id", flat=True))
    Question.objects.create(
        **{name: getattr(item_of(attempt).question, name) for name in ("type", "stem", "options", "task", "sources")},
        id="free",
        difficulty=1,
    )

    during = practice.start(learner, practice.offered(), 2)
    close_at(attempt, START + 5 * MINUTE)
    after = practice.start(learner, practice.offered(), 5)

    assert during.question_ids[0] == "free"
    assert set(after.question_ids) == held | {"free"}
