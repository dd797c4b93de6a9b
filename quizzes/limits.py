"""How often practice may begin. Whoever begins costs rows: a session, and the first time a guest."""

from __future__ import annotations

from allauth.core.internal.ratelimit import consume
from django.http import HttpRequest

WINDOW_S = 60 * 60
MOST_STARTS = 60
STARTS = {"guest": f"{MOST_STARTS}/h/ip", "account": f"{MOST_STARTS}/h/user"}


def may_start(request: HttpRequest) -> bool:
    """Counts one more session for this account, or for a guest's address; False when there were too many."""
    who = "account" if request.user.is_authenticated else "guest"
    return consume(request, app="quizzes", action=who, config=STARTS) is not None
