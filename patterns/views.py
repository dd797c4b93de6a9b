"""The library and one page of it."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from patterns.catalogue import CATEGORIES, TASKS, TITLES
from patterns.models import Pattern


@require_safe
def patterns(request: HttpRequest) -> HttpResponse:
    """The library: what is written, shelf by shelf."""
    written = list(Pattern.objects.only("slug", "title", "category", "order", "summary", "tasks", "sandbox"))
    shelves = [(category, [page for page in written if page.category == category.title]) for category in CATEGORIES]
    context = {
        "shelves": [(category, pages) for category, pages in shelves if pages],
        "written": len(written),
        "planned": len(TITLES),
    }
    return render(request, "patterns/patterns.html", context)


@require_safe
def pattern(request: HttpRequest, slug: str) -> HttpResponse:
    """One page, as its text was loaded."""
    page = Pattern.objects.filter(slug=slug).first()
    if page is None:
        raise Http404(_absence(slug))
    context = {
        "pattern": page,
        "tasks": [(task, TASKS[task]) for task in page.tasks if task in TASKS],
        "sources": [_shown(source) for source in page.sources],
        "has_sandbox": any(part["kind"] == "sandbox" for part in page.parts),
    }
    return render(request, "patterns/pattern.html", context)


def _absence(slug: str) -> str:
    title = TITLES.get(slug)
    return f"The page “{title}” is planned but not written yet." if title else f"There is no pattern called {slug}."


def _shown(source: dict[str, str]) -> dict[str, Any]:
    """A source with its host's name and the day it was checked as a date."""
    return {**source, "host": urlsplit(source["url"]).hostname, "checked": date.fromisoformat(source["checked"])}
