"""What a learner keeps of the sandboxes. A run itself is its address; only a kept one is a row."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

TITLE_LENGTH = 120
NOTE_LENGTH = 2_000


class Experiment(models.Model):
    """A sandbox's address with a title and a note.

    `params` is the whole parameter set as it was, so that a later change of defaults changes no kept experiment.
    `extras` is the rest of the address's query, as it was written: what a baseline or a sweep adds to a run.
    """

    class Page(models.TextChoices):
        RUN = "run", "Run"
        REPLICATIONS = "replications", "Replications"
        SWEEP = "sweep", "Sweep"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="experiments")
    slug = models.SlugField("simulation", max_length=80, db_index=False)
    version = models.PositiveIntegerField(help_text="The simulation's version when it was saved.")
    page = models.CharField(max_length=12, choices=Page.choices, default=Page.RUN)
    params: models.JSONField[Any, dict[str, Any]] = models.JSONField()
    seed = models.PositiveBigIntegerField()
    extras = models.TextField(blank=True)
    title = models.CharField(max_length=TITLE_LENGTH)
    note = models.TextField(max_length=NOTE_LENGTH, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["learner", "-created_at"], name="experiments_of_a_learner")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("experiment", args=[self.id])
