"""The mastery page of a learner with many answers: in this process, through the whole of Django, on a new SQLite file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.targets import judged, percentile

QUESTIONS, ANSWERS, ASKED = 2_000, 20_000, 40


def bench() -> None:
    """A row for the page; in a process of its own, so that its settings are not this one's."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "DATA_DIR": folder, "LOG_LEVEL": "WARNING", "DJANGO_SETTINGS_MODULE": "config.settings"}
        variables.pop("DATABASE_URL", None)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.mastery"], env=variables, cwd=Path(__file__).parents[1], check=True
        )


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    client = _client_of(_learner_with_answers())
    for what, address in (("mastery", "/progress/mastery/"), ("progress", "/progress/"), ("reviews", "/reviews/")):
        times_ms = [_ms(client, address) for _ in range(ASKED + 1)][1:]
        judged(f"{what} page with {ANSWERS:,} answers, {ASKED} times, p95", percentile(times_ms, 95), 150)


def _learner_with_answers():  # type: ignore[no-untyped-def]
    """A guest who has answered every question ten times over most of a year."""
    from django.db import transaction
    from django.utils import timezone

    from accounts.models import User
    from patterns.catalogue import TASKS, TITLES
    from quizzes.models import Answer, PracticeSession, Question, QuestionPattern, Review
    from quizzes.reviews import rebuild

    learner = User.objects.create_guest()
    tasks, titles, now = list(TASKS), list(TITLES), timezone.now()
    options = [{"text": f"Option {n}", "correct": n == 0, "reason": "Because."} for n in range(4)]
    questions = [
        Question(
            id=f"q-{n}", type="multiple-choice", stem=f"Case {n}?", options=options, task=tasks[n % len(tasks)],
            difficulty=1 + n % 3, level="apply", sources=[], fingerprint=str(n),
        )
        for n in range(QUESTIONS)
    ]  # fmt: skip
    with transaction.atomic():
        Question.objects.bulk_create(questions)
        links = [(n, titles[n % len(titles)]) for n in range(QUESTIONS)] + [(n, titles[0]) for n in range(0, QUESTIONS, 5)]
        QuestionPattern.objects.bulk_create(
            [QuestionPattern(question_id=f"q-{n}", pattern=pattern) for n, pattern in dict.fromkeys(links)]
        )
        sessions = [
            PracticeSession(learner=learner, question_ids=[question.id for question in questions])
            for _ in range(ANSWERS // QUESTIONS)
        ]
        PracticeSession.objects.bulk_create(sessions)
        answers = [
            Answer(
                session=session, learner=learner, question=question, shown=[0, 1, 2, 3], chosen=[(n * 7 + turn) % 4],
                correct=(n * 7 + turn) % 4 != 3, certainty=("sure", "unsure", "guess")[(n + turn) % 3],
                first_exposure=turn == 0, answered_at=now - timedelta(days=300 - 30 * turn, seconds=n),
            )
            for turn, session in enumerate(sessions)
            for n, question in enumerate(questions)
        ]  # fmt: skip
        kept = Answer.objects.bulk_create(answers, batch_size=1_000)
        Review.objects.bulk_create([Review(answer=answer, rating=3 if answer.correct else 1) for answer in kept], batch_size=1_000)
        rebuild(learner.pk, [question.id for question in questions])
    return learner


def _client_of(learner):  # type: ignore[no-untyped-def]
    from django.test import Client

    from accounts.services import GUEST_SESSION_KEY

    client = Client(headers={"host": "localhost"})
    session = client.session
    session[GUEST_SESSION_KEY] = learner.pk
    session.save()
    return client


def _ms(client, address: str) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    response = client.get(address)
    taken_ms = (time.perf_counter() - started) * 1000
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}; use a page there is")
    return taken_ms


if __name__ == "__main__":
    main()
