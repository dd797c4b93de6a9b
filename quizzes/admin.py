"""The bank and the answers, to look at. Questions come from files, answers from learners: neither is edited here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from quizzes.models import Answer, PracticeSession, Question


class ReadOnly:
    """Nothing is added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
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
