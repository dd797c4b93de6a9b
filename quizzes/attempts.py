"""How an attempt keeps what a learner answers: nothing acknowledged is lost, nothing old overwrites what is newer.

A change names an item, one field of it, the new value and a sequence number. Browsers make sequence numbers from the
time of the change, so that with two tabs or devices the later choice wins, in whatever order the changes arrive.
Everything here touches the database only, and what is acknowledged is committed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from quizzes.models import Answer, Attempt, AttemptChange, AttemptItem, Certainty
from quizzes.practice import is_right
from quizzes.reviews import rate_answers
from quizzes.statements import insert, select, update

# Answers made before the deadline may be this late.
GRACE = timedelta(seconds=60)
HIGHEST_SEQUENCE = 2**53 - 1
LONGEST_SPENT_MS = 24 * 60 * 60 * 1000
MOST_CHANGES = 500

Field = AttemptChange.Field


class AttemptIsGone(Exception):
    """The attempt is not, or no longer, this learner's."""


@dataclass(frozen=True)
class Change:
    """What a browser asks to keep. `made_at` is its own word for when, None for just now."""

    number: int
    sequence: int
    field: str
    value: Any
    made_at: datetime | None = None


class Outcome(StrEnum):
    """What became of a change. Only `TAKEN` asks for anything: the same change under a higher number."""

    KEPT = "kept"  # logged; it stands unless something newer was known already
    REPEATED = "repeated"  # the very change is in the log
    TAKEN = "taken"  # another change has this sequence number
    LATE = "late"  # the attempt is over
    REFUSED = "refused"  # no such item, field or value


@dataclass(frozen=True)
class Saved:
    """What became of some changes, in their order, and how their attempt and its items stand now."""

    outcomes: list[Outcome]
    attempt: Attempt
    items: list[AttemptItem]


def save(attempt_id: UUID, learner: User, changes: Sequence[Change], now: datetime | None = None) -> Saved:
    """Keep changes and say what became of each, once they are committed.

    Raises AttemptIsGone if the attempt is not this learner's.
    """
    with transaction.atomic(durable=True):
        # Closing takes the same lock, so nothing is acknowledged that was not scored.
        attempt = next(iter(select(Attempt, lock=True, id=attempt_id, learner=learner.pk)), None)
        if attempt is None:
            raise AttemptIsGone
        received_at = now or timezone.now()
        if attempt.closed_at or received_at > attempt.deadline_at + GRACE:
            return Saved([Outcome.LATE] * len(changes), attempt, [])
        items = _items(attempt, {change.number for change in changes})
        log = Log(items.values(), {change.sequence for change in changes})
        outcomes = [_keep(attempt, items.get(change.number), change, log, received_at) for change in changes]
        log.write()
    return Saved(outcomes, attempt, list(items.values()))


def open_item(item: AttemptItem, now: datetime | None = None) -> None:
    """Note when an item was first shown to the learner."""
    if item.opened_at is None:
        item.opened_at = now or timezone.now()
        AttemptItem.objects.filter(pk=item.pk, opened_at=None).update(opened_at=item.opened_at)


def next_sequence(attempt: Attempt, item: AttemptItem, now: datetime | None = None) -> int:
    """A sequence number for a change made now where no browser made one; later than all the item has seen."""
    elapsed_ms = int(((now or timezone.now()) - attempt.started_at).total_seconds() * 1000)
    seen = max(item.chosen_sequence, item.flagged_sequence, item.guessed_sequence)
    return max(elapsed_ms * 1000, seen + 1)


def is_over(attempt: Attempt, now: datetime | None = None) -> bool:
    """Whether the attempt is closed, or must be when next read."""
    return attempt.closed_at is not None or (now or timezone.now()) > attempt.deadline_at + GRACE


def read(attempts: QuerySet[Attempt], attempt_id: UUID, now: datetime | None = None) -> Attempt | None:
    """The attempt as it stands, closed and scored if its time is over; None if `attempts` has no such one."""
    attempt = attempts.filter(pk=attempt_id).first()
    if attempt and attempt.closed_at is None and is_over(attempt, now):
        close(attempt_id, now)
        attempt = attempts.filter(pk=attempt_id).first()
    return attempt


def close_overdue(attempts: QuerySet[Attempt], now: datetime | None = None) -> None:
    """Close and score those of `attempts` whose time is over."""
    limit = (now or timezone.now()) - GRACE
    for id in attempts.filter(closed_at=None, deadline_at__lt=limit).values_list("id", flat=True):
        close(id, now)


def submit(attempt_id: UUID, learner: User, now: datetime | None = None) -> None:
    """End an attempt by the learner's wish. One that is closed stays as it is; raises AttemptIsGone."""
    if not Attempt.objects.filter(pk=attempt_id, learner=learner).exists():
        raise AttemptIsGone
    close(attempt_id, now, submitted=True)


def close(attempt_id: UUID, now: datetime | None = None, submitted: bool = False) -> None:
    """Score an attempt and turn its items into answers, once, whoever asks and however often."""
    closed = False
    while not closed:
        closed = _close(attempt_id, now, submitted)


def reveal(item: AttemptItem, now: datetime | None = None) -> None:
    """Note that a question of a closed attempt, never opened while it ran, has been read with its answer.

    What is answered later is no first exposure then, and neither is this.
    """
    with transaction.atomic():
        learner = User.objects.select_for_update().get(pk=item.attempt.learner_id)
        item.opened_at = now or timezone.now()
        if AttemptItem.objects.filter(pk=item.pk, opened_at=None).update(opened_at=item.opened_at):
            Answer.objects.create(
                item=item,
                learner=learner,
                question_id=item.question_id,
                shown=item.shown,
                chosen=[],
                correct=False,
                first_exposure=False,
                answered_at=item.opened_at,
            )


def _close(attempt_id: UUID, now: datetime | None, submitted: bool) -> bool:
    """False if the attempt went from a guest to an account meanwhile; then nothing has happened."""
    owner = Attempt.objects.filter(pk=attempt_id).values_list("learner", flat=True).first()
    if owner is None:
        return True
    with transaction.atomic():
        # The learner before the attempt, as a merge locks them: the other way round each might wait for the other.
        learner = User.objects.select_for_update().filter(pk=owner).first()
        attempt = Attempt.objects.select_for_update().filter(pk=attempt_id, learner=learner).first()
        if learner is None or attempt is None:
            return False
        if attempt.closed_at is None:
            at = now or timezone.now()
            attempt.closed_at = min(at, attempt.deadline_at)
            attempt.submitted_at = attempt.closed_at if submitted else None
            attempt.save(update_fields=["closed_at", "submitted_at"])
            _score(attempt)
    return True


def _score(attempt: Attempt) -> None:
    items = list(attempt.items.select_related("question"))
    for item in items:
        item.correct = is_right(item.question.keys, item.chosen)
    for correct in (True, False):
        ids = [item.pk for item in items if item.correct is correct]
        AttemptItem.objects.filter(pk__in=ids).update(correct=correct)
    # What was never opened taught nothing and shows nothing: it stays unseen.
    _answer(attempt, [item for item in items if item.opened_at])


def _answer(attempt: Attempt, items: Collection[AttemptItem]) -> None:
    """Answers from items, each dated when it was last changed: before then no feedback can have come from it.

    A question practised while the exam ran had its first exposure there unless the exam's answer was settled earlier.
    """
    answers = [_answer_from(attempt, item) for item in items]
    earliest: dict[str, datetime] = {}
    firsts: dict[str, Answer] = {}
    for other in Answer.objects.filter(learner=attempt.learner_id, question__in=[item.question_id for item in items]):
        earliest.setdefault(other.question_id, other.answered_at)
        if other.first_exposure:
            firsts[other.question_id] = other
    demoted = []
    for answer in answers:
        before = earliest.get(answer.question_id)
        answer.first_exposure = before is None or answer.answered_at < before
        if answer.first_exposure and answer.question_id in firsts:
            demoted.append(firsts[answer.question_id].pk)
    Answer.objects.filter(pk__in=demoted).update(first_exposure=False)
    Answer.objects.bulk_create(answers)
    rate_answers(answers)


def _answer_from(attempt: Attempt, item: AttemptItem) -> Answer:
    return Answer(
        item=item,
        learner_id=attempt.learner_id,
        question_id=item.question_id,
        shown=item.shown,
        chosen=item.chosen,
        certainty=Certainty.GUESS if item.guessed and item.chosen else "",
        correct=bool(item.correct),
        answered_at=(item.chosen_at if item.chosen else None) or attempt.closed_at or timezone.now(),
    )


class Log:
    """The part of an attempt's log that some changes could meet, and what they add to it."""

    def __init__(self, items: Collection[AttemptItem], sequences: Collection[int]) -> None:
        self._items = {item.pk: item for item in items}
        found = select(AttemptChange, item=tuple(self._items), sequence=tuple(sequences))
        self._known = {(change.item_id, change.sequence): change for change in found}
        self._new: list[AttemptChange] = []
        self._touched: set[int] = set()

    def at(self, item: AttemptItem, sequence: int) -> AttemptChange | None:
        return self._known.get((item.pk, sequence))

    def add(self, change: AttemptChange) -> None:
        self._known[change.item_id, change.sequence] = change
        self._new.append(change)
        self._touched.add(change.item_id)

    def write(self) -> None:
        insert(self._new)
        for pk in sorted(self._touched):
            update(self._items[pk], HELD)


HELD = [
    *("chosen", "chosen_sequence", "chosen_at", "flagged", "flagged_sequence", "guessed", "guessed_sequence"),
    *("spent_ms", "opened_at"),
]


def _items(attempt: Attempt, numbers: Collection[int]) -> dict[int, AttemptItem]:
    items = select(AttemptItem, attempt=attempt.pk, number=tuple(numbers))
    return {item.number: item for item in items}


def _keep(attempt: Attempt, item: AttemptItem | None, change: Change, log: Log, received_at: datetime) -> Outcome:
    """Log one change and bring its item up to date."""
    if item is None or not _is_sound(item, change):
        return Outcome.REFUSED
    known = log.at(item, change.sequence)
    if known:
        return Outcome.REPEATED if (known.field, known.value) == (change.field, change.value) else Outcome.TAKEN
    made_at = min(max(change.made_at or received_at, attempt.started_at), received_at)
    if made_at > attempt.deadline_at:
        return Outcome.LATE
    log.add(
        AttemptChange(
            item=item,
            sequence=change.sequence,
            field=change.field,
            value=change.value,
            made_at=made_at,
            received_at=received_at,
        )
    )
    _bring_up_to_date(item, change, made_at)
    return Outcome.KEPT


def _bring_up_to_date(item: AttemptItem, change: Change, made_at: datetime) -> None:
    item.opened_at = item.opened_at or made_at
    if change.field == Field.SPENT_MS:
        # Time is added up from all tabs, so its order does not matter.
        item.spent_ms = min(item.spent_ms + change.value, LONGEST_SPENT_MS)
    elif is_newer(change.sequence, getattr(item, f"{change.field}_sequence")):
        setattr(item, change.field, change.value)
        setattr(item, f"{change.field}_sequence", change.sequence)
        if change.field == Field.CHOSEN:
            item.chosen_at = made_at


def is_newer(sequence: int, than: int) -> bool:
    """Whether a change overwrites what an item holds."""
    return sequence > than


def _is_sound(item: AttemptItem, change: Change) -> bool:
    if not 1 <= change.sequence <= HIGHEST_SEQUENCE:
        return False
    value = change.value
    match change.field:
        case Field.CHOSEN:
            places = isinstance(value, list) and all(type(place) is int for place in value)
            return places and len(set(value)) == len(value) and set(value) <= set(item.shown)
        case Field.FLAGGED | Field.GUESSED:
            return isinstance(value, bool)
        case Field.SPENT_MS:
            return type(value) is int and 0 <= value <= LONGEST_SPENT_MS
    return False
