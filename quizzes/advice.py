"""What to do next, and why: a few rules in a fixed order, each with the numbers it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from quizzes import agenda, reviews
from quizzes.choosing import Choice, matching
from quizzes.exam_guide import DOMAINS
from quizzes.mastery import ENOUGH, Mastery
from quizzes.models import Attempt

MOST = 4
EXAM_EVERY = timedelta(days=14)


@dataclass(frozen=True)
class Step:
    """Something to do: what, why, and where."""

    what: str
    why: str
    address: str


def next_steps(learner: User, mastery: Mastery, now: datetime | None = None) -> list[Step]:
    """The most useful things first, `MOST` at most."""
    now = now or timezone.now()
    # Lazily: what does not fit is not asked of the database.
    steps = chain(
        _reviews(learner, now),
        _sure_and_wrong(learner),
        _costliest_domain(mastery),
        _thinnest_domain(mastery),
        _guessed(learner),
        _exam(learner, mastery, now),
    )
    return list(islice(steps, MOST))


def _reviews(learner: User, now: datetime) -> Iterator[Step]:
    today = agenda.today_of(learner, reviews.settings_of(learner), now)
    if today.reviews_left:
        yield Step(
            f"Review {_questions(today.reviews_left)}",
            f"{'It is' if today.reviews_left == 1 else 'They are'} due today: a later day finds more of it forgotten.",
            reverse("reviews"),
        )


def _sure_and_wrong(learner: User) -> Iterator[Step]:
    if count := matching(learner, Choice(history="misjudged")).count():
        yield Step(
            f"Go over {_questions(count)} you were sure of and had wrong",
            "What one is wrongly sure of, one does not look up.",
            _practice(history="misjudged"),
        )


def _costliest_domain(mastery: Mastery) -> Iterator[Step]:
    """Where the share wrong, times the domain's share of the exam, is largest, among those with enough evidence."""
    costs = []
    for domain in DOMAINS:
        tally = mastery.per_domain[domain.number]
        if tally.first >= ENOUGH and tally.first_right < tally.first and mastery.unseen_per_domain[domain.number]:
            costs.append((domain.share_percent * (1 - tally.first_right / tally.first), domain, tally))
    if costs:
        cost, domain, tally = max(costs, key=lambda row: row[0])
        yield Step(
            f"New questions on {domain.title}",
            f"You had {tally.first_right} of {tally.first} right at first sight, and it is {domain.share_percent} % "
            f"of the exam: about {cost:.0f} of 100 points are lost there, more than in any other domain known so far.",
            _practice(domain=domain.number, history="unseen"),
        )


def _thinnest_domain(mastery: Mastery) -> Iterator[Step]:
    """Where too little is known for the largest part of the exam."""
    thin = [
        domain
        for domain in DOMAINS
        if mastery.per_domain[domain.number].first < ENOUGH and mastery.unseen_per_domain[domain.number]
    ]
    if thin:
        domain = max(thin, key=lambda domain: domain.share_percent)
        answers = mastery.per_domain[domain.number].first
        yield Step(
            f"A first look at {domain.title}",
            f"It is {domain.share_percent} % of the exam, and there are {answers} first answers on it: "
            f"a range takes {ENOUGH}.",
            _practice(domain=domain.number, history="unseen"),
        )


def _guessed(learner: User) -> Iterator[Step]:
    if count := matching(learner, Choice(history="guessed")).count():
        yield Step(
            f"Turn {_questions(count)} from guessed to known",
            "You had the answer right by a guess, which is luck and not knowledge.",
            _practice(history="guessed"),
        )


def _exam(learner: User, mastery: Mastery, now: datetime) -> Iterator[Step]:
    recent = Attempt.objects.filter(learner=learner, started_at__gte=now - EXAM_EVERY).exclude(kind=Attempt.Kind.DRILL)
    if not mastery.readiness.lacking and not recent.exists():
        yield Step(
            "Sit an exam against the clock",
            f"You know something of every domain, and have sat none in the last {EXAM_EVERY.days} days.",
            reverse("exams"),
        )


def _practice(**choice: str | int) -> str:
    return f"{reverse('practice')}?{urlencode(choice)}"


def _questions(count: int) -> str:
    return "1 question" if count == 1 else f"{count} questions"
