"""What a learner notes on a question: a flag, a few words to themselves, a report that something is wrong with it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from quizzes.models import Mark, Question, Report
from quizzes.practice import LearnerIsGone

LONGEST_TEXT = 2_000
MOST_OPEN_REPORTS = 3


def told_of(learner: User | int | None, question: Question) -> dict[str, Any]:
    """What the marks of a question show: the learner's mark or an empty one, and their reports with the replies."""
    mark = Mark.objects.filter(learner=learner, question=question).first() if learner else None
    reports = list(Report.objects.filter(learner=learner, question=question)) if learner else []
    unresolved = sum(report.resolved_at is None for report in reports)
    return {
        "mark": mark or Mark(question=question),
        "reports": reports,
        "may_report": unresolved < MOST_OPEN_REPORTS,
        "report_kinds": Report.Kind,
        "longest_text": LONGEST_TEXT,
    }


def keep(learner: User, question: Question, flagged: bool | None = None, note: str | None = None) -> Mark:
    """Set the flag, the note, or both; None leaves one as it is. A mark that holds nothing is not kept."""
    with transaction.atomic():
        _lock(learner)
        mark = Mark.objects.filter(learner=learner, question=question).first() or Mark(
            learner=learner, question=question
        )
        mark.flagged = mark.flagged if flagged is None else flagged
        mark.note = mark.note if note is None else note.strip()
        mark.changed_at = timezone.now()
        if mark.flagged or mark.note:
            mark.save()
        elif mark.pk:
            mark.delete()
    return mark


def report(learner: User, question: Question, kind: Report.Kind, text: str) -> Report | None:
    """Keep a report; None when the learner has as many open ones on this question as may wait."""
    with transaction.atomic():
        _lock(learner)
        waiting = Report.objects.filter(learner=learner, question=question, resolved_at=None)
        if waiting.count() >= MOST_OPEN_REPORTS:
            return None
        return Report.objects.create(learner=learner, question=question, kind=kind, text=text.strip())


def _lock(learner: User) -> None:
    """One change of a learner's after another, none of them after a merge."""
    if User.objects.select_for_update().filter(pk=learner.pk).first() is None:
        raise LearnerIsGone
