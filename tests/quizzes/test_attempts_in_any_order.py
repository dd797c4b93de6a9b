"""Two tabs, any order, repeats, wrong clocks, a submission at any time: what stands is what was acknowledged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from quizzes import attempts
from quizzes.attempts import GRACE, Change, Outcome
from quizzes.models import Answer, Attempt, AttemptChange, Question
from quizzes.practice import is_right
from tests.quizzes.exams import START, bank

pytestmark = pytest.mark.django_db

ITEMS = 2
FIELDS = ("chosen", "flagged", "guessed")
EMPTY = {"chosen": [], "flagged": False, "guessed": False}
CHOSEN = [("chosen", value) for value in ([], [0], [1], [2])]
# Most changes are of one kind, so that they meet.
VALUES = st.sampled_from([*CHOSEN, *CHOSEN, ("flagged", True), ("flagged", False), ("guessed", True)])
# Item, sequence number, field and value, and by how much the browser's clock is wrong.
CHANGES = st.lists(
    st.tuples(st.integers(1, ITEMS), st.integers(1, 8), VALUES, st.sampled_from([0, 0, 0, -7200, -30, 30, 7200])),
    min_size=3,
    max_size=8,
)


class Sitting(RuleBasedStateMachine):
    """A sitting as its server must see it, against the plainest account: what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.learner = User.objects.create_guest()
        self.questions = list(Question.objects.order_by("id")[:ITEMS])
        self.attempt = begin(self.learner, self.questions)
        self.now = START
        self.made: list[Change] = []
        self.acknowledged: dict[tuple[int, int], tuple[str, object]] = {}
        self.closed = False
        self.score: list[tuple[int, bool]] = []

    @initialize(changes=CHANGES)
    def tabs_begin(self, changes):
        self.tabs_make_changes(changes)

    @rule(changes=CHANGES)
    def tabs_make_changes(self, changes):
        for number, sequence, (field, value), clock_wrong_s in changes:
            made_at = self.now + timedelta(seconds=clock_wrong_s)
            self.made.append(Change(number, sequence, field, value, made_at))

    @rule(data=st.data())
    def some_changes_arrive(self, data):
        """In any order, many at a time, and any of them again."""
        batch = data.draw(st.lists(st.sampled_from(self.made), min_size=1, max_size=8))
        expected = [self.expected(change) for change in batch]

        assert attempts.save(self.attempt.pk, self.learner, batch, self.now).outcomes == expected

    @rule(seconds=st.sampled_from([1, 30, 60, 61, 130]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule()
    def somebody_reads_it(self):
        read = attempts.read(Attempt.objects.all(), self.attempt.pk, self.now)

        self.closed = self.closed or self.now > self.attempt.deadline_at + GRACE
        assert read
        assert (read.closed_at is not None) == self.closed

    # Early ends make short stories.
    @precondition(lambda self: len(self.made) > 8)
    @rule()
    def it_is_submitted(self):
        attempts.submit(self.attempt.pk, self.learner, self.now)
        self.closed = True

    @invariant()
    def what_stands_is_the_newest_that_was_acknowledged(self):
        for item in self.attempt.items.all():
            for field in FIELDS:
                mine = {
                    sequence: value
                    for (number, sequence), (named, value) in self.acknowledged.items()
                    if (number, named) == (item.number, field)
                }
                expected = mine[max(mine)] if mine else EMPTY[field]
                assert getattr(item, field) == expected, (item.number, field)

    @invariant()
    def the_log_holds_exactly_what_was_acknowledged(self):
        log = AttemptChange.objects.filter(item__attempt=self.attempt)
        assert {
            (c.item.number, c.sequence): (c.field, c.value) for c in log.select_related("item")
        } == self.acknowledged

    @invariant()
    def a_closed_sitting_is_scored_once_and_for_good(self):
        score = list(Answer.objects.filter(item__attempt=self.attempt).order_by("id").values_list("id", "correct"))
        if not self.closed:
            assert score == []
            return
        self.score = self.score or score
        assert score == self.score
        for item in self.attempt.items.select_related("question"):
            assert item.correct == is_right(item.question.keys, item.chosen)

    def expected(self, change: Change) -> Outcome:
        """What must become of a change that arrives now; keeps account of it."""
        deadline = self.attempt.deadline_at
        key, content = (change.number, change.sequence), (change.field, change.value)
        if self.closed or self.now > deadline + GRACE:
            return Outcome.LATE
        if key in self.acknowledged:
            return Outcome.REPEATED if self.acknowledged[key] == content else Outcome.TAKEN
        if change.made_at and min(change.made_at, self.now) > deadline:
            return Outcome.LATE
        self.acknowledged[key] = content
        return Outcome.KEPT


def begin(learner: User, questions: list[Question]) -> Attempt:
    attempt = Attempt.objects.create(
        learner=learner,
        kind=Attempt.Kind.DRILL,
        complete=True,
        length=len(questions),
        started_at=START,
        deadline_at=START + timedelta(minutes=3),
    )
    for number, question in enumerate(questions, start=1):
        attempt.items.create(number=number, question=question, shown=[0, 1, 2, 3], scored=True)
    return attempt


def run(examples: int) -> None:
    few = settings(
        max_examples=examples,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
        print_blob=False,
    )
    run_state_machine_as_test(Sitting, settings=few)


def test_no_order_of_events_loses_or_revives_an_answer():
    bank(t22=ITEMS)

    run(120)


def test_the_last_write_winning_would_be_found(monkeypatch):
    bank(t22=ITEMS)
    monkeypatch.setattr(attempts, "is_newer", lambda sequence, than: True)

    with pytest.raises(AssertionError):
        run(200)
