"""Practice: which questions a session holds, how their options are shown, and what an answer counts for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from quizzes.models import Answer, AttemptItem, Certainty, OptionRow, PracticeSession, Question
from quizzes.reviews import rate_answers

LETTERS = "ABCDEF"
T = TypeVar("T", int, str)


class LearnerIsGone(Exception):
    """The learner was merged into an account, or deleted, while they answered."""


@dataclass(frozen=True)
class Row:
    """One option as the learner sees it. `place` is its place in the bank, `letter` the key that chooses it."""

    letter: str
    place: int
    option: OptionRow
    chosen: bool

    @property
    def verdict(self) -> str:
        """Right or wrong in words, for an answered question; empty for a wrong option nobody chose."""
        if self.option["correct"]:
            return "right, and you chose it" if self.chosen else "right"
        return "wrong, and you chose it" if self.chosen else ""


@dataclass(frozen=True)
class Standing:
    """How far a session has come: which of its questions are answered, and how."""

    session: PracticeSession
    answers: dict[str, Answer]

    @property
    def total(self) -> int:
        return len(self.session.question_ids)

    @property
    def right(self) -> int:
        return sum(answer.correct for answer in self.answers.values())

    @property
    def wrong_ids(self) -> list[str]:
        """Questions answered wrongly, in the order of the session."""
        return [id for id in self.session.question_ids if id in self.answers and not self.answers[id].correct]

    @property
    def next_number(self) -> int | None:
        """The first question without an answer, counted from 1; None when all are answered."""
        numbers = (n for n, id in enumerate(self.session.question_ids, start=1) if id not in self.answers)
        return next(numbers, None)


def offered(pattern: str = "") -> QuerySet[Question]:
    """The questions that new sessions may hold: of one pattern, or all."""
    questions = Question.objects.filter(retired=False)
    return questions.filter(patterns__pattern=pattern) if pattern else questions


def start(
    learner: User, questions: QuerySet[Question], most: int, pattern: str = "", name: str = ""
) -> PracticeSession:
    """Save and return a session of up to `most` of these questions.

    Never answered ones first, then those last answered wrongly, then the rest, longest ago first; what a running exam
    holds comes last, since practice tells what is right.
    """
    session_id = uuid4()
    ids = shuffled(questions.values_list("id", flat=True), str(session_id))
    answers = Answer.objects.filter(learner=learner, question__in=ids, review__isnull=False)
    latest = {answer.question_id: answer for answer in answers}
    in_exam = set(
        AttemptItem.objects.filter(attempt__learner=learner, attempt__closed_at=None).values_list("question", flat=True)
    )
    wanted = sorted(by_need(ids, latest), key=lambda id: id in in_exam)
    return PracticeSession.objects.create(
        id=session_id, learner=learner, pattern=pattern, name=name, question_ids=wanted[:most]
    )


def by_need(ids: Iterable[str], latest: dict[str, Answer]) -> list[str]:
    """Unseen, then wrong last time, then right last time with the oldest first. Ties keep their order."""

    def need(id: str) -> tuple[int, float]:
        if id not in latest:
            return 0, 0.0
        return (2, latest[id].answered_at.timestamp()) if latest[id].correct else (1, 0.0)

    return sorted(ids, key=need)


def shuffled(items: Iterable[T], seed: str) -> list[T]:
    """The items in an order that depends on the seed alone, in every version of Python."""
    return sorted(items, key=lambda item: sha256(f"{seed}:{item}".encode()).digest())


def order_of_options(session: PracticeSession, question: Question) -> list[int]:
    """The places of the options in the bank, in the order this session shows them."""
    return shuffled(range(len(question.options)), f"{session.id}:{question.id}")


def rows(question: Question, order: Sequence[int], chosen: Collection[int]) -> list[Row]:
    """The options in the order shown, each with its letter."""
    return [
        Row(letter, place, question.options[place], place in chosen)
        for letter, place in zip(LETTERS, order, strict=False)
    ]


def is_right(keys: Collection[int], chosen: Collection[int]) -> bool:
    """All or nothing: exactly the keys."""
    return set(keys) == set(chosen)


def record(session: PracticeSession, question: Question, chosen: Collection[int], certainty: Certainty) -> Answer:
    """Keep an answer and return it. A question already answered in this session keeps its first answer.

    Raises LearnerIsGone if the session's learner was merged or deleted since the session was read.
    """
    with transaction.atomic():
        # One learner's answers go one after another: a double click finds the first one's row, and only one
        # of two sessions can be the first exposure.
        learner = User.objects.select_for_update().filter(pk=session.learner_id).first()
        if learner is None:
            raise LearnerIsGone
        kept = Answer.objects.filter(session=session, question=question).first()
        if kept:
            return kept
        answer = Answer.objects.create(
            session=session,
            learner=learner,
            question=question,
            shown=order_of_options(session, question),
            chosen=sorted(chosen),
            certainty=certainty,
            correct=is_right(question.keys, chosen),
            first_exposure=not Answer.objects.filter(learner=learner, question=question).exists(),
        )
        rate_answers([answer])
        return answer


def standing(session: PracticeSession) -> Standing:
    return Standing(session, {answer.question_id: answer for answer in session.answers.all()})
