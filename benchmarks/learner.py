"""Fills a database with a learner who answered 2 000 questions ten times each; prints their cookie as `name=value`."""

from __future__ import annotations

from datetime import timedelta

import django
from django.conf import settings

django.setup()

from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import GUEST_SESSION_KEY  # noqa: E402
from patterns.catalogue import TASKS, TITLES  # noqa: E402
from quizzes.models import (  # noqa: E402
    Answer,
    OptionRow,
    PracticeSession,
    Question,
    QuestionPattern,
    Review,
)
from quizzes.reviews import rebuild  # noqa: E402

QUESTIONS, TURNS, IN_SESSION = 2_000, 10, 20
OPTIONS = [OptionRow(text=f"Option {n}", correct=n == 0, reason="Because.") for n in range(4)]


@transaction.atomic
def main() -> None:
    learner = User.objects.create_guest()
    questions = save_questions()
    for turn in range(TURNS):
        sessions = [
            PracticeSession(learner=learner, question_ids=[question.id for question in questions[n : n + IN_SESSION]])
            for n in range(0, QUESTIONS, IN_SESSION)
        ]
        PracticeSession.objects.bulk_create(sessions)
        answers = Answer.objects.bulk_create(
            answer(sessions[n // IN_SESSION], turn, n, question) for n, question in enumerate(questions)
        )
        Review.objects.bulk_create(Review(answer=kept, rating=3 if kept.correct else 1) for kept in answers)
    rebuild(learner.pk, [question.id for question in questions])
    store = SessionStore()
    store[GUEST_SESSION_KEY] = learner.pk
    store.save()
    print(f"{settings.SESSION_COOKIE_NAME}={store.session_key}")


def save_questions() -> list[Question]:
    """Spread over all patterns, each with questions for three tasks; every fifth is on a second pattern."""
    tasks, patterns = list(TASKS), list(TITLES)
    questions = [
        Question(
            id=f"bench-{n}",
            type=Question.Type.MULTIPLE_CHOICE,
            stem=f"Case {n}?",
            options=OPTIONS,
            task=tasks[(n % len(patterns) + n // len(patterns) % 3) % len(tasks)],
            difficulty=1 + n % 3,
            level="apply",
            sources=[],
            fingerprint=str(n),
        )
        for n in range(QUESTIONS)
    ]
    Question.objects.bulk_create(questions)
    first = [(n, patterns[n % len(patterns)]) for n in range(QUESTIONS)]
    second = [(n, patterns[(n + 1) % len(patterns)]) for n in range(0, QUESTIONS, 5)]
    QuestionPattern.objects.bulk_create(
        QuestionPattern(question_id=f"bench-{n}", pattern=pattern) for n, pattern in first + second
    )
    return questions


def answer(session: PracticeSession, turn: int, n: int, question: Question) -> Answer:
    """Three of four are right, in an order that looks like none; a turn every thirty days."""
    chosen = (n * 7 + turn) % 4
    return Answer(
        session=session,
        learner_id=session.learner_id,
        question=question,
        shown=[0, 1, 2, 3],
        chosen=[chosen],
        correct=chosen != 3,
        certainty=("sure", "unsure", "guess")[(n + turn) % 3],
        first_exposure=turn == 0,
        answered_at=timezone.now() - timedelta(days=30 * (TURNS - turn), seconds=n),
    )


if __name__ == "__main__":
    main()
