"""Who is learning here, and what happens to all they keep: merged, exported, deleted."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User, today

GUEST_SESSION_KEY = "guest_id"
EXPORT_VERSION = 1


def current_learner(request: HttpRequest) -> User | None:
    """The signed-in user, else this session's guest, else None. Creates nothing."""
    return request.user if request.user.is_authenticated else guest_of(request)


def learner_for(request: HttpRequest) -> User:
    """The current learner, or a new guest bound to this session. Call it when there is something to keep."""
    return current_learner(request) or _new_guest(request)


def guest_of(request: HttpRequest) -> User | None:
    """The guest this session belongs to, also while signing in; None if there is none or it was merged or forgotten."""
    guest_id = request.session.get(GUEST_SESSION_KEY)
    if guest_id is None:
        return None
    guest = User.objects.filter(pk=guest_id, is_guest=True).first()
    if guest and guest.last_seen_on < today():
        _seen_today(request, guest)
    return guest


def merge_guest(guest: User, user: User) -> None:
    """Move all a guest keeps to an account and delete the guest, entirely or not at all.

    A guest who is already gone (another tab was faster) is no error: their rows have moved.
    """
    with transaction.atomic():
        # The lock makes a second merge, and a save by the guest in another tab, wait for this one.
        locked = User.objects.select_for_update().filter(pk=guest.pk, is_guest=True).first()
        if locked is None:
            return
        for module in _keepers().values():
            module.merge(locked, user)
        locked.delete()


def export(user: User) -> dict[str, Any]:
    """All that is kept of one learner, ready for JSON: one key for the account and one per app that keeps something."""
    account = {
        "email": user.email,
        "email_confirmed": EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists(),
        "guest": user.is_guest,
        "since": user.created_at.isoformat(),
        "last_seen_on": user.last_seen_on.isoformat(),
        "last_sign_in": user.last_login.isoformat() if user.last_login else None,
    }
    kept = {name: module.export(user) for name, module in _keepers().items()}
    return {
        "halfopen_export": EXPORT_VERSION,
        "exported_at": timezone.now().isoformat(),
        "account": account,
        **kept,
    }


def delete(user: User) -> None:
    """Remove a learner and every row that belongs to them. Their sessions on other devices end with it."""
    with transaction.atomic():
        user.delete()


def forget_guests(unseen_days: int, empty_handed_days: int) -> int:
    """Delete guests who have not come back for more than so many days. Returns how many.

    Those who left nothing worth keeping are given fewer days.
    """
    guests = User.objects.filter(is_guest=True)
    away = guests.filter(last_seen_on__lt=today() - timedelta(days=unseen_days))
    empty_handed = guests.filter(last_seen_on__lt=today() - timedelta(days=empty_handed_days))
    for module in _keepers().values():
        empty_handed = module.empty_handed(empty_handed)
    forgotten = User.objects.filter(Q(pk__in=away.values("pk")) | Q(pk__in=empty_handed.values("pk")))
    return forgotten.delete()[1].get(User._meta.label, 0)


def _new_guest(request: HttpRequest) -> User:
    guest = User.objects.create_guest()
    request.session[GUEST_SESSION_KEY] = guest.pk
    return guest


def _seen_today(request: HttpRequest, guest: User) -> None:
    guest.last_seen_on = today()
    User.objects.filter(pk=guest.pk).update(last_seen_on=guest.last_seen_on)
    # Saving the session moves its end, so a guest who keeps coming back is never forgotten by the browser.
    request.session.modified = True


def _keepers() -> dict[str, ModuleType]:
    """The modules that keep something for learners, by the name of their app."""
    return {path.partition(".")[0]: import_module(path) for path in settings.KEPT_FOR_LEARNERS}
