"""Kept experiments, to look at and to delete. They are a learner's own words, so nobody edits them here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from sandboxes.models import Experiment


@admin.register(Experiment)
class ExperimentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["title", "slug", "page", "learner", "created_at"]
    list_filter = ["slug", "page"]
    search_fields = ["title", "note"]
    list_select_related = ["learner"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
