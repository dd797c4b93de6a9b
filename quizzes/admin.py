"""The bank and the answers, to look at. Questions come from files, answers from learners: neither is edited here.

Only reports are: whoever runs the place replies, and settles them.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.read_only import ReadOnly
from quizzes import attempts
from quizzes.models import (
    Answer,
    Attempt,
    AttemptChange,
    AttemptItem,
    Mark,
    PracticeSession,
    Question,
    QuestionPattern,
    Report,
    Review,
    ReviewCard,
    StudySettings,
)


class QuestionPatternInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = QuestionPattern


@admin.register(Question)
class QuestionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "type", "task", "difficulty", "level", "retired"]
    list_filter = ["retired", "type", "task", "patterns__pattern"]
    search_fields = ["id", "stem"]
    inlines = [QuestionPatternInline]


@admin.register(QuestionPattern)
class QuestionPatternAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["question", "pattern"]
    list_filter = ["pattern"]
    search_fields = ["question__id"]
    list_select_related = ["question"]


class LargeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """A table that grows with every answer: not counted whole for each of its pages."""

    show_full_result_count = False
    list_per_page = 50


@admin.register(PracticeSession)
class PracticeSessionAdmin(LargeAdmin):
    list_display = ["id", "learner", "title", "created_at"]
    list_select_related = ["learner"]
    search_fields = ["learner__email", "name", "pattern"]


@admin.register(Answer)
class AnswerAdmin(LargeAdmin):
    list_display = ["question", "learner", "correct", "certainty", "first_exposure", "answered_at"]
    list_filter = ["correct", "certainty", "first_exposure"]
    list_select_related = ["question", "learner"]
    search_fields = ["question__id", "learner__email"]
    ordering = ["-id"]


class AttemptItemInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = AttemptItem
    fields = ["number", "question", "scored", "chosen", "flagged", "guessed", "spent_ms", "correct"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AttemptItem]:
        return super().get_queryset(request).select_related("question")


@admin.register(Attempt)
class AttemptAdmin(LargeAdmin):
    list_display = ["id", "learner", "kind", "pattern", "length", "started_at", "deadline_at", "closed_at"]
    list_filter = ["kind", "complete"]
    list_select_related = ["learner"]
    search_fields = ["learner__email", "pattern"]
    inlines = [AttemptItemInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        attempts.close_overdue(Attempt.objects.all())
        return super().get_queryset(request)


@admin.register(AttemptItem)
class AttemptItemAdmin(LargeAdmin):
    list_display = ["attempt_id", "number", "question", "scored", "chosen", "flagged", "guessed", "correct"]
    list_filter = ["scored", "correct"]
    list_select_related = ["question"]
    search_fields = ["question__id"]
    ordering = ["-id"]


@admin.register(AttemptChange)
class AttemptChangeAdmin(LargeAdmin):
    list_display = ["item", "field", "value", "sequence", "made_at", "received_at"]
    list_filter = ["field"]
    list_select_related = ["item"]
    ordering = ["-id"]


@admin.register(Mark)
class MarkAdmin(LargeAdmin):
    list_display = ["question", "learner", "flagged", "changed_at"]
    list_filter = ["flagged"]
    list_select_related = ["question", "learner"]
    search_fields = ["question__id", "learner__email"]
    ordering = ["-id"]


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What is wrong with a question, in a learner's words. The reply is shown to them beside the question."""

    list_display = ["question", "kind", "learner", "created_at", "resolved_at"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "kind"]
    list_select_related = ["question", "learner"]
    search_fields = ["question__id", "text", "reply"]
    readonly_fields = ["question", "learner", "kind", "text", "created_at"]
    fields = [*readonly_fields, "reply", "resolved_at"]
    actions = ["settle"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Settle the selected reports", permissions=["change"])
    def settle(self, request: HttpRequest, reports: QuerySet[Report]) -> None:
        settled = reports.filter(resolved_at=None).update(resolved_at=timezone.now())
        self.message_user(request, f"{settled} settled.")


@admin.register(StudySettings)
class StudySettingsAdmin(LargeAdmin):
    list_display = ["learner", "exam_date", "desired_retention", "new_per_day", "reviews_per_day"]
    list_select_related = ["learner"]
    search_fields = ["learner__email"]


@admin.register(ReviewCard)
class ReviewCardAdmin(LargeAdmin):
    list_display = ["question", "learner", "stability", "difficulty", "reviews", "lapses", "due_at"]
    list_select_related = ["question", "learner"]
    search_fields = ["question__id", "learner__email"]
    ordering = ["-id"]


@admin.register(Review)
class ReviewAdmin(LargeAdmin):
    list_display = ["answer", "rating", "elapsed_days", "retrievability"]
    list_filter = ["rating"]
    list_select_related = ["answer"]
    search_fields = ["answer__question__id"]
    ordering = ["-answer_id"]
