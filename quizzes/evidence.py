"""What a learner's first answers show, and how much that is worth. Repeats measure memory and are left out."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from django.db.models import Count, Q

from accounts.models import User
from quizzes.models import Answer, QuestionPattern

ENOUGH_ANSWERS = 20
Z_95 = 1.959964


@dataclass(frozen=True)
class Evidence:
    """First exposures on one pattern. `unseen` counts the offered questions without an answer."""

    pattern: str
    offered: int
    unseen: int
    answered: int
    right: int

    @property
    def percent(self) -> float | None:
        return 100 * self.right / self.answered if self.answered else None

    @property
    def interval_percent(self) -> tuple[float, float] | None:
        """The 95 % interval of the share right, or None where there is too little to tell."""
        if self.answered < ENOUGH_ANSWERS:
            return None
        low, high = wilson(self.right, self.answered)
        return 100 * low, 100 * high

    @property
    def possible_answers(self) -> int:
        """How many first answers there can be with the questions there are."""
        return self.answered + self.unseen

    @property
    def missing_answers(self) -> int:
        """How many more first answers make an interval worth showing."""
        return max(0, ENOUGH_ANSWERS - self.answered)


def wilson(right: float, answered: float) -> tuple[float, float]:
    """The 95 % interval of a share of successes, as fractions (Wilson 1927). `answered` is more than 0."""
    share = right / answered
    spread = Z_95**2 / answered
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * sqrt((share * (1 - share) + spread / 4) / answered) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def of_learner(learner: User | None) -> dict[str, Evidence]:
    """Pattern slug -> evidence, for every pattern with offered questions or answers."""
    offered = dict(
        QuestionPattern.objects.filter(question__retired=False)
        .values_list("pattern")
        .annotate(Count("id"))
        .order_by("pattern")
    )
    answers = _first_answers(learner) if learner else {}
    nothing = {"seen": 0, "answered": 0, "right": 0}
    evidence = {}
    for pattern in sorted(offered.keys() | answers.keys()):
        total, told = offered.get(pattern, 0), answers.get(pattern, nothing)
        evidence[pattern] = Evidence(pattern, total, total - told["seen"], told["answered"], told["right"])
    return evidence


def _first_answers(learner: User) -> dict[str, dict[str, int]]:
    """Per pattern: first answers, how many of them were right, and how many are on questions still offered."""
    counted = (
        Answer.objects.filter(learner=learner, question__patterns__isnull=False)
        .values("question__patterns__pattern")
        .annotate(
            answered=Count("id", filter=Q(first_exposure=True)),
            right=Count("id", filter=Q(first_exposure=True, correct=True)),
            # Also those whose answer was only read, after an exam in which they were never opened.
            seen=Count("question", filter=Q(question__retired=False), distinct=True),
        )
        .order_by("question__patterns__pattern")
    )
    return {
        row["question__patterns__pattern"]: {name: row[name] for name in ("answered", "right", "seen")}
        for row in counted
    }
