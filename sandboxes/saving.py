"""How often an experiment may be saved. Whoever saves costs rows: the experiment, and the first time a guest."""

from __future__ import annotations

from allauth.core.internal.ratelimit import consume
from django.http import HttpRequest

WINDOW_S = 60 * 60
MOST_SAVES = 120
SAVES = {"guest": f"{MOST_SAVES}/h/ip", "account": f"{MOST_SAVES}/h/user"}


def may_save(request: HttpRequest) -> bool:
    """Counts one more save for this account, or for a guest's address; False when there were too many."""
    who = "account" if request.user.is_authenticated else "guest"
    return consume(request, app="sandboxes", action=who, config=SAVES) is not None
