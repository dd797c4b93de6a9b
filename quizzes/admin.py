"""The bank and the answers, to look at. Questions come from files, answers from learners: neither is edited here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from quizzes import attempts
from quizzes.models import Answer, Attempt, AttemptItem, PracticeSession, Question


class ReadOnly:
    """Nothing is added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Question)
class QuestionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "type", "task", "difficulty", "level", "retired"]
    list_filter = ["retired", "type", "task", "patterns__pattern"]
    search_fields = ["id", "stem"]


@admin.register(PracticeSession)
class PracticeSessionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "learner", "pattern", "created_at"]


@admin.register(Answer)
class AnswerAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["question", "learner", "correct", "certainty", "first_exposure", "answered_at"]
    list_filter = ["correct", "certainty", "first_exposure"]
    list_select_related = ["question", "learner"]


class AttemptItemInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = AttemptItem
    fields = ["number", "question", "scored", "chosen", "flagged", "guessed", "spent_ms", "correct"]


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "learner", "kind", "pattern", "length", "started_at", "deadline_at", "closed_at"]
    list_filter = ["kind", "complete"]
    list_select_related = ["learner"]
    inlines = [AttemptItemInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        attempts.close_overdue(Attempt.objects.all())
        return super().get_queryset(request)
