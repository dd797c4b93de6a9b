"""The pages as they were loaded, to look at. They come from files and are changed there."""

from __future__ import annotations

from django.contrib import admin

from accounts.read_only import ReadOnly
from patterns.models import LoadedContent, Pattern


@admin.register(Pattern)
class PatternAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["title", "slug", "category", "order", "sandbox"]
    list_filter = ["category"]
    search_fields = ["slug", "title", "summary"]


@admin.register(LoadedContent)
class LoadedContentAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "loaded_at", "fingerprint"]
