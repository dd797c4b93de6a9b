"""Which questions a learner asks for: by what they are about, and by how it went with them before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.models import User
from patterns.catalogue import TASKS, TITLES
from quizzes.exam_guide import DOMAINS
from quizzes.models import Answer, Certainty, Mark, Question
from quizzes.practice import offered

DEFAULT_DAYS = 14
DIFFICULTIES = {1: "Easy", 2: "Middling", 3: "Hard"}
HISTORIES = {
    "unseen": "Not met yet",
    "wrong": "Wrong last time",
    "misjudged": "Wrong last time, though sure",
    "flagged": "Flagged",
    "guessed": "Right last time, by a guess",
    "stale": "Not seen for some days",
}


@dataclass(frozen=True)
class Choice:
    """What is asked for; an empty field asks for anything. `days` belongs to the history "stale"."""

    pattern: str = ""
    domain: int | None = None
    task: str = ""
    difficulty: int | None = None
    history: str = ""
    days: int = DEFAULT_DAYS

    @property
    def words(self) -> str:
        """The choice as a list, such as "Circuit breaker, task 2.2, wrong last time"; empty for all questions."""
        parts = [
            TITLES.get(self.pattern, self.pattern),
            DOMAINS[self.domain - 1].title if self.domain else "",
            f"task {self.task}, {TASKS[self.task]}" if self.task else "",
            DIFFICULTIES[self.difficulty].lower() if self.difficulty else "",
            self._history_in_words,
        ]
        words = ", ".join(part for part in parts if part)
        return words[:1].upper() + words[1:]

    @property
    def _history_in_words(self) -> str:
        if self.history == "stale":
            return f"not seen for {self.days} day{'' if self.days == 1 else 's'}"
        return HISTORIES.get(self.history, "").lower()


def matching(learner: User | None, choice: Choice, now: datetime | None = None) -> QuerySet[Question]:
    """The offered questions that fit a choice. Nobody yet has met none."""
    questions = offered(choice.pattern)
    if choice.task:
        questions = questions.filter(task=choice.task)
    if choice.domain:
        questions = questions.filter(task__startswith=f"{choice.domain}.")
    if choice.difficulty:
        questions = questions.filter(difficulty=choice.difficulty)
    return _with_history(questions, learner, choice, now or timezone.now()) if choice.history else questions


def _with_history(
    questions: QuerySet[Question], learner: User | None, choice: Choice, now: datetime
) -> QuerySet[Question]:
    answers = Answer.objects.filter(learner=learner, question=OuterRef("pk"))
    if learner is None:
        return questions if choice.history == "unseen" else questions.none()
    if choice.history == "unseen":
        return questions.exclude(Exists(answers))
    if choice.history == "flagged":
        return questions.filter(Exists(Mark.objects.filter(learner=learner, question=OuterRef("pk"), flagged=True)))
    latest = answers.order_by("-answered_at", "-id")
    if choice.history == "stale":
        limit = now - timedelta(days=choice.days)
        return questions.annotate(last_at=Subquery(latest.values("answered_at")[:1])).filter(last_at__lte=limit)
    # What was only read after an exam was not tried, so it was neither right nor wrong.
    latest = latest.filter(review__isnull=False)
    judged = questions.annotate(last_correct=Subquery(latest.values("correct")[:1]))
    if choice.history == "wrong":
        return judged.filter(last_correct=False)
    felt = judged.annotate(last_certainty=Subquery(latest.values("certainty")[:1]))
    if choice.history == "misjudged":
        return felt.filter(last_correct=False, last_certainty=Certainty.SURE)
    return felt.filter(last_correct=True, last_certainty=Certainty.GUESS)
