"""What practice and exams keep for a learner: exported, moved from a guest to an account, or not worth keeping."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from accounts.models import User
from quizzes import attempts, reviews
from quizzes.models import (
    Answer,
    Attempt,
    AttemptChange,
    AttemptItem,
    Mark,
    OptionRow,
    PracticeSession,
    Report,
    ReviewCard,
    StudySettings,
)
from quizzes.practice import standing

SETTINGS_FIELDS = ("exam_date", "desired_retention", "new_per_day", "reviews_per_day")


def export(user: User) -> dict[str, Any]:
    """Every session and attempt with its answers, ready for JSON; options are told by their text."""
    sessions = PracticeSession.objects.filter(learner=user).prefetch_related("answers__question")
    attempts.close_overdue(Attempt.objects.filter(learner=user))
    taken = Attempt.objects.filter(learner=user).prefetch_related("items__question", "items__answer", "items__changes")
    return {
        "sessions": [_session(session) for session in sessions],
        "exams": [_attempt(attempt) for attempt in taken],
        "marks": list(_rows(Mark, user, "question", "flagged", "note", "changed_at")),
        "reports": list(_rows(Report, user, "question", "kind", "text", "created_at", "resolved_at", "reply")),
        "reviews": list(_rows(ReviewCard, user, "question", *reviews.CARD_FIELDS)),
        "study_settings": next(_rows(StudySettings, user, *SETTINGS_FIELDS), None),
    }


def merge(guest: User, user: User) -> None:
    """Move all that is kept. Call it in a transaction. A running attempt simply goes on.

    Only the earliest answer to a question by either of the two stays a first exposure.
    """
    # The account may answer in another browser meanwhile; `practice.record` takes the same lock.
    User.objects.select_for_update().get(pk=user.pk)
    PracticeSession.objects.filter(learner=guest).update(learner=user)
    Attempt.objects.filter(learner=guest).update(learner=user)
    both = Answer.objects.filter(learner__in=[guest, user])
    earlier = both.filter(question=OuterRef("question")).filter(
        Q(answered_at__lt=OuterRef("answered_at")) | Q(answered_at=OuterRef("answered_at"), id__lt=OuterRef("id"))
    )
    repeats = both.filter(first_exposure=True).filter(Exists(earlier)).values_list("id", flat=True)
    Answer.objects.filter(id__in=list(repeats)).update(first_exposure=False)
    Answer.objects.filter(learner=guest).update(learner=user)
    Report.objects.filter(learner=guest).update(learner=user)
    _merge_marks(guest, user)
    _merge_settings(guest, user)
    reviews.merge(guest, user)


def empty_handed(learners: QuerySet[User]) -> QuerySet[User]:
    """Those who never answered, marked or reported a question nor set anything, whatever they began."""
    in_exams = AttemptChange.objects.filter(item__attempt__learner=OuterRef("pk"))
    nothing = {f"{kept}__isnull": True for kept in ("answers", "marks", "reports", "study_settings")}
    return learners.filter(~Exists(in_exams), **nothing)


def _merge_marks(guest: User, user: User) -> None:
    """A question both have marked is flagged if one of them flagged it, and keeps both notes."""
    own = {mark.question_id: mark for mark in Mark.objects.filter(learner=user)}
    for mark in Mark.objects.filter(learner=guest, question__in=own):
        kept = own[mark.question_id]
        kept.flagged |= mark.flagged
        kept.note = "\n".join(dict.fromkeys(note for note in (kept.note, mark.note) if note))
        kept.changed_at = max(kept.changed_at, mark.changed_at)
        kept.save()
        mark.delete()
    Mark.objects.filter(learner=guest).update(learner=user)


def _merge_settings(guest: User, user: User) -> None:
    """What the account had set holds; one that had set nothing takes the guest's."""
    if not StudySettings.objects.filter(learner=user).exists():
        StudySettings.objects.filter(learner=guest).update(learner=user)


def _rows(model: type[Model], user: User, *fields: str) -> Iterator[dict[str, Any]]:
    """Rows of a learner with these fields, times as text."""
    for row in model._default_manager.filter(learner=user).order_by("pk").values(*fields):
        yield {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def _session(session: PracticeSession) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "pattern": session.pattern or None,
        "started_at": session.created_at.isoformat(),
        "questions": session.question_ids,
        "answers": [_answer(answer) for answer in standing(session).answers.values()],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    options = answer.question.options
    return {
        "question": answer.question_id,
        "stem": answer.question.stem,
        "options_as_shown": [options[place]["text"] for place in answer.shown],
        "chosen": [options[place]["text"] for place in answer.chosen],
        "certainty": answer.certainty,
        "correct": answer.correct,
        "first_exposure": answer.first_exposure,
        "answered_at": answer.answered_at.isoformat(),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    """While an exam runs its answers are told as they stand; what is right comes with its end."""
    return {
        "id": str(attempt.id),
        "title": attempt.title,
        "kind": attempt.kind,
        "pattern": attempt.pattern or None,
        "started_at": attempt.started_at.isoformat(),
        "deadline_at": attempt.deadline_at.isoformat(),
        "submitted_at": attempt.submitted_at.isoformat() if attempt.submitted_at else None,
        "closed_at": attempt.closed_at.isoformat() if attempt.closed_at else None,
        "items": [_item(item, attempt.closed_at is not None) for item in attempt.items.all()],
    }


def _item(item: AttemptItem, closed: bool) -> dict[str, Any]:
    options = item.question.options
    told = {
        "question": item.question_id,
        "stem": item.question.stem,
        "options_as_shown": [options[place]["text"] for place in item.shown],
        "chosen": [options[place]["text"] for place in item.chosen],
        "flagged": item.flagged,
        "guessed": item.guessed,
        "spent_ms": item.spent_ms,
        "changes": [
            {
                "sequence": change.sequence,
                "field": change.field,
                "value": _value(change, options),
                "made_at": change.made_at.isoformat(),
                "received_at": change.received_at.isoformat(),
            }
            for change in item.changes.all()
        ],
    }
    if closed:
        answer = getattr(item, "answer", None)
        told |= {
            "correct": item.correct,
            "counted": item.scored,
            "first_exposure": answer.first_exposure if answer else None,
        }
    return told


def _value(change: AttemptChange, options: list[OptionRow]) -> Any:
    value = change.value
    return [options[place]["text"] for place in value] if isinstance(value, list) else value
