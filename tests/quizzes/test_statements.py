"""Statements that are written out once do what Django's own would do."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import transaction

from quizzes.attempts import HELD
from quizzes.models import Attempt, AttemptChange, AttemptItem
from quizzes.statements import insert, select, update
from tests.quizzes.exams import item_of, sit_exam

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(learner) -> Attempt:
    return sit_exam(learner)


def test_rows_are_selected_by_equal_values_or_those_among_some(attempt, learner):
    with transaction.atomic():
        [found] = select(Attempt, lock=True, id=attempt.pk, learner=learner.pk)
    items = select(AttemptItem, attempt=attempt.pk, number=(1, 3, 99))

    assert {name: getattr(found, name) for name in vars(attempt) if not name.startswith("_")} == {
        name: value for name, value in vars(attempt).items() if not name.startswith("_")
    }
    assert sorted(item.number for item in items) == [1, 3]
    assert [item.shown for item in items] == [item_of(attempt, item.number).shown for item in items]
    assert list(select(AttemptItem, attempt=attempt.pk, number=())) == []
    assert list(select(Attempt, id=uuid4(), learner=learner.pk)) == []


def test_new_rows_are_inserted_and_others_updated(attempt):
    item = item_of(attempt)
    at = datetime(2027, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    rows = [
        AttemptChange(item=item, sequence=place, field="chosen", value=value, made_at=at, received_at=at)
        for place, value in enumerate([[0, 2], True, 7])
    ]
    item.chosen, item.chosen_sequence, item.chosen_at, item.flagged, item.spent_ms = [0, 2], 5, at, True, 12

    insert(rows)
    update(item, HELD)

    assert list(AttemptChange.objects.values_list("sequence", "value", "made_at")) == [
        (0, [0, 2], at),
        (1, True, at),
        (2, 7, at),
    ]
    kept = item_of(attempt)
    assert [getattr(kept, name) for name in HELD] == [getattr(item, name) for name in HELD]
    assert not AttemptItem.objects.exclude(pk=item.pk).filter(flagged=True).exists()


def test_nothing_to_insert_is_nothing(attempt):
    insert([])

    assert not AttemptChange.objects.exists()
