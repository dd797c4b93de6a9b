"""What all answers of a learner show: by pattern and task, by how sure they were, and for the exam as a whole.

Readiness is the mean of the four domains' shares right, weighed by the exam guide's shares of the domains. It rests on
first exposures alone. Its interval is Wilson's for that mean and an effective number of answers: as many as would give
a plain share the variance of the weighed mean, with each domain's share drawn towards a half as Agresti and Coull do.
Sources: Franco, Little, Louis and Slud, Comparative study of confidence intervals for proportions in complex sample
surveys, Journal of Survey Statistics and Methodology 7 (2019), 334-364; Agresti and Coull, Approximate is better than
"exact" for interval estimation of binomial proportions, The American Statistician 52 (1998), 119-126.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, Count, Max, Q
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import User
from patterns.catalogue import TASKS, TITLES
from quizzes.evidence import Z_95, wilson
from quizzes.exam_guide import DOMAINS, Domain, domain_of
from quizzes.exams import SCALE_HIGH, SCALE_LOW, SCALE_PASS
from quizzes.models import Answer, Certainty, Question, QuestionPattern

# The same as the smallest domain of an exam's result: below that a range says next to nothing.
ENOUGH = 10
STALE = timedelta(days=30)
# The share right that a straight line puts at the pass mark; the exam's own table is not published.
PASS_SHARE = (SCALE_PASS - SCALE_LOW) / (SCALE_HIGH - SCALE_LOW)
VERDICTS = {
    "above": "right; its interval lies above the pass mark",
    "below": "right; its interval lies below the pass mark",
    "across": "right; its interval lies on both sides of the pass mark",
    "few": "right; not enough evidence",
}
KINDS = ("first", "review", "exam")


@dataclass(frozen=True)
class Tally:
    """Answers, right of total. `first` are first exposures wherever they were, `review` repeats in practice, `exam`
    all that was answered in exams: one that was also a first exposure is in both."""

    first: int = 0
    first_right: int = 0
    review: int = 0
    review_right: int = 0
    exam: int = 0
    exam_right: int = 0
    last_at: datetime | None = None

    @property
    def percent(self) -> float | None:
        return 100 * self.first_right / self.first if self.first else None

    @cached_property
    def interval_percent(self) -> tuple[float, float] | None:
        """The 95 % interval of the share right at first sight, or None where there is not enough evidence."""
        if self.first < ENOUGH:
            return None
        low, high = wilson(self.first_right, self.first)
        return 100 * low, 100 * high

    @property
    def range_words(self) -> str:
        """The interval for a table, such as "40 to 72 %"; empty for none."""
        interval = self.interval_percent
        return f"{interval[0]:.0f} to {interval[1]:.0f} %" if interval else ""

    @property
    def verdict(self) -> str:
        """Where the interval lies against the exam's pass mark: above, below, across; or few, for no interval."""
        if self.interval_percent is None:
            return "few"
        low, high = self.interval_percent
        if low >= 100 * PASS_SHARE:
            return "above"
        return "below" if high < 100 * PASS_SHARE else "across"


# Text sorts as the times do, and turning two thousand of them into times would cost more than all the rest.
TEXT_OF_LAST = Cast(Max("answered_at"), CharField())
# Six counts and a time of one question, as SQL gives them.
Row = tuple[Any, ...]
COUNTS = tuple(f"{kind}{end}" for kind in KINDS for end in ("", "_right"))


@dataclass(frozen=True)
class Cell:
    """A pattern and a task. `pattern` is empty for questions on no pattern."""

    pattern: str
    task: str
    tally: Tally
    days_ago: int | None

    @property
    def title(self) -> str:
        return TITLES.get(self.pattern, self.pattern) or "No pattern"

    @property
    def task_title(self) -> str:
        return TASKS[self.task]

    @property
    def verdict_words(self) -> str:
        """For those who do not see the mark."""
        return VERDICTS[self.tally.verdict]

    @property
    def query(self) -> str:
        """The choice of these questions, for the address of practice."""
        return urlencode({"pattern": self.pattern, "task": self.task} if self.pattern else {"task": self.task})

    @property
    def is_stale(self) -> bool:
        return self.days_ago is not None and self.days_ago > STALE.days


@dataclass(frozen=True)
class Readiness:
    """The exam's mixture of the domains' shares right at first sight. `per_domain` is in the guide's order."""

    per_domain: list[tuple[Domain, Tally]]

    @property
    def answers(self) -> int:
        return sum(tally.first for _, tally in self.per_domain)

    @property
    def lacking(self) -> list[tuple[Domain, Tally]]:
        """The domains that have too few first answers to say anything."""
        return [(domain, tally) for domain, tally in self.per_domain if tally.first < ENOUGH]

    @property
    def percent(self) -> float | None:
        if self.lacking:
            return None
        return sum(domain.share_percent * tally.first_right / tally.first for domain, tally in self.per_domain)

    @property
    def interval_percent(self) -> tuple[float, float] | None:
        if self.lacking:
            return None
        shares = [(domain.share_percent / 100, tally.first_right, tally.first) for domain, tally in self.per_domain]
        low, high = weighed_interval(shares)
        return 100 * low, 100 * high

    @property
    def verdict(self) -> str:
        """Where the interval lies against the pass mark: above, below, across; or empty."""
        if self.interval_percent is None:
            return ""
        low, high = self.interval_percent
        if low >= 100 * PASS_SHARE:
            return "above"
        return "below" if high < 100 * PASS_SHARE else "across"


@dataclass(frozen=True)
class Calibration:
    """How often answers of one certainty were right, at first sight and later."""

    certainty: Certainty
    first: int
    first_right: int
    later: int
    later_right: int

    @property
    def percent(self) -> float | None:
        return 100 * self.first_right / self.first if self.first else None

    @property
    def interval_percent(self) -> tuple[float, float] | None:
        return Tally(first=self.first, first_right=self.first_right).interval_percent


@dataclass(frozen=True)
class Mastery:
    """All of it, from one pass over the answers."""

    cells: list[Cell]
    per_domain: dict[int, Tally]
    unseen_per_domain: dict[int, int]
    calibration: list[Calibration]

    @property
    def readiness(self) -> Readiness:
        return Readiness([(domain, self.per_domain[domain.number]) for domain in DOMAINS])

    @cached_property
    def tasks(self) -> list[str]:
        return sorted({cell.task for cell in self.cells})

    @property
    def rows(self) -> list[tuple[str, list[Cell | None]]]:
        """(title, a cell or None for each of `tasks`) for each pattern there is an answer on."""
        found = {(cell.title, cell.task): cell for cell in self.cells}
        titles = sorted({cell.title for cell in self.cells})
        return [(title, [found.get((title, task)) for task in self.tasks]) for title in titles]


def of(learner: User | None, now: datetime | None = None) -> Mastery:
    """Everything the mastery page tells. Four queries, whatever there is."""
    now = now or timezone.now()
    rows = _per_question(learner) if learner else {}
    patterns = defaultdict(list)
    for question, pattern in QuestionPattern.objects.values_list("question", "pattern"):
        patterns[question].append(pattern)
    per_cell: dict[tuple[str, str], list[Row]] = defaultdict(list)
    per_domain: dict[int, list[Row]] = {domain.number: [] for domain in DOMAINS}
    unseen = dict.fromkeys(per_domain, 0)
    for question, task, retired in Question.objects.values_list("id", "task", "retired"):
        number = domain_of(task).number
        if question not in rows:
            unseen[number] += not retired
            continue
        per_domain[number].append(rows[question])
        for pattern in patterns[question] or [""]:
            per_cell[pattern, task].append(rows[question])
    cells = [_cell(*key, _sum(found), now) for key, found in sorted(per_cell.items())]
    domains = {number: _sum(found) for number, found in per_domain.items()}
    return Mastery(cells, domains, unseen, calibration(learner))


def calibration(learner: User | None) -> list[Calibration]:
    """How often each certainty was right; exams, where nobody is asked for it, are left out."""
    counted = (
        Answer.objects.filter(learner=learner, session__isnull=False)
        .values("certainty")
        .annotate(
            first=Count("id", filter=Q(first_exposure=True)),
            first_right=Count("id", filter=Q(first_exposure=True, correct=True)),
            later=Count("id", filter=Q(first_exposure=False)),
            later_right=Count("id", filter=Q(first_exposure=False, correct=True)),
        )
        .order_by()
    )
    names = ("first", "first_right", "later", "later_right")
    found = {row[0]: row[1:] for row in counted.values_list("certainty", *names)} if learner else {}
    return [Calibration(certainty, *found.get(certainty, (0, 0, 0, 0))) for certainty in Certainty]


def weighed_interval(shares: Sequence[tuple[float, int, int]]) -> tuple[float, float]:
    """The 95 % interval of a weighed mean of shares, as fractions, from (weight, right, answered); weights add to 1."""
    drawn = [(weight, (right + Z_95**2 / 2) / (answered + Z_95**2), answered) for weight, right, answered in shares]
    middle = sum(weight * share for weight, share, _ in drawn)
    variance = sum(weight**2 * share * (1 - share) / answered for weight, share, answered in drawn)
    effective = middle * (1 - middle) / variance
    mean = sum(weight * right / answered for weight, right, answered in shares)
    return wilson(min(1.0, mean) * effective, effective)


def _per_question(learner: User) -> dict[str, Row]:
    """Question id -> its counts, in the order of COUNTS, and when it was last answered, as text.

    What was only read after an exam is no evidence, so it is left out.
    """
    kinds = {
        "first": Q(first_exposure=True),
        "review": Q(first_exposure=False, session__isnull=False),
        "exam": Q(item__isnull=False),
    }
    counts = {kind: Count("id", filter=of_kind) for kind, of_kind in kinds.items()}
    rights = {f"{kind}_right": Count("id", filter=of_kind & Q(correct=True)) for kind, of_kind in kinds.items()}
    answers = Answer.objects.filter(learner=learner, review__isnull=False)
    rows = answers.values("question").annotate(**counts, **rights, last_at=TEXT_OF_LAST).order_by()
    return {row[0]: row[1:] for row in rows.values_list("question", *COUNTS, "last_at")}


def _sum(rows: list[Row]) -> Tally:
    """Field by field; the latest time of all."""
    if not rows:
        return Tally()
    counts = dict(zip(COUNTS, map(sum, list(zip(*rows, strict=True))[:-1]), strict=True))
    last_at = datetime.fromisoformat(max(row[-1] for row in rows))
    return Tally(**counts, last_at=last_at if last_at.tzinfo else last_at.replace(tzinfo=UTC))


def _cell(pattern: str, task: str, tally: Tally, now: datetime) -> Cell:
    return Cell(pattern, task, tally, max(0, (now - tally.last_at).days) if tally.last_at else None)
