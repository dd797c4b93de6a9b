"""allauth's forms in our words: labels instead of placeholders, help where it is needed."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django.contrib import messages
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import User

LABELS = {
    "login": "E-mail address",
    "email": "E-mail address",
    "password": "Password",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "New password, again",
}
PASSWORD_HELP = "At least 10 characters. A few words that only you would put together work well."  # noqa: S105
EMAIL_LENGTH = 254


class Worded:
    """Our labels and help on an allauth form."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS[name]
            field.help_text = PASSWORD_HELP if name == "password1" else ""
            field.error_messages["required"] = "Please fill this in."
            field.widget.attrs.pop("placeholder", None)
            if name in ("login", "email"):
                field.widget.attrs["maxlength"] = EMAIL_LENGTH
                field.validators.append(MaxLengthValidator(EMAIL_LENGTH))


class LoginForm(Worded, allauth_forms.LoginForm):  # type: ignore[misc]
    pass


class SignupForm(Worded, allauth_forms.SignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = "Password"

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """A form sent twice at once finds the address taken only when it saves."""
        try:
            with transaction.atomic():
                user, response = super().try_save(request)
        except IntegrityError:
            messages.info(request, "There is an account with this address now. Please sign in to it.")
            return None, redirect("account_login")
        return user, response


class ReauthenticateForm(Worded, allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(Worded, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPasswordForm(Worded, allauth_forms.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(Worded, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(Worded, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    pass
