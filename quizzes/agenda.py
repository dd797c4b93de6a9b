"""What reviews ask of a learner: due today, in the days to come, and how well it has gone. Days are those of UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from uuid import uuid4

from django.db.models import Avg, CharField, Count, Q, QuerySet
from django.db.models.functions import Cast, Substr
from django.utils import timezone

from accounts.models import User
from quizzes.choosing import Choice, matching
from quizzes.evidence import ENOUGH_ANSWERS, wilson
from quizzes.memory import retrievability
from quizzes.models import Answer, AttemptItem, PracticeSession, Question, Review, ReviewCard, StudySettings
from quizzes.practice import shuffled
from quizzes.reviews import plan_of

FORECAST_DAYS = 30
RETENTION_DAYS = 90
CALENDAR_WEEKS = 26
SESSION_MINUTES = 10
MOST_IN_SESSION = 40
USUAL_PACE_S = 60
PACE_ANSWERS = 60
LONGEST_PACE_S = 10 * 60
LEVELS = (1, 5, 10, 20)


@dataclass(frozen=True)
class Today:
    """What is due today, and what the daily limits leave of it. `pace_s` is the learner's usual time per question."""

    due: int
    reviewed: int
    begun: int
    reviews_left: int
    new_left: int
    pace_s: float

    @property
    def left(self) -> int:
        return self.reviews_left + self.new_left

    @property
    def minutes(self) -> int:
        return max(1, round(self.left * self.pace_s / 60))

    @property
    def in_short_session(self) -> int:
        return min(self.left, self.fits_short_session)

    @property
    def fits_short_session(self) -> int:
        return min(max(round(SESSION_MINUTES * 60 / self.pace_s), 3), MOST_IN_SESSION)


@dataclass(frozen=True)
class Retention:
    """Answers to questions met a day or more before: how many were known, and how many were reckoned with."""

    asked: float
    known: int
    total: int
    expected: float | None

    @property
    def percent(self) -> float:
        return 100 * self.known / self.total if self.total else 0.0

    @property
    def interval_percent(self) -> tuple[float, float] | None:
        if self.total < ENOUGH_ANSWERS:
            return None
        low, high = wilson(self.known, self.total)
        return 100 * low, 100 * high

    @property
    def missing(self) -> int:
        return max(0, ENOUGH_ANSWERS - self.total)


@dataclass(frozen=True)
class Day:
    """So many answers on a day. `level` is 0 for none, to 4."""

    day: date
    count: int

    @property
    def level(self) -> int:
        return sum(self.count >= least for least in LEVELS)


def today_of(learner: User, settings: StudySettings, now: datetime | None = None) -> Today:
    now = now or timezone.now()
    start = _start_of(now.date())
    done = Review.objects.filter(answer__learner=learner, answer__answered_at__gte=start).aggregate(
        reviewed=Count("pk", filter=Q(elapsed_days__isnull=False)),
        begun=Count("pk", filter=Q(elapsed_days__isnull=True)),
    )
    due = _due(learner, now).count()
    unseen = _new(learner).count()
    return Today(
        due=due,
        reviewed=done["reviewed"],
        begun=done["begun"],
        reviews_left=min(due, max(0, settings.reviews_per_day - done["reviewed"])),
        new_left=min(unseen, max(0, settings.new_per_day - done["begun"])),
        pace_s=pace_s(learner),
    )


def due_count(learner: User) -> int:
    """How many cards are due by the end of today, whatever the limits."""
    return _due(learner, timezone.now()).count()


def start(learner: User, today: Today, short: bool, now: datetime | None = None) -> PracticeSession | None:
    """A session of what is due, least surely remembered first, then of new questions; None if nothing is left."""
    now = now or timezone.now()
    id = uuid4()
    cards = _due(learner, now).values_list("question", "stability", "last_review_at")
    weakest = sorted(cards, key=lambda card: retrievability(card[1], card[2], now))
    fresh = shuffled(_new(learner).values_list("id", flat=True), str(id))
    wanted = [card[0] for card in weakest[: today.reviews_left]] + fresh[: today.new_left]
    most = today.fits_short_session if short else MOST_IN_SESSION
    if not wanted:
        return None
    name = "Ten minutes of review" if short else "Reviews of the day"
    return PracticeSession.objects.create(id=id, learner=learner, name=name, question_ids=wanted[:most])


def pace_s(learner: User) -> float:
    """Seconds a question usually takes: the median of recent times from one answer of a session to the next."""
    recent = list(
        Answer.objects.filter(learner=learner, session__isnull=False)
        .order_by("-answered_at")
        .values_list("session", "answered_at")[:PACE_ANSWERS]
    )
    gaps = [
        (later - earlier).total_seconds() for (session, later), (other, earlier) in pairwise(recent) if session == other
    ]
    gaps = [gap for gap in gaps if 0 < gap <= LONGEST_PACE_S]
    return max(5.0, median(gaps)) if len(gaps) >= 10 else USUAL_PACE_S


def forecast(learner: User, now: datetime | None = None, days: int = FORECAST_DAYS) -> list[Day]:
    """How many cards fall due on each of the coming days. Today's holds what is overdue."""
    today = (now or timezone.now()).date()
    cards = ReviewCard.objects.filter(
        learner=learner, question__retired=False, due_at__lt=_start_of(today + timedelta(days=days))
    )
    per_day = _per_day(cards, "due_at")
    overdue = sum(count for day, count in per_day.items() if day < today)
    counts = [per_day.get(today + timedelta(days=n), 0) for n in range(days)]
    return [Day(today + timedelta(days=n), count + (overdue if n == 0 else 0)) for n, count in enumerate(counts)]


def retention(learner: User, settings: StudySettings, now: datetime | None = None) -> Retention:
    """What was asked for and what came of it. The first day after an answer counts as remembered, so it is left out."""
    now = now or timezone.now()
    told = Review.objects.filter(
        answer__learner=learner,
        answer__answered_at__gte=now - timedelta(days=RETENTION_DAYS),
        elapsed_days__gte=1,
    ).aggregate(
        total=Count("pk"),
        known=Count("pk", filter=Q(rating__gt=Review.Rating.AGAIN)),
        expected=Avg("retrievability"),
    )
    return Retention(plan_of(settings).retention_on(now.date()), told["known"], told["total"], told["expected"])


def calendar(learner: User, now: datetime | None = None, weeks: int = CALENDAR_WEEKS) -> list[list[Day | None]]:
    """Seven rows, Monday first, of as many weeks, the last one running; None for a day to come."""
    today = (now or timezone.now()).date()
    first = today - timedelta(days=today.weekday() + 7 * (weeks - 1))
    answers = Answer.objects.filter(learner=learner, answered_at__gte=_start_of(first), review__isnull=False)
    per_day = _per_day(answers, "answered_at")

    def at(weekday: int, week: int) -> Day | None:
        day = first + timedelta(days=7 * week + weekday)
        return Day(day, per_day.get(day, 0)) if day <= today else None

    return [[at(weekday, week) for week in range(weeks)] for weekday in range(7)]


def busiest(days: Sequence[Day]) -> int:
    """The highest count of these days, 1 at least: what a full bar stands for."""
    return max(1, *(day.count for day in days))


def _due(learner: User, now: datetime) -> QuerySet[ReviewCard]:
    """Cards due by the end of today; what a running exam holds can wait for its end."""
    end = _start_of(now.date() + timedelta(days=1))
    due = ReviewCard.objects.filter(learner=learner, due_at__lt=end, question__retired=False)
    return due.exclude(question__in=_in_exam(learner))


def _new(learner: User) -> QuerySet[Question]:
    return matching(learner, Choice(history="unseen")).exclude(pk__in=_in_exam(learner))


def _in_exam(learner: User) -> QuerySet[AttemptItem, str]:
    running = AttemptItem.objects.filter(attempt__learner=learner, attempt__closed_at=None)
    return running.values_list("question", flat=True)


def _per_day(rows: QuerySet[Answer] | QuerySet[ReviewCard], time: str) -> dict[date, int]:
    """Rows per day of UTC. Times are text that begins with the day: SQLite would ask Python for each row's date."""
    day = Substr(Cast(time, CharField()), 1, 10)
    counted = rows.annotate(day=day).values_list("day").annotate(Count("pk")).order_by()
    return {date.fromisoformat(day): count for day, count in counted}


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
