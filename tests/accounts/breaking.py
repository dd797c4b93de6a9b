"""Stands for an app whose merge fails after others have moved their rows."""

from django.db import OperationalError

from accounts.models import User


def export(user: User) -> dict[str, object]:
    return {}


def merge(guest: User, user: User) -> None:
    raise OperationalError("database is locked")
