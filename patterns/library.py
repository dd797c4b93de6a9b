"""The library as a reader asks for it: all shelves, some of them, or what a search finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from patterns import search
from patterns.catalogue import CATEGORIES, Category
from patterns.models import Pattern

SHOWN = ("slug", "title", "category", "order", "summary", "tasks", "sandbox")
SEARCHED = ("services", "keywords", "terms")


@dataclass(frozen=True)
class Finding:
    """A page that a search found, and by what, in words: "keyword half-open"."""

    page: Pattern
    by: tuple[str, ...]


@dataclass(frozen=True)
class Library:
    """`found` is None when nothing was searched for; else the shelves are empty. `asked`: whether anything was."""

    written: int
    number: int
    shelves: Sequence[tuple[Category, Sequence[Pattern]]]
    found: Sequence[Finding] | None = None
    read_as: Mapping[str, str] = field(default_factory=dict)
    asked: bool = False


def library(wanted: Mapping[str, str]) -> Library:
    """The pages that `wanted` (q, category, task, sandbox; each may be missing) leaves. One query."""
    pages = list(Pattern.objects.only(*SHOWN, *SEARCHED))
    left = [page for page in pages if _passes(page, wanted)]
    if wanted.get("q"):
        found, read_as = _searched(in_reading_order(left), wanted["q"])
        return Library(len(pages), len(found), (), found, read_as, asked=True)
    return Library(len(pages), len(left), on_shelves(left), asked=bool(wanted))


def on_shelves(pages: Iterable[Pattern]) -> list[tuple[Category, list[Pattern]]]:
    """The shelves that hold any of the pages, with the pages in their order."""
    pages = list(pages)
    shelves = [(category, [page for page in pages if page.category == category.title]) for category in CATEGORIES]
    return [(category, on_it) for category, on_it in shelves if on_it]


def in_reading_order(pages: Iterable[Pattern]) -> list[Pattern]:
    return [page for _, on_shelf in on_shelves(pages) for page in on_shelf]


def _passes(page: Pattern, wanted: Mapping[str, str]) -> bool:
    return (
        wanted.get("category") in (None, page.category)
        and (wanted.get("task") is None or wanted["task"] in page.tasks)
        and (wanted.get("sandbox") is None or bool(page.sandbox))
    )


def _searched(pages: Sequence[Pattern], query: str) -> tuple[list[Finding], Mapping[str, str]]:
    by_slug = {page.slug: page for page in pages}
    found = search.search({page.slug: _entries(page) for page in pages}, query)
    findings = [Finding(by_slug[hit.slug], tuple(dict.fromkeys(map(_told, hit.matches)))) for hit in found.hits]
    return findings, found.read_as


def _entries(page: Pattern) -> tuple[search.Entry, ...]:
    return search.entries(
        {
            "title": [page.title],
            "keyword": page.keywords,
            "service": page.services,
            "term": [name for term in page.terms for name in (term["term"], *term["also"])],
            "summary": [page.summary],
        }
    )


def _told(entry: search.Entry) -> str:
    return f"the {entry.field}" if entry.field in ("title", "summary") else f"{entry.field} “{entry.text}”"
