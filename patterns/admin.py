"""What learners have read, to look at. Pages come from files and marks from learners: neither is edited here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from patterns.models import Reading


@admin.register(Reading)
class ReadingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["slug", "learner", "read_at"]
    list_filter = ["slug"]
    list_select_related = ["learner"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
