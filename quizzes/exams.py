"""Exams: their forms and blueprints, drawing questions to them, and what right answers come to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from quizzes.exam_guide import DOMAINS, Domain, domain_of
from quizzes.models import Answer, Attempt, AttemptItem, Question
from quizzes.practice import LearnerIsGone, offered, shuffled

# The exam gives 130 minutes for 65 questions, and 160 to those who were granted 30 more.
MINUTES, EXTENDED_MINUTES, QUESTIONS = 130, 160, 65
MINUTES_PER_QUESTION = MINUTES / QUESTIONS
LONGEST_DRILL = 20
# The scale of the score report. How raw scores map to it is not published; this line is the practice scale.
SCALE_LOW, SCALE_HIGH, SCALE_PASS = 100, 1000, 720


@dataclass(frozen=True)
class Form:
    """What an exam of a kind should hold: per domain, the questions that count and those that do not."""

    kind: Attempt.Kind
    scored: Mapping[int, int]
    unscored: Mapping[int, int]

    @property
    def length(self) -> int:
        return sum(self.scored.values()) + sum(self.unscored.values())


MOCK = Form(Attempt.Kind.MOCK, {1: 15, 2: 13, 3: 12, 4: 10}, {1: 4, 2: 4, 3: 4, 4: 3})
SHORT = Form(Attempt.Kind.SHORT, {1: 6, 2: 5, 3: 5, 4: 4}, {})
FORMS = {form.kind: form for form in (MOCK, SHORT)}


@dataclass(frozen=True)
class Cell:
    """One domain of a form: how many questions it asks for, and how many the bank can put there."""

    domain: Domain
    wanted: int
    offered: int

    @property
    def drawn(self) -> int:
        return min(self.wanted, self.offered)

    @property
    def missing(self) -> int:
        return self.wanted - self.drawn


@dataclass(frozen=True)
class Supply:
    """What the bank can give to a form, domain by domain."""

    form: Form
    cells: tuple[Cell, ...]

    @property
    def length(self) -> int:
        return sum(cell.drawn for cell in self.cells)

    @property
    def complete(self) -> bool:
        return not any(cell.missing for cell in self.cells)

    @property
    def minutes(self) -> int:
        return minutes_for(self.length)

    @property
    def extended_minutes(self) -> int:
        return minutes_for(self.length, extended=True)


@dataclass(frozen=True)
class Drawn:
    question_id: str
    scored: bool


def minutes_for(questions: int, extended: bool = False) -> int:
    """As many minutes as the exam gives to so many questions; the whole exam has 130, or 160."""
    return ceil(questions * (EXTENDED_MINUTES if extended else MINUTES) / QUESTIONS)


def supplies() -> dict[Attempt.Kind, Supply]:
    """For each form, what the bank can give to it."""
    in_bank = Counter(domain_of(task).number for task in offered().values_list("task", flat=True))
    return {kind: _supply(form, in_bank) for kind, form in FORMS.items()}


def draw(form: Form, tasks: Mapping[str, str], last_met: Mapping[str, datetime], seed: str) -> list[Drawn]:
    """Questions for a form, in the order of the exam.

    `tasks` maps the ids of the bank to their tasks, `last_met` those the learner has answered to when. Unseen
    questions come first, spread over the tasks of a domain, then those met longest ago. A domain that the bank cannot
    fill gives what it has; the questions that count are drawn first.
    """
    by_domain: dict[int, list[str]] = defaultdict(list)
    for id in preferred(tasks, last_met, seed):
        by_domain[domain_of(tasks[id]).number].append(id)
    drawn = []
    for domain in DOMAINS:
        scored, unscored = form.scored.get(domain.number, 0), form.unscored.get(domain.number, 0)
        chosen = by_domain[domain.number][: scored + unscored]
        drawn += [Drawn(id, place < scored) for place, id in enumerate(chosen)]
    return _mixed(drawn, seed)


def drill(ids: Iterable[str], last_met: Mapping[str, datetime], seed: str) -> list[Drawn]:
    """Up to 20 of one pattern's questions, all of which count."""
    chosen = preferred(dict.fromkeys(ids, ""), last_met, seed)[:LONGEST_DRILL]
    return _mixed([Drawn(id, True) for id in chosen], seed)


def preferred(tasks: Mapping[str, str], last_met: Mapping[str, datetime], seed: str) -> list[str]:
    """Ids in the order in which to draw them: unseen ones in turns from each task, then seen ones, oldest first."""
    turns: Counter[str] = Counter()
    ranks: dict[str, tuple[bool, float]] = {}
    for id in shuffled(tasks, f"{seed}:draw"):
        if id in last_met:
            ranks[id] = (True, last_met[id].timestamp())
        else:
            ranks[id] = (False, turns[tasks[id]])
            turns[tasks[id]] += 1
    return sorted(ranks, key=ranks.__getitem__)


def begin(
    learner: User, kind: Attempt.Kind, pattern: str = "", extended: bool = False, now: datetime | None = None
) -> Attempt | None:
    """Start an attempt and return it, or the one that is still running: nobody sits two exams at once.

    None if the bank has no question for it. Raises LearnerIsGone if the learner was merged or deleted meanwhile.
    """
    now = now or timezone.now()
    with transaction.atomic():
        # A double click on "start" waits here and then finds the attempt of the first one.
        if not User.objects.select_for_update().filter(pk=learner.pk).exists():
            raise LearnerIsGone
        running = Attempt.objects.filter(learner=learner, closed_at=None, deadline_at__gt=now).first()
        if running:
            return running
        id = uuid4()
        tasks = dict(offered(pattern).values_list("id", "task"))
        last_met = _last_met(learner)
        form = FORMS.get(kind)
        drawn = draw(form, tasks, last_met, str(id)) if form else drill(tasks, last_met, str(id))
        if not drawn:
            return None
        attempt = Attempt.objects.create(
            id=id,
            learner=learner,
            kind=kind,
            pattern=pattern,
            complete=len(drawn) == (form.length if form else len(drawn)),
            length=len(drawn),
            started_at=now,
            deadline_at=now + timedelta(minutes=minutes_for(len(drawn), extended)),
        )
        AttemptItem.objects.bulk_create(_items(attempt, drawn))
        return attempt


def practice_scale(right: float, scored: int) -> int:
    """The raw share on the scale of the score report, by a straight line: 720 is 68.9 % right."""
    return round(SCALE_LOW + (SCALE_HIGH - SCALE_LOW) * right / scored)


def _supply(form: Form, in_bank: Mapping[int, int]) -> Supply:
    cells = (
        Cell(
            domain,
            form.scored.get(domain.number, 0) + form.unscored.get(domain.number, 0),
            in_bank.get(domain.number, 0),
        )
        for domain in DOMAINS
    )
    return Supply(form, tuple(cells))


def _mixed(drawn: Sequence[Drawn], seed: str) -> list[Drawn]:
    """In an order that tells neither the domain nor what counts."""
    by_id = {item.question_id: item for item in drawn}
    return [by_id[id] for id in shuffled(by_id, f"{seed}:order")]


def _last_met(learner: User) -> dict[str, datetime]:
    # In the order of time, so that the latest answer to a question is the one that stays.
    return dict(
        Answer.objects.filter(learner=learner).order_by("answered_at").values_list("question_id", "answered_at")
    )


def _items(attempt: Attempt, drawn: Collection[Drawn]) -> list[AttemptItem]:
    questions = Question.objects.in_bulk([item.question_id for item in drawn])
    return [
        AttemptItem(
            attempt=attempt,
            number=number,
            question_id=item.question_id,
            shown=shuffled(range(len(questions[item.question_id].options)), f"{attempt.id}:{item.question_id}"),
            scored=item.scored,
        )
        for number, item in enumerate(drawn, start=1)
    ]
