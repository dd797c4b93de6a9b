"""What is kept of a page: checked, sanitised and ready to show, so that a view is one query."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from patterns.catalogue import GUIDES


class Pattern(models.Model):
    """One page of the library, as its file said when it was loaded.

    `terms` are those it defines: {"slug", "term", "also": [...], "definition": HTML}; `glossed` those of other pages
    that it uses, in the same form with "page" and "title"; `nearby` the pages "before" and "after" it, each with its
    "slug" and "title".
    `parts` is the body in order: {"kind": "html" | "diagram" | "sandbox", ...}, see patterns.markup. Everything in
    it is sanitised; a nonce is never stored.
    """

    slug = models.SlugField(primary_key=True, max_length=60)
    title = models.CharField(max_length=80)
    category = models.CharField(max_length=60)
    order = models.PositiveSmallIntegerField()
    summary = models.CharField(max_length=160)
    tasks = models.JSONField(default=list)
    services = models.JSONField(default=list)
    keywords = models.JSONField(default=list)
    sandbox = models.CharField(max_length=60, blank=True)
    related = models.JSONField(default=list)
    sources = models.JSONField(default=list)
    terms = models.JSONField(default=list)
    glossed = models.JSONField(default=list)
    nearby = models.JSONField(default=dict)
    cheat_sheet = models.JSONField(default=list)
    parts = models.JSONField(default=list)
    toc = models.JSONField(default=list)
    fingerprint = models.CharField(max_length=64)

    class Meta:
        ordering = ["order", "title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("pattern", args=[self.slug])

    @property
    def is_guide(self) -> bool:
        return self.category == GUIDES


class Reading(models.Model):
    """A learner has marked a page as read. Pages are known by slug: one that is rewritten stays read."""

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="readings")
    slug = models.SlugField("page", max_length=60, db_index=False)
    read_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-read_at", "slug"]
        constraints = [models.UniqueConstraint(fields=["learner", "slug"], name="a_page_is_read_once")]

    def __str__(self) -> str:
        return f"{self.slug}, read by {self.learner}"


class LoadedContent(models.Model):
    """What the content looked like when it was last loaded, so that a start with nothing new has nothing to do."""

    name = models.CharField(primary_key=True, max_length=20)
    fingerprint = models.CharField(max_length=64)
    loaded_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "loaded content"

    def __str__(self) -> str:
        return self.name
