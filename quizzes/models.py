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
    """A row of questions a learner set out to answer. `pattern` is the one they share, if any; `name` says more."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="practice_sessions")
    pattern = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=200, blank=True)
    question_ids: models.JSONField[Any, list[str]] = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["learner", "-created_at"], name="sessions_of_a_learner")]

    def __str__(self) -> str:
        return f"{len(self.question_ids)} questions: {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("practice_session", args=[self.id])

    @property
    def title(self) -> str:
        return self.name or TITLES.get(self.pattern, self.pattern) or "All patterns"


class Attempt(models.Model):
    """One sitting of an exam: its questions and their order are fixed, its deadline is the server's."""

    class Kind(models.TextChoices):
        MOCK = "mock", "Mock exam"
        SHORT = "short", "Short form"
        DRILL = "drill", "Pattern drill"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="attempts")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    pattern = models.CharField(max_length=80, blank=True)
    complete = models.BooleanField(help_text="Whether the bank could fill the whole form.")
    length = models.PositiveSmallIntegerField(help_text="How many questions.")
    started_at = models.DateTimeField(default=timezone.now)
    deadline_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["learner", "-started_at"], name="attempts_of_a_learner"),
            models.Index(fields=["deadline_at"], condition=models.Q(closed_at=None), name="open_attempts_by_deadline"),
        ]

    def __str__(self) -> str:
        return f"{self.title} of {self.length} questions"

    def get_absolute_url(self) -> str:
        return reverse("exam", args=[self.id])

    @property
    def title(self) -> str:
        """The name of the form, which says what it is not."""
        if self.kind == self.Kind.DRILL:
            return f"Pattern drill: {TITLES.get(self.pattern, self.pattern)}"
        return self.get_kind_display() if self.complete else f"{self.get_kind_display()}, incomplete"


class AttemptItem(models.Model):
    """A question in its place in an attempt, with the answer as it stands.

    `chosen`, `flagged` and `guessed` each hold the change with the highest sequence number that was acknowledged.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveSmallIntegerField()
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="items")
    shown: models.JSONField[Any, list[int]] = models.JSONField(help_text="The options' places in the bank, as shown.")
    scored = models.BooleanField(help_text="Whether it counts; nobody is told before the end.")
    chosen: models.JSONField[Any, list[int]] = models.JSONField(default=list)
    chosen_sequence = models.BigIntegerField(default=0)
    chosen_at = models.DateTimeField(null=True, blank=True)
    flagged = models.BooleanField(default=False)
    flagged_sequence = models.BigIntegerField(default=0)
    guessed = models.BooleanField(default=False)
    guessed_sequence = models.BigIntegerField(default=0)
    spent_ms = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    correct = models.BooleanField(null=True, blank=True, help_text="Set when the attempt is closed.")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "number"], name="one_item_per_number"),
            models.UniqueConstraint(fields=["attempt", "question"], name="a_question_once_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.question_id}"


class AttemptChange(models.Model):
    """A change that was acknowledged. Rows are added and never altered: what an item holds follows from them."""

    class Field(models.TextChoices):
        CHOSEN = "chosen"
        FLAGGED = "flagged"
        GUESSED = "guessed"
        SPENT_MS = "spent_ms"

    item = models.ForeignKey(AttemptItem, on_delete=models.CASCADE, related_name="changes")
    sequence = models.BigIntegerField()
    field = models.CharField(max_length=8, choices=Field.choices)
    value: models.JSONField[Any, list[int] | bool | int] = models.JSONField()
    made_at = models.DateTimeField(help_text="When the learner made it, as their browser says, within what can be.")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["item", "sequence"], name="one_change_per_sequence_number")]

    def __str__(self) -> str:
        return f"{self.field} of item {self.item_id} at {self.sequence}"


class Answer(models.Model):
    """What a learner chose, once per question and practice session or closed attempt.

    Only a first exposure says what they know: the earliest answer, which no feedback can have preceded.
    """

    session = models.ForeignKey(
        PracticeSession, on_delete=models.CASCADE, related_name="answers", null=True, blank=True
    )
    item = models.OneToOneField(AttemptItem, on_delete=models.CASCADE, related_name="answer", null=True, blank=True)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    shown: models.JSONField[Any, list[int]] = models.JSONField(help_text="The options' places in the bank, as shown.")
    chosen: models.JSONField[Any, list[int]] = models.JSONField(help_text="The chosen options' places in the bank.")
    certainty = models.CharField(max_length=6, choices=Certainty.choices, blank=True)
    correct = models.BooleanField()
    first_exposure = models.BooleanField()
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["answered_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "question"], name="one_answer_per_session_and_question"),
            models.CheckConstraint(
                condition=models.Q(session=None, item__isnull=False) | models.Q(session__isnull=False, item=None),
                name="an_answer_is_from_practice_or_from_an_exam",
            ),
            models.UniqueConstraint(
                fields=["learner", "question"],
                condition=models.Q(first_exposure=True),
                name="one_first_exposure_per_learner_and_question",
            ),
        ]
        indexes = [
            models.Index(fields=["learner", "question", "answered_at"], name="answers_of_a_learner"),
            models.Index(fields=["learner", "answered_at"], name="answers_of_a_learner_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.question_id}: {'right' if self.correct else 'wrong'}"


class Mark(models.Model):
    """What a learner noted on a question for themselves."""

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="marks")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="marks")
    flagged = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "question"], name="one_mark_per_learner_and_question")
        ]

    def __str__(self) -> str:
        return f"{self.question_id}: {'flagged' if self.flagged else 'noted'}"


class Report(models.Model):
    """A learner says that something is wrong with a question. Whoever runs the place replies and settles it."""

    class Kind(models.TextChoices):
        KEY = "key", "The marked answer is not right"
        UNCLEAR = "unclear", "The question is unclear"
        OUTDATED = "outdated", "It is out of date"
        SOURCE = "source", "A source is missing or wrong"
        OTHER = "other", "Something else"

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reports")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="reports")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    reply = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["learner", "question"], name="reports_of_a_learner")]

    def __str__(self) -> str:
        return f"{self.question_id}: {self.get_kind_display()}"


class StudySettings(models.Model):
    """How a learner wants to study. Without a row the defaults hold."""

    learner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="study_settings")
    exam_date = models.DateField(null=True, blank=True)
    desired_retention = models.FloatField(default=0.90, help_text="The share of due questions to still know, 0 to 1.")
    new_per_day = models.PositiveSmallIntegerField(default=10)
    reviews_per_day = models.PositiveSmallIntegerField(default=60)

    class Meta:
        verbose_name_plural = "study settings"

    def __str__(self) -> str:
        return f"retention {self.desired_retention:g}, exam on {self.exam_date or 'no day yet'}"


class ReviewCard(models.Model):
    """How well a learner remembers a question, and when to ask it again. It follows from the reviews alone."""

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="review_cards")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="review_cards")
    stability = models.FloatField(help_text="Days until the chance of remembering falls to 90 %.")
    difficulty = models.FloatField(help_text="1, easy to keep, to 10.")
    reviews = models.PositiveIntegerField(help_text="How many answers it rests on.")
    lapses = models.PositiveIntegerField(help_text="How many of them forgot it after it was known.")
    last_review_at = models.DateTimeField()
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "question"], name="one_card_per_learner_and_question")
        ]
        indexes = [models.Index(fields=["learner", "due_at"], name="cards_of_a_learner_by_due")]

    def __str__(self) -> str:
        return f"{self.question_id}, due {self.due_at:%Y-%m-%d}"


class Review(models.Model):
    """How one answer was rated: the log that review cards follow from."""

    class Rating(models.IntegerChoices):
        AGAIN = 1
        HARD = 2
        GOOD = 3

    answer = models.OneToOneField(Answer, on_delete=models.CASCADE, primary_key=True, related_name="review")
    rating = models.PositiveSmallIntegerField(choices=Rating.choices)
    elapsed_days = models.FloatField(null=True, help_text="Since the review before; empty for the first.")
    retrievability = models.FloatField(null=True, help_text="The chance of remembering it that was reckoned with.")

    def __str__(self) -> str:
        return f"{self.answer_id}: {self.get_rating_display()}"
