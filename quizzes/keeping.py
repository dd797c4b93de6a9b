"""What practice keeps for a learner: exported, moved from a guest to an account, or not worth keeping."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from quizzes.models import Answer, PracticeSession
from quizzes.practice import standing


def export(user: User) -> dict[str, Any]:
    """Every session with its answers, ready for JSON; options are told by their text."""
    sessions = PracticeSession.objects.filter(learner=user).prefetch_related("answers__question")
    return {"sessions": [_session(session) for session in sessions]}


def merge(guest: User, user: User) -> None:
    """Move sessions and answers. Call it in a transaction.

    Only the earliest answer to a question by either of the two stays a first exposure.
    """
    # The account may answer in another browser meanwhile; `practice.record` takes the same lock.
    User.objects.select_for_update().get(pk=user.pk)
    PracticeSession.objects.filter(learner=guest).update(learner=user)
    both = Answer.objects.filter(learner__in=[guest, user])
    earlier = both.filter(question=OuterRef("question")).filter(
        Q(answered_at__lt=OuterRef("answered_at")) | Q(answered_at=OuterRef("answered_at"), id__lt=OuterRef("id"))
    )
    repeats = both.filter(first_exposure=True).filter(Exists(earlier)).values_list("id", flat=True)
    Answer.objects.filter(id__in=list(repeats)).update(first_exposure=False)
    Answer.objects.filter(learner=guest).update(learner=user)


def empty_handed(learners: QuerySet[User]) -> QuerySet[User]:
    """Those who never answered a question, whatever they began."""
    return learners.filter(answers__isnull=True)


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
