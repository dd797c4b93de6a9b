"""What a closed exam came to: the score with its interval, by domain, task and pattern, and each question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from patterns.catalogue import TASKS, TITLES
from quizzes.evidence import wilson
from quizzes.exam_guide import DOMAINS, domain_of
from quizzes.exams import MINUTES_PER_QUESTION, SCALE_PASS, practice_scale
from quizzes.models import Answer, Attempt, AttemptChange, AttemptItem
from quizzes.practice import is_right

# The smallest domain of a whole exam has ten questions that count; below that a range would say next to nothing.
ENOUGH_ITEMS = 10
FILTERS = {
    "wrong": "Wrong",
    "unanswered": "Unanswered",
    "flagged": "Flagged",
    "guessed": "Guessed",
    "changed": "Changed from right to wrong",
}
SLOW_MS = MINUTES_PER_QUESTION * 60 * 1000


@dataclass(frozen=True)
class Share:
    """So many right of so many."""

    title: str
    right: int
    total: int

    @property
    def percent(self) -> float | None:
        return 100 * self.right / self.total if self.total else None

    @property
    def interval_percent(self) -> tuple[float, float] | None:
        """The 95 % interval, or None where there is not enough evidence for one."""
        if self.total < ENOUGH_ITEMS:
            return None
        low, high = wilson(self.right, self.total)
        return 100 * low, 100 * high


@dataclass(frozen=True)
class Breakdown:
    """Shares by domain, by task or by pattern."""

    title: str
    shares: list[Share]

    @property
    def tells(self) -> bool:
        """Whether any of them has enough evidence for an interval."""
        return any(share.interval_percent for share in self.shares)


@dataclass(frozen=True)
class Line:
    """One question of the result."""

    item: AttemptItem
    changed_to_wrong: bool

    @property
    def is_slow(self) -> bool:
        return self.item.spent_ms > SLOW_MS

    @property
    def spent(self) -> str:
        return in_minutes(self.item.spent_ms)

    def is_in(self, shown: str) -> bool:
        item = self.item
        match shown:
            case "wrong":
                return bool(item.chosen) and not item.correct
            case "unanswered":
                return not item.chosen
            case "flagged":
                return item.flagged
            case "guessed":
                return item.guessed and bool(item.chosen)
            case "changed":
                return self.changed_to_wrong
        return True


def of(attempt: Attempt, shown: str = "") -> dict[str, Any]:
    """All the result page tells of a closed attempt; `shown` is one of FILTERS, or anything else for all."""
    lines = lines_of(attempt)
    scored = [line.item for line in lines if line.item.scored]
    score = _share("", scored)
    spent_ms = [line.item.spent_ms for line in lines if line.item.spent_ms]
    return {
        "attempt": attempt,
        "score": score,
        "scale": practice_scale(score.right, score.total) if has_scale(attempt) else None,
        "scale_interval": _scale_interval(score) if has_scale(attempt) else None,
        "scale_pass": SCALE_PASS,
        "unscored": len(lines) - len(scored),
        "breakdowns": breakdowns(scored),
        "enough": ENOUGH_ITEMS,
        "filters": [(name, title, sum(line.is_in(name) for line in lines)) for name, title in FILTERS.items()],
        "shown": shown if shown in FILTERS else "",
        "lines": [line for line in lines if line.is_in(shown)],
        "mean_spent": in_minutes(sum(spent_ms) / len(spent_ms)) if spent_ms else "",
        "timed": len(spent_ms),
        "slow": sum(line.is_slow for line in lines),
        "minutes_per_question": MINUTES_PER_QUESTION,
        "first": first_exposures(attempt),
        "earlier": earlier(attempt),
    }


def lines_of(attempt: Attempt) -> list[Line]:
    items = list(attempt.items.select_related("question").prefetch_related("question__patterns"))
    was_right = _once_right(attempt, items)
    return [Line(item, item.pk in was_right and bool(item.chosen) and not item.correct) for item in items]


def filtered(attempt: Attempt, shown: str) -> list[AttemptItem]:
    """The items a filter lists, in the order of the exam; all for an unknown filter."""
    if shown not in FILTERS:
        return list(attempt.items.all())
    return [line.item for line in lines_of(attempt) if line.is_in(shown)]


def breakdowns(scored: Iterable[AttemptItem]) -> list[Breakdown]:
    """By domain, by task and by pattern, of the questions that count. A question may be about several patterns."""
    domains: dict[str, list[AttemptItem]] = {domain.title: [] for domain in DOMAINS}
    tasks: dict[str, list[AttemptItem]] = defaultdict(list)
    patterns: dict[str, list[AttemptItem]] = defaultdict(list)
    for item in scored:
        domains[domain_of(item.question.task).title].append(item)
        tasks[item.question.task].append(item)
        for link in item.question.patterns.all():
            patterns[link.pattern].append(item)
    return [
        Breakdown("Domain", [_share(title, items) for title, items in domains.items()]),
        Breakdown("Task", [_share(f"{task} {TASKS[task]}", tasks[task]) for task in sorted(tasks)]),
        Breakdown("Pattern", [_share(TITLES.get(slug, slug), patterns[slug]) for slug in sorted(patterns)]),
    ]


def with_scores(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Attempts that know `scored`, `right` and `answered`: how many count, were right, have an answer."""
    return attempts.annotate(
        scored=Count("items", filter=Q(items__scored=True)),
        right=Count("items", filter=Q(items__scored=True, items__correct=True)),
        answered=Count("items", filter=~Q(items__chosen=[])),
    )


def has_scale(attempt: Attempt) -> bool:
    """Only a whole form has the mixture of the exam."""
    return attempt.complete and attempt.kind != Attempt.Kind.DRILL


def first_exposures(attempt: Attempt) -> Share:
    """How the questions of this attempt went that the learner had never answered before."""
    return _first([attempt])[attempt.pk]


def earlier(attempt: Attempt) -> list[tuple[Attempt, Share]]:
    """Closed attempts that began before this one, the latest first, by their first exposures."""
    before = list(
        Attempt.objects.filter(learner=attempt.learner_id, started_at__lt=attempt.started_at, closed_at__isnull=False)[
            :10
        ]
    )
    shares = _first(before)
    return [(other, shares[other.pk]) for other in before]


def in_minutes(ms: float) -> str:
    """Minutes and seconds, such as 1:05."""
    seconds = round(ms / 1000)
    return f"{seconds // 60}:{seconds % 60:02}"


def _first(attempts: list[Attempt]) -> Mapping[Any, Share]:
    answers = Answer.objects.filter(item__attempt__in=attempts, item__scored=True, first_exposure=True)
    counted = {
        row["item__attempt"]: row
        for row in answers.values("item__attempt")
        .annotate(total=Count("id"), right=Count("id", filter=Q(correct=True)))
        .order_by()
    }
    nothing = {"right": 0, "total": 0}
    rows = {attempt.pk: counted.get(attempt.pk, nothing) for attempt in attempts}
    return {
        attempt.pk: Share(attempt.title, rows[attempt.pk]["right"], rows[attempt.pk]["total"]) for attempt in attempts
    }


def _share(title: str, items: Iterable[AttemptItem]) -> Share:
    verdicts = [bool(item.correct) for item in items]
    return Share(title, sum(verdicts), len(verdicts))


def _scale_interval(score: Share) -> tuple[int, int]:
    low, high = wilson(score.right, score.total)
    return practice_scale(low, 1), practice_scale(high, 1)


def _once_right(attempt: Attempt, items: Iterable[AttemptItem]) -> set[int]:
    """The items that at some time held the right answer."""
    keys = {item.pk: item.question.keys for item in items}
    log = AttemptChange.objects.filter(item__attempt=attempt, field=AttemptChange.Field.CHOSEN)
    return {
        item
        for item, value in log.values_list("item", "value")
        if isinstance(value, list) and is_right(keys[item], value)
    }
