"""Marks, reports and study settings: moved from a guest to an account, exported, and a reason to keep a guest."""

from __future__ import annotations

import json
from datetime import date

import pytest

from accounts.models import User
from accounts.services import merge_guest
from quizzes import keeping
from quizzes.models import Mark, Report, StudySettings


@pytest.fixture
def user(db):
    return User.objects.create_user("ada@example.org", "four quiet owls at noon")


def test_a_merge_moves_marks_reports_and_settings(choice, learner, user):
    Mark.objects.create(learner=learner, question=choice, flagged=True, note="read again")
    Report.objects.create(learner=learner, question=choice, kind=Report.Kind.UNCLEAR, text="which one?")
    StudySettings.objects.create(learner=learner, exam_date=date(2027, 1, 15))

    merge_guest(learner, user)

    assert Mark.objects.get().learner == user
    assert Report.objects.get().learner == user
    assert StudySettings.objects.get().learner == user


@pytest.mark.parametrize(
    ("mine", "theirs", "merged"),
    [
        ((True, "a"), (False, "b"), (True, "b\na")),
        ((False, "a"), (False, "a"), (False, "a")),
        ((True, ""), (False, "b"), (True, "b")),
        ((False, "a"), (True, ""), (True, "a")),
    ],
)
def test_a_question_both_have_marked_keeps_both_marks(choice, learner, user, mine, theirs, merged):
    Mark.objects.create(learner=learner, question=choice, flagged=mine[0], note=mine[1])
    Mark.objects.create(learner=user, question=choice, flagged=theirs[0], note=theirs[1])

    merge_guest(learner, user)

    mark = Mark.objects.get()
    assert (mark.learner, (mark.flagged, mark.note)) == (user, merged)


def test_what_the_account_had_set_holds(choice, learner, user):
    StudySettings.objects.create(learner=learner, exam_date=date(2027, 1, 15))
    StudySettings.objects.create(learner=user, desired_retention=0.85)

    merge_guest(learner, user)

    kept = StudySettings.objects.get()
    assert (kept.learner, kept.exam_date, kept.desired_retention) == (user, None, 0.85)


@pytest.mark.parametrize("kept", ["mark", "report", "settings"])
def test_whoever_marked_reported_or_set_something_is_not_empty_handed(choice, learner, user, kept):
    if kept == "mark":
        Mark.objects.create(learner=learner, question=choice, flagged=True)
    elif kept == "report":
        Report.objects.create(learner=learner, question=choice, kind=Report.Kind.OTHER)
    else:
        StudySettings.objects.create(learner=learner)

    assert list(keeping.empty_handed(User.objects.all())) == [user]


def test_an_export_tells_marks_reports_and_settings(choice, learner):
    Mark.objects.create(learner=learner, question=choice, note="read again")
    Report.objects.create(learner=learner, question=choice, kind=Report.Kind.KEY, text="B fits too")
    StudySettings.objects.create(learner=learner, exam_date=date(2027, 1, 15))

    told = json.loads(json.dumps(keeping.export(learner)))

    assert [(mark["question"], mark["note"]) for mark in told["marks"]] == [(choice.id, "read again")]
    assert [(report["kind"], report["text"]) for report in told["reports"]] == [("key", "B fits too")]
    assert told["study_settings"]["exam_date"] == "2027-01-15"
