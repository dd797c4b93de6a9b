"""Stands for what an app keeps: rows of the admin's log, which already belong to a user."""

from django.contrib.admin.models import ADDITION, LogEntry
from django.db.models import QuerySet

from accounts.models import User


def note(user: User, text: str) -> None:
    LogEntry.objects.create(user=user, action_flag=ADDITION, object_repr=text)


def notes(user: User) -> list[str]:
    return list(LogEntry.objects.filter(user=user).order_by("pk").values_list("object_repr", flat=True))


def empty_handed(learners: QuerySet[User]) -> QuerySet[User]:
    return learners.filter(logentry__isnull=True)


def export(user: User) -> dict[str, object]:
    return {"notes": notes(user)}


def merge(guest: User, user: User) -> None:
    LogEntry.objects.filter(user=guest).update(user=user)
