"""Where allauth meets our people: signing in takes the guest along, throttling answers 429, mail may fail."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse

from accounts import services
from accounts.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This address and password do not belong together. Check both and try again.",
        "email_taken": "There is already an account with this address: sign in to it, or ask for a new password.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
        "invalid_password_reset": "This link has been used already, or is too old.",
    }

    def login(self, request: HttpRequest, user: User) -> None:
        # Before Django's own login, which may flush the session that knows the guest; a failure here changes nothing.
        guest = services.guest_of(request)
        if guest:
            _bring_along(request, guest, user)
        super().login(request, user)
        request.session.pop(services.GUEST_SESSION_KEY, None)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as blocked:
            raise ImmediateHttpResponse(respond_429(request)) from blocked

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is down must not undo a sign-up, nor tell by an error which addresses have accounts."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError:
            logger.exception("mail_not_sent", extra={"template": template_prefix})
            messages.error(self.request, "The mail could not be sent just now. Please try again in a few minutes.")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account")

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return reverse("account")


def _bring_along(request: HttpRequest, guest: User, user: User) -> None:
    try:
        services.merge_guest(guest, user)
    except DatabaseError as error:
        logger.exception("guest_not_merged", extra={"guest": guest.pk, "user": user.pk})
        messages.error(
            request,
            "Your account is fine, but what you did as a guest could not be moved into it. Nothing is lost: "
            "please sign in again in a moment.",
        )
        raise ImmediateHttpResponse(redirect("account_login")) from error
    messages.success(request, "What you did as a guest is in your account now.")
