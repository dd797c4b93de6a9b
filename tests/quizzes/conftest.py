from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.services import GUEST_SESSION_KEY
from quizzes.bank import BankQuestion, save_bank
from quizzes.models import Answer, Certainty, PracticeSession, Question
from quizzes.practice import record

SOURCE = {"title": "Circuit breaker pattern", "url": "https://docs.aws.amazon.com/cb.html", "checked": "2026-11-23"}

CHOICE: dict[str, Any] = {
    "id": "circuit-breaker-01",
    "type": "multiple-choice",
    "stem": "A dependency is dead. Which pattern lets its callers fail fast?",
    "options": [
        {"text": "A circuit breaker around the call", "correct": True, "reason": "It refuses calls while open."},
        {"text": "A longer timeout for the call", "reason": "It holds every thread for longer."},
        {"text": "A larger pool of threads", "reason": "It fills as well, a little later."},
        {"text": "A retry without any backoff", "reason": "It adds load to what is already down."},
    ],
    "patterns": ["circuit-breaker"],
    "task": "2.2",
    "difficulty": 1,
    "level": "apply",
    "sources": [SOURCE],
}

RESPONSE: dict[str, Any] = CHOICE | {
    "id": "circuit-breaker-02",
    "type": "multiple-response",
    "stem": "A breaker is half-open. Which two outcomes of trial calls close it again? (Select TWO.)",
    "options": [
        {"text": "Every trial succeeds", "correct": True, "reason": "No failures, so the rate is zero."},
        {"text": "Failures stay below the threshold", "correct": True, "reason": "The rate decides."},
        {"text": "Every trial fails", "reason": "That opens it again."},
        {"text": "Failures reach the threshold", "reason": "Reaching it opens it again."},
        {"text": "No trial is made at all", "reason": "Nothing to judge by."},
    ],
}


def entry(base: dict[str, Any] = CHOICE, **changes: Any) -> dict[str, Any]:
    """A question as a file holds it, with some fields changed."""
    return copy.deepcopy(base) | changes


def write_bank(folder: Path, *entries: Any, name: str = "bank.yaml") -> Path:
    (folder / name).write_text(yaml.safe_dump({"questions": list(entries)}, allow_unicode=True), "utf-8")
    return folder


def save(*entries: dict[str, Any]) -> list[Question]:
    """These entries as the whole bank."""
    save_bank([BankQuestion.model_validate(item) for item in entries])
    return [Question.objects.get(pk=item["id"]) for item in entries]


def text(response: HttpResponse) -> str:
    """What a person reads of a page, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def many(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        entry(id=f"made-{n:02}", stem=f"Case {n}. Which pattern fails fast?", **changes) for n in range(1, count + 1)
    ]


@pytest.fixture
def choice(db: None) -> Question:
    return save(entry(), entry(RESPONSE))[0]


@pytest.fixture
def response(choice: Question) -> Question:
    return Question.objects.get(pk=RESPONSE["id"])


@pytest.fixture
def learner(db: None) -> User:
    return User.objects.create_guest()


@pytest.fixture
def visitor(learner: User) -> Client:
    """The learner's browser."""
    return browser_of(learner)


def browser_of(learner: User) -> Client:
    client = Client()
    session = client.session
    session[GUEST_SESSION_KEY] = learner.pk
    session.save()
    return client


@pytest.fixture
def sit(learner: User) -> Callable[..., PracticeSession]:
    """Begin a session of the learner's with these questions."""

    def begin(*questions: Question, of: User | None = None) -> PracticeSession:
        return PracticeSession.objects.create(
            learner=of or learner, question_ids=[question.id for question in questions], pattern="circuit-breaker"
        )

    return begin


def answer_rightly(session: PracticeSession, question: Question) -> Answer:
    return record(session, question, question.keys, Certainty.SURE)


def answer_wrongly(session: PracticeSession, question: Question) -> Answer:
    wrong = set(range(len(question.options))) - question.keys
    return record(session, question, sorted(wrong)[: len(question.keys)], Certainty.UNSURE)
