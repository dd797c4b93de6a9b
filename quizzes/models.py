"""The bank's questions, and what each learner answered."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, TypedDict

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from patterns.catalogue import TASKS, TITLES
from patterns.models import Pattern
from quizzes.exam_guide import Domain, domain_of


class OptionRow(TypedDict):
    text: str
    correct: bool
    reason: str


class SourceRow(TypedDict):
    title: str
    url: str
    checked: str


class Certainty(models.TextChoices):
    """How sure the learner says they are, before they see the answer."""

    GUESS = "guess", "Guessing"
    UNSURE = "unsure", "Unsure"
    SURE = "sure", "Sure"


class Question(models.Model):
    """One item of the bank. Its id is never reused: a changed stem or key is a new question."""

    class Type(models.TextChoices):
        MULTIPLE_CHOICE = "multiple-choice", "one of four"
        MULTIPLE_RESPONSE = "multiple-response", "several of five or more"

    id = models.SlugField(primary_key=True, max_length=80)
    type = models.CharField(max_length=20, choices=Type.choices)
    stem = models.TextField()
    options: models.JSONField[Any, list[OptionRow]] = models.JSONField()
    task = models.CharField(max_length=3)
    difficulty = models.PositiveSmallIntegerField()
    level = models.CharField(max_length=10)
    sandbox = models.CharField(max_length=500, blank=True)
    sources: models.JSONField[Any, list[SourceRow]] = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    retired = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.id

    @property
    def keys(self) -> frozenset[int]:
        """Which options are right, by their place in the bank."""
        return frozenset(index for index, option in enumerate(self.options) if option["correct"])

    @property
    def takes_several(self) -> bool:
        return self.type == self.Type.MULTIPLE_RESPONSE

    @property
    def task_title(self) -> str:
        return TASKS[self.task]

    @property
    def domain(self) -> Domain:
        return domain_of(self.task)

    @property
    def sandbox_url(self) -> str:
        """The run that shows the point of the question, else the sandbox of a pattern it is about, else nothing."""
        slug, _, query = (self.sandbox or self._sandbox_of_a_pattern()).partition("?")
        return reverse("sandbox", args=[slug]) + (f"?{query}" if query else "") if slug else ""

    @property
    def dated_sources(self) -> list[tuple[SourceRow, date]]:
        """Each source with the day it was checked."""
        return [(source, date.fromisoformat(source["checked"])) for source in self.sources]

    def _sandbox_of_a_pattern(self) -> str:
        slugs = [link.pattern for link in self.patterns.all()]
        found = Pattern.objects.filter(slug__in=slugs).exclude(sandbox="").values_list("sandbox", flat=True)
        return found.first() or ""


class QuestionPattern(models.Model):
    """A question is about a pattern. Patterns are known here by slug alone; content checks it when it loads."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="patterns")
    pattern = models.SlugField(max_length=80)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["pattern", "question"], name="a_pattern_once_per_question")]

    def __str__(self) -> str:
        return f"{self.question_id} on {self.pattern}"

    @property
    def title(self) -> str:
        return TITLES.get(self.pattern, self.pattern)


class PracticeSession(models.Model):
    """A row of questions a learner set out to answer. `pattern` is the chosen filter; empty means all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="practice_sessions")
    pattern = models.CharField(max_length=80, blank=True)
    question_ids: models.JSONField[Any, list[str]] = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["learner", "-created_at"], name="sessions_of_a_learner")]

    def __str__(self) -> str:
        return f"{len(self.question_ids)} questions on {self.pattern or 'everything'}"

    def get_absolute_url(self) -> str:
        return reverse("practice_session", args=[self.id])

    @property
    def title(self) -> str:
        return TITLES.get(self.pattern, self.pattern) or "All patterns"


class Answer(models.Model):
    """What a learner chose, once per question and session. Only a first exposure says what they know."""

    session = models.ForeignKey(PracticeSession, on_delete=models.CASCADE, related_name="answers")
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    shown: models.JSONField[Any, list[int]] = models.JSONField(help_text="The options' places in the bank, as shown.")
    chosen: models.JSONField[Any, list[int]] = models.JSONField(help_text="The chosen options' places in the bank.")
    certainty = models.CharField(max_length=6, choices=Certainty.choices)
    correct = models.BooleanField()
    first_exposure = models.BooleanField()
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["answered_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "question"], name="one_answer_per_session_and_question"),
            models.UniqueConstraint(
                fields=["learner", "question"],
                condition=models.Q(first_exposure=True),
                name="one_first_exposure_per_learner_and_question",
            ),
        ]
        indexes = [models.Index(fields=["learner", "question", "answered_at"], name="answers_of_a_learner")]

    def __str__(self) -> str:
        return f"{self.question_id}: {'right' if self.correct else 'wrong'}"
