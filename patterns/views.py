"""The library and one page of it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.db.models import Manager, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import replace_url
from django_htmx.middleware import HtmxDetails

from accounts.services import current_learner, learner_for
from patterns import reading
from patterns.catalogue import TASKS, TITLES
from patterns.forms import LibraryForm
from patterns.library import in_reading_order, library
from patterns.models import Pattern
from patterns.paths import PATHS
from patterns.reading import done_by, read_at
from patterns.relations import INVERSE, map_of


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails


@require_safe
@vary_on_headers("HX-Request")
def patterns(request: HtmxRequest) -> HttpResponse:
    """The library, shelf by shelf or as a search finds it; the shelves alone for who has the rest already."""
    form = LibraryForm(request.GET)
    wanted = form.wanted()
    done = done_by(current_learner(request))
    context = {"form": form, "library": library(wanted), "done": done, "planned": len(TITLES)}
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
        "read_at": read_at(current_learner(request), slug),
    }
    return render(request, "patterns/pattern.html", context)


@require_POST
@vary_on_headers("HX-Request")
def read(request: HtmxRequest, slug: str) -> HttpResponse:
    """Marks a page as read, or with `read=0` as not read after all; whoever marks one first becomes a guest."""
    page = _page_or_404(Pattern.objects.only("slug", "title"), slug)
    taken_back = request.POST.get("read") == "0"
    if taken_back:
        reading.unmark(current_learner(request), slug)
    elif reading.may_mark(request):
        reading.mark(learner_for(request), slug)
    else:
        response = render(request, "patterns/too_many.html", {"pattern": page, "most": reading.MOST_MARKS}, status=429)
        response["Retry-After"] = str(reading.WINDOW_S)
        return response
    if not request.htmx:
        return redirect(f"{page.get_absolute_url()}#read")
    context = {"pattern": page, "read_at": read_at(current_learner(request), slug), "taken_back": taken_back}
    return render(request, "patterns/read.html", context)


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
def paths(request: HttpRequest) -> HttpResponse:
    """The suggested orders of reading, with how far the learner has come in each."""
    done = done_by(current_learner(request))
    shown = [(path, *done.share_read(path.slugs)) for path in PATHS]
    return render(request, "patterns/paths.html", {"paths": shown})


@require_safe
def path(request: HttpRequest, slug: str) -> HttpResponse:
    """One order of reading, stage by stage, with what the learner has read and practised."""
    chosen = next((path for path in PATHS if path.slug == slug), None)
    if chosen is None:
        raise Http404(f"There is no learning path called {slug}.")
    done = done_by(current_learner(request))
    written = {page.slug: page for page in Pattern.objects.only("slug", "title", "summary", "sandbox")}
    stages = [(stage, [(slug, TITLES[slug], written.get(slug)) for slug in stage.slugs]) for stage in chosen.stages]
    read, number = done.share_read(chosen.slugs)
    context = {
        "path": chosen,
        "stages": stages,
        "done": done,
        "read": read,
        "number": number,
        "next": next((written[slug] for slug in chosen.slugs if slug in written and slug not in done.read), None),
    }
    return render(request, "patterns/path.html", context)


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
