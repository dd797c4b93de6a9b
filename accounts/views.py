"""Pages about oneself, and the page that asks people to slow down."""

from __future__ import annotations

from math import ceil

from allauth.core.internal.ratelimit import get_rates
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import services
from accounts.forms import ReauthenticateForm

# Which of settings.ACCOUNT_RATE_LIMITS can stop a person at which address.
LIMITS_AT = {
    "account_login": ("login", "login_failed"),
    "account_signup": ("signup",),
    "account_reset_password": ("reset_password",),
    "account_reset_password_from_key": ("reset_password_from_key",),
    "account_change_password": ("change_password",),
    "account_reauthenticate": ("reauthenticate", "login_failed"),
    "account_delete": ("login_failed",),
}


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/account.html", {"learner": services.current_learner(request)})


@require_safe
@never_cache
def export(request: HttpRequest) -> HttpResponse:
    """All that is kept of the learner, as a JSON file."""
    learner = services.current_learner(request)
    if learner is None:
        return redirect("account")
    name = f"halfopen-{timezone.now():%Y-%m-%d}.json"
    return JsonResponse(
        services.export(learner),
        json_dumps_params={"indent": 2, "ensure_ascii": False},
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
@never_cache
def delete(request: HttpRequest) -> HttpResponse:
    """Asks once more, an account for its password too; then nothing is left."""
    learner = services.current_learner(request)
    if learner is None:
        return redirect("account")
    form = None if learner.is_guest else ReauthenticateForm(request.POST or None, user=learner)
    if request.method == "POST" and (form is None or form.is_valid()):
        services.delete(learner)
        logout(request)
        messages.success(request, "Everything we kept about you is deleted.")
        return redirect("home")
    return render(request, "accounts/delete.html", {"learner": learner, "form": form})


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """The answer to whoever was throttled: when to come back, in words and as a header."""
    wait_s = _longest_window_s(request)
    response = render(request, "429.html", {"wait_minutes": ceil(wait_s / 60)}, status=429)
    response["Retry-After"] = str(ceil(wait_s))
    return response


def _longest_window_s(request: HttpRequest) -> float:
    """After this long without another try, no limit of this page holds any more."""
    place = request.resolver_match.url_name if request.resolver_match else None
    actions = LIMITS_AT.get(place or "", ())
    rates = [rate for action in actions for rate in get_rates(app="allauth.account", action=action)]
    return max((rate.duration for rate in rates), default=60)
