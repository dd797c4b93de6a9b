"""Review cards: kept from the answers as they come, in the transaction that saves them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict

from accounts.models import User
from quizzes.memory import Plan, Rated, due_after, rating_of, replay
from quizzes.models import Answer, Review, ReviewCard, StudySettings

CARD_FIELDS = ["stability", "difficulty", "reviews", "lapses", "last_review_at", "due_at"]


def settings_of(learner: User | int | None) -> StudySettings:
    """What a learner has set, or the defaults, unsaved."""
    kept = StudySettings.objects.filter(learner=learner).first() if learner else None
    return kept or StudySettings()


def plan_of(settings: StudySettings) -> Plan:
    return Plan(settings.exam_date, settings.desired_retention)


def rate_answers(answers: Sequence[Answer]) -> None:
    """Rate answers of one learner that were just saved, and bring their cards up to date.

    Call it in the transaction that saved them, with the learner locked. Takes the same few queries for any number.
    """
    if not answers:
        return
    Review.objects.bulk_create([Review(answer=answer, rating=_rating(answer)) for answer in answers])
    rebuild(answers[0].learner_id, {answer.question_id for answer in answers})


def rebuild(learner_id: int, questions: Collection[str]) -> None:
    """Make the cards of these questions what their reviews say, in whatever order those came to be known."""
    plan = plan_of(settings_of(learner_id))
    cards, changed = [], []
    for question_id, log in _logs(learner_id, questions).items():
        memory, steps = replay([Rated(review.answer.answered_at, review.rating) for review in log], plan)
        cards.append(ReviewCard(learner_id=learner_id, question_id=question_id, **asdict(memory)))
        for review, step in zip(log, steps, strict=True):
            if (review.elapsed_days, review.retrievability) != (step.elapsed_days, step.retrievability):
                review.elapsed_days, review.retrievability = step.elapsed_days, step.retrievability
                changed.append(review)
    Review.objects.bulk_update(changed, ["elapsed_days", "retrievability"], batch_size=200)
    ReviewCard.objects.bulk_create(
        cards, update_conflicts=True, unique_fields=["learner", "question"], update_fields=CARD_FIELDS
    )


def reschedule(learner_id: int) -> None:
    """Move every card of a learner to the day their settings ask for. What they remember stays as it is."""
    plan = plan_of(settings_of(learner_id))
    moved = []
    for card in ReviewCard.objects.filter(learner=learner_id):
        due_at = due_after(card.stability, card.last_review_at, plan)
        if due_at != card.due_at:
            card.due_at = due_at
            moved.append(card)
    ReviewCard.objects.bulk_update(moved, ["due_at"], batch_size=500)


def merge(guest: User, user: User) -> None:
    """Move a guest's cards, once their answers and settings have moved."""
    cards = ReviewCard.objects.filter(learner=guest)
    shared = set(cards.filter(question__review_cards__learner=user).values_list("question", flat=True))
    cards.filter(question__in=shared).delete()
    cards.update(learner=user)
    rebuild(user.pk, shared)
    reschedule(user.pk)


def _rating(answer: Answer) -> int:
    return int(rating_of(answer.correct, answer.certainty, in_exam=answer.item_id is not None))


def _logs(learner_id: int, questions: Iterable[str]) -> dict[str, list[Review]]:
    """Question id -> its reviews in order of time."""
    logs = defaultdict(list)
    found = Review.objects.filter(answer__learner=learner_id, answer__question__in=questions)
    for review in found.select_related("answer").order_by("answer__answered_at", "answer"):
        logs[review.answer.question_id].append(review)
    return logs
