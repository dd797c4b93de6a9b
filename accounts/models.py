"""A learner: a guest of one browser, or an account with an e-mail address."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


def today() -> date:
    return timezone.now().date()


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An account. Raises ValueError without an address; without a password nobody can sign in to it."""
        if not email:
            raise ValueError("email is empty; an account needs an address")
        return self._create(email=email, password=password, is_guest=False, **fields)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def create_guest(self) -> User:
        """Someone without an account: rows can belong to them, nobody can sign in as them."""
        return self._create(email=None, password=None, is_guest=True)

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email=email.lower() if email else None)

    def _create(self, password: str | None, **fields: Any) -> User:
        user = self.model(**fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField("e-mail address", unique=True, null=True, blank=True)
    is_guest = models.BooleanField("guest", default=False)
    is_staff = models.BooleanField("may use the admin", default=False)
    is_active = models.BooleanField("may sign in", default=True)
    created_at = models.DateTimeField("since", default=timezone.now, editable=False)
    last_seen_on = models.DateField("last seen", default=today, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_account_per_address"),
            models.CheckConstraint(
                condition=models.Q(is_guest=True, email__isnull=True) | models.Q(is_guest=False, email__isnull=False),
                name="guests_and_only_guests_have_no_address",
            ),
        ]
        indexes = [models.Index(fields=["last_seen_on"], condition=models.Q(is_guest=True), name="guests_by_last_seen")]

    def __str__(self) -> str:
        return self.email or f"guest {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.lower() if self.email else None
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Django's own would turn a guest's missing address into an empty one."""
        self.email = self.email.lower() if self.email else None
