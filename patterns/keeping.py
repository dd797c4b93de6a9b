"""What the library keeps for a learner: exported, moved from a guest to an account, or not worth keeping."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from patterns.models import Reading


def export(user: User) -> dict[str, Any]:
    """Every page marked as read, ready for JSON."""
    read = Reading.objects.filter(learner=user)
    return {"read": [{"page": reading.slug, "read_at": reading.read_at.isoformat()} for reading in read]}


def merge(guest: User, user: User) -> None:
    """Move the marks. Call it in a transaction. Of a page both have read, the earlier mark stays."""
    # The account may mark a page in another browser meanwhile.
    User.objects.select_for_update().get(pk=user.pk)
    by_user = {reading.slug: reading for reading in Reading.objects.filter(learner=user)}
    for reading in Reading.objects.filter(learner=guest):
        kept = by_user.get(reading.slug)
        if kept is None:
            reading.learner = user
            reading.save(update_fields=["learner"])
        elif reading.read_at < kept.read_at:
            Reading.objects.filter(pk=kept.pk).update(read_at=reading.read_at)


def empty_handed(learners: QuerySet[User]) -> QuerySet[User]:
    """Those who never marked a page as read."""
    return learners.filter(readings__isnull=True)
