"""When to ask a question again: the rules of FSRS with an exam in sight. Nothing here knows the database.

Model     FSRS 6 with its published weights (the library `fsrs`), whole days, nothing random.
Rating    Wrong, or right by a guess: Again. Right but unsure: Hard. Right and sure: Good.
Exam      Until the final week no interval is longer than a third of the days left, so that each question comes
          again at least once in that week. There, what is answered has had its last pass: no such limit.
Source    https://github.com/open-spaced-repetition/awesome-fsrs/wiki/The-Algorithm
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import cast

from fsrs import Card, Rating, Scheduler, State
from fsrs.scheduler import DEFAULT_PARAMETERS

DEFAULT_RETENTION = 0.90
RETENTION_BEFORE_EXAM = 0.95
BEFORE_EXAM_DAYS = 14
FINAL_WEEK_DAYS = 7
# Without an exam in sight, a year: a question older than that may have aged more than the memory of it.
LONGEST_DAYS = 365
DECAY = -DEFAULT_PARAMETERS[20]
FACTOR = 0.9 ** (1 / DECAY) - 1


@dataclass(frozen=True)
class Plan:
    """What a learner asks of their memory. `retention` is the share of due questions to still know, 0 to 1."""

    exam_date: date | None = None
    retention: float = DEFAULT_RETENTION

    def days_left(self, day: date) -> int | None:
        """Days from `day` to the exam; None without an exam or after it."""
        days = (self.exam_date - day).days if self.exam_date else -1
        return days if days >= 0 else None

    def retention_on(self, day: date) -> float:
        """What is asked for of an answer given on `day`: more in the last two weeks before the exam."""
        days = self.days_left(day)
        near = days is not None and days <= BEFORE_EXAM_DAYS
        return max(self.retention, RETENTION_BEFORE_EXAM) if near else self.retention

    def longest_days(self, day: date) -> int:
        """The longest interval after an answer given on `day`."""
        days = self.days_left(day)
        return min(LONGEST_DAYS, days // 3) if days is not None and days > FINAL_WEEK_DAYS else LONGEST_DAYS


@dataclass(frozen=True)
class Rated:
    """One answer: when it was given (UTC), and its rating."""

    at: datetime
    rating: int


@dataclass(frozen=True)
class Memory:
    """What is reckoned of one question. `stability` in days, `difficulty` 1 to 10."""

    stability: float
    difficulty: float
    reviews: int
    lapses: int
    last_review_at: datetime
    due_at: datetime


@dataclass(frozen=True)
class Step:
    """How an answer stood to the one before: days between them, and the chance of remembering; None for the first."""

    elapsed_days: float | None
    retrievability: float | None


def rating_of(correct: bool, certainty: str, in_exam: bool = False) -> Rating:
    """The rating of an answer. In an exam nobody says how sure they are, but may mark a guess: the rest is Good."""
    if not correct or certainty == "guess":
        return Rating.Again
    return Rating.Good if certainty == "sure" or in_exam else Rating.Hard


def review(memory: Memory | None, rated: Rated, plan: Plan) -> Memory:
    """The memory after one more answer, which is not earlier than the last."""
    at = rated.at.astimezone(UTC)
    day = at.date()
    card, _ = _scheduler(plan.retention_on(day), plan.longest_days(day)).review_card(
        _card(memory), Rating(rated.rating), at
    )
    forgot = memory is not None and rated.rating == Rating.Again
    return Memory(
        stability=cast(float, card.stability),
        difficulty=cast(float, card.difficulty),
        reviews=memory.reviews + 1 if memory else 1,
        lapses=(memory.lapses if memory else 0) + forgot,
        last_review_at=at,
        due_at=card.due,
    )


def replay(ratings: Sequence[Rated], plan: Plan) -> tuple[Memory, list[Step]]:
    """The memory that these answers, in order of time, leave behind, and how each stood to the one before."""
    memory: Memory | None = None
    steps = []
    for rated in ratings:
        steps.append(_step(memory, rated.at))
        memory = review(memory, rated, plan)
    if memory is None:
        raise ValueError("ratings is empty; a memory takes at least one answer")
    return memory, steps


def due_after(stability: float, last_review_at: datetime, plan: Plan) -> datetime:
    """When a question of this stability, last answered then, is due under `plan`: as `review` would have it."""
    day = last_review_at.astimezone(UTC).date()
    days = round(stability / FACTOR * (plan.retention_on(day) ** (1 / DECAY) - 1))
    return last_review_at + timedelta(days=min(max(days, 1), plan.longest_days(day)))


def retrievability(stability: float, last_review_at: datetime, at: datetime) -> float:
    """The chance of remembering, 0 to 1. The first day counts as fully remembered."""
    days = max(0, (at - last_review_at).days)
    return float((1 + FACTOR * days / stability) ** DECAY)


def _step(memory: Memory | None, at: datetime) -> Step:
    if memory is None:
        return Step(None, None)
    elapsed = (at - memory.last_review_at) / timedelta(days=1)
    return Step(elapsed, retrievability(memory.stability, memory.last_review_at, at))


def _card(memory: Memory | None) -> Card:
    # The library would wait a millisecond to make up an id.
    if memory is None:
        return Card(card_id=0)
    return Card(
        card_id=0,
        state=State.Review,
        stability=memory.stability,
        difficulty=memory.difficulty,
        due=memory.due_at,
        last_review=memory.last_review_at,
    )


@lru_cache(maxsize=512)
def _scheduler(retention: float, longest_days: int) -> Scheduler:
    """Whole days only: asked again after ten minutes, a question shows that its reasons were just read."""
    return Scheduler(
        desired_retention=retention,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=longest_days,
        enable_fuzzing=False,
    )
