"""The library and one page of it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.db.models import Manager, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import replace_url
from django_htmx.middleware import HtmxDetails

from patterns.catalogue import TASKS, TITLES
from patterns.forms import LibraryForm
from patterns.library import in_reading_order, library
from patterns.models import Pattern
from patterns.relations import INVERSE, map_of


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails


@require_safe
@vary_on_headers("HX-Request")
def patterns(request: HtmxRequest) -> HttpResponse:
    """The library, shelf by shelf or as a search finds it; the shelves alone for who has the rest already."""
    form = LibraryForm(request.GET)
    wanted = form.wanted()
    context = {"form": form, "library": library(wanted), "wanted": wanted, "planned": len(TITLES)}
    template = "patterns/patterns.html" + ("#shelves" if request.htmx else "")
    response = render(request, template, context)
    return replace_url(response, f"{request.path}?{urlencode(wanted)}".rstrip("?")) if request.htmx else response


@require_safe
def pattern(request: HttpRequest, slug: str) -> HttpResponse:
    """One page, as its text was loaded."""
    page = _page_or_404(Pattern.objects, slug)
    context = {
        "pattern": page,
        "tasks": _told_tasks(page),
        "sources": [_shown(source) for source in page.sources],
        "has_sandbox": any(part["kind"] == "sandbox" for part in page.parts),
    }
    return render(request, "patterns/pattern.html", context)


@require_safe
def cheat_sheet(request: HttpRequest, slug: str) -> HttpResponse:
    """A page's cheat sheet alone, made to be printed on one sheet of paper."""
    page = _page_or_404(Pattern.objects.only("slug", "title", "summary", "cheat_sheet", "tasks", "services"), slug)
    if not page.cheat_sheet:
        raise Http404(f"The page “{page.title}” has no cheat sheet.")
    return render(request, "patterns/cheat_sheet.html", {"pattern": page, "tasks": _told_tasks(page)})


@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """Every service that a page names in its front matter, with those pages in reading order."""
    found: dict[str, list[Pattern]] = {}
    for page in in_reading_order(Pattern.objects.only("slug", "title", "category", "order", "services")):
        for service in page.services:
            found.setdefault(service, []).append(page)
    by_name = sorted(found.items(), key=lambda pair: pair[0].removeprefix("Amazon ").removeprefix("AWS ").casefold())
    return render(request, "patterns/services.html", {"services": by_name})


@require_safe
def relations(request: HttpRequest) -> HttpResponse:
    """The map: a picture of how the patterns relate, and the same as a list."""
    drawn = map_of(Pattern.objects.only("slug", "title", "category", "order", "related"))
    kinds = [(words.split()[0], words) for words in INVERSE]
    number = sum(len(group.nodes) for group in drawn.groups)
    return render(request, "patterns/map.html", {"map": drawn, "kinds": kinds, "number": number})


@require_safe
def glossary(request: HttpRequest) -> HttpResponse:
    """Every term that a page defines, in the order of the alphabet."""
    pages = Pattern.objects.only("slug", "title", "order", "terms")
    terms = [{**term, "page": page} for page in pages for term in page.terms]
    terms.sort(key=lambda term: term["slug"])
    letters = [(letter, list(some)) for letter, some in groupby(terms, key=lambda term: term["slug"][0].upper())]
    return render(request, "patterns/glossary.html", {"letters": letters, "number": len(terms)})


def _page_or_404(pages: QuerySet[Pattern] | Manager[Pattern], slug: str) -> Pattern:
    page = pages.filter(slug=slug).first()
    if page is None:
        raise Http404(_absence(slug))
    return page


def _told_tasks(page: Pattern) -> list[tuple[str, str]]:
    return [(task, TASKS[task]) for task in page.tasks if task in TASKS]


def _absence(slug: str) -> str:
    title = TITLES.get(slug)
    return f"The page “{title}” is planned but not written yet." if title else f"There is no pattern called {slug}."


def _shown(source: dict[str, str]) -> dict[str, Any]:
    """A source with its host's name and the day it was checked as a date."""
    return {**source, "host": urlsplit(source["url"]).hostname, "checked": date.fromisoformat(source["checked"])}
