"""What tests of exams share: a bank by domain, an attempt, and answers in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import User
from quizzes import attempts, exams
from quizzes.attempts import Change
from quizzes.models import Attempt, AttemptItem, Question
from tests.quizzes.conftest import entry, save

START = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def bank(**per_task: int) -> list[Question]:
    """A bank with so many questions per task: `bank(t11=3, t22=10)`."""
    made = []
    for name, count in per_task.items():
        task = f"{name[1]}.{name[2]}"
        made += [entry(id=f"q-{name[1:]}-{n:03}", stem=f"{task}, {n}: what fits?", task=task) for n in range(count)]
    return save(*made)


def begun(learner: User, *args: Any, **options: Any) -> Attempt:
    """The attempt that began: there is one."""
    attempt = exams.begin(learner, *args, **options)
    assert attempt
    return attempt


def sit_exam(learner: User, questions: int = 4, now: datetime = START) -> Attempt:
    """A running drill on the circuit breaker, from a bank of its own."""
    bank(t22=questions)
    return begun(learner, Attempt.Kind.DRILL, "circuit-breaker", now=now)


def item_of(attempt: Attempt, number: int = 1) -> AttemptItem:
    return AttemptItem.objects.select_related("question", "attempt").get(attempt=attempt, number=number)


def right(item: AttemptItem) -> list[int]:
    return sorted(item.question.keys)


def wrong(item: AttemptItem) -> list[int]:
    return [min(set(item.shown) - item.question.keys)]


def choose(
    attempt: Attempt,
    number: int,
    value: Any,
    sequence: int = 1,
    after: timedelta = timedelta(minutes=1),
    field: str = "chosen",
) -> attempts.Outcome:
    """Save one change that was made, and arrived, so long after the start."""
    made_at = attempt.started_at + after
    learner = Attempt.objects.select_related("learner").get(pk=attempt.pk).learner
    saved = attempts.save(attempt.pk, learner, [Change(number, sequence, field, value, made_at)], now=made_at)
    return saved.outcomes[0]
