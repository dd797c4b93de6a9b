"""What a learner has read and practised, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from allauth.core.internal.ratelimit import consume
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.module_loading import import_string

from accounts.models import User
from patterns.models import Reading

# Whoever marks a page costs a row, and the first time a guest.
WINDOW_S = 60 * 60
MOST_MARKS = 200
MARKS = {"guest": f"{MOST_MARKS}/h/ip", "account": f"{MOST_MARKS}/h/user"}


class Practice(Protocol):
    """What practice tells of one pattern."""

    @property
    def answered(self) -> int: ...

    @property
    def possible_answers(self) -> int: ...


@dataclass(frozen=True)
class Done:
    """What one learner has done with the pages, by slug."""

    read: Mapping[str, datetime] = field(default_factory=dict)
    practised: Mapping[str, Practice] = field(default_factory=dict)

    @property
    def anything(self) -> bool:
        return bool(self.read or self.practised)

    def share_read(self, slugs: Iterable[str]) -> tuple[int, int]:
        """How many of the pages are read, and how many there are."""
        pages = list(slugs)
        return sum(slug in self.read for slug in pages), len(pages)


def done_by(learner: User | None) -> Done:
    """What a learner has read, and the patterns on which they have answered a question. No query for nobody."""
    if learner is None:
        return Done()
    read = dict(Reading.objects.filter(learner=learner).values_list("slug", "read_at"))
    told: Mapping[str, Practice] = import_string(settings.PRACTICE_OF_A_LEARNER)(learner)
    return Done(read, {slug: practice for slug, practice in told.items() if practice.answered})


def read_at(learner: User | None, slug: str) -> datetime | None:
    """When a learner marked a page as read, or None."""
    if learner is None:
        return None
    return Reading.objects.filter(learner=learner, slug=slug).values_list("read_at", flat=True).first()


def mark(learner: User, slug: str) -> None:
    """Marks a page as read; one that is marked already stays as it was."""
    with transaction.atomic():
        # A guest may have been merged into an account in another tab a moment ago; the lock makes a merge wait.
        if User.objects.select_for_update().filter(pk=learner.pk).exists():
            Reading.objects.get_or_create(learner=learner, slug=slug)


def unmark(learner: User | None, slug: str) -> None:
    if learner:
        Reading.objects.filter(learner=learner, slug=slug).delete()


def may_mark(request: HttpRequest) -> bool:
    """Counts one more mark for this account, or for a guest's address; False when there were too many."""
    who = "account" if request.user.is_authenticated else "guest"
    return consume(request, app="patterns", action=who, config=MARKS) is not None
