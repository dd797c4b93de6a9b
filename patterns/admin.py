"""The pages as they were loaded and who has read them, to look at. Pages come from files and are changed there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.read_only import ReadOnly
from patterns.models import LoadedContent, Pattern, Reading


@admin.register(Pattern)
class PatternAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["title", "slug", "category", "order", "sandbox"]
    list_filter = ["category"]
    search_fields = ["slug", "title", "summary"]


@admin.register(Reading)
class ReadingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["slug", "learner", "read_at"]
    list_filter = ["slug"]
    list_select_related = ["learner"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(LoadedContent)
class LoadedContentAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "loaded_at", "fingerprint"]
