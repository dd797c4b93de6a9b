"""Reads the pages in patterns/content, checks them and saves them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Literal

import yaml
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from patterns.catalogue import CATEGORIES, GUIDES, SHELF_OF, TASKS, TITLES
from patterns.gloss import Term
from patterns.markup import Rendered, astray, inline, inline_problems, render, url_problem
from patterns.models import Pattern
from patterns.sandbox_links import sandbox_link

FOLDER = Path(__file__).parent / "content"

SECTIONS = (
    "The problem",
    "How it works",
    "Parameters and what each trades",
    "On AWS",
    "When to use it, and when not",
    "What goes wrong in practice",
    "Combined with",
    "Disputed or out of date",
    "Check yourself",
)


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a content file: where it is, and what to do about it."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.message}"


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Related(Part):
    slug: str
    relation: Literal["combined with", "alternative to", "builds on", "contrasts with"]
    why: str = Field(min_length=1)

    @field_validator("slug")
    @classmethod
    def _is_a_pattern(cls, slug: str) -> str:
        if slug not in TITLES:
            raise ValueError(f"there is no pattern {slug} in the catalogue")
        return slug


class Source(Part):
    title: str = Field(min_length=1)
    url: str
    checked: date

    @field_validator("url")
    @classmethod
    def _is_sound(cls, url: str) -> str:
        problem = url_problem(url)
        if problem:
            raise ValueError(problem)
        return url


class DefinedTerm(Part):
    """A word of the field that this page defines for all others. `also` are other names for it."""

    term: str = Field(min_length=2, max_length=60)
    definition: str = Field(min_length=1, max_length=320)
    also: tuple[str, ...] = ()

    @field_validator("term")
    @classmethod
    def _has_an_address(cls, term: str) -> str:
        if not _address(term):
            raise ValueError(f"is {term}; use letters or digits")
        return term

    @property
    def slug(self) -> str:
        return _address(self.term)


class FrontMatter(Part):
    """What a page says about itself, above its text."""

    slug: str
    title: str = Field(min_length=1, max_length=80)
    category: str
    order: int = Field(ge=0, le=999)
    summary: str = Field(min_length=1, max_length=160)
    tasks: tuple[str, ...] = Field(min_length=1)
    sandbox: str | None = None
    services: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    terms: tuple[DefinedTerm, ...] = ()
    related: tuple[Related, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)
    cheat_sheet: tuple[str, ...] = ()

    @property
    def is_guide(self) -> bool:
        """Guides compare patterns: they have sections of their own and may do without a cheat sheet."""
        return self.category == GUIDES

    @field_validator("slug")
    @classmethod
    def _is_planned(cls, slug: str) -> str:
        if slug not in TITLES:
            raise ValueError(f"there is no pattern {slug} in the catalogue")
        return slug

    @field_validator("category")
    @classmethod
    def _is_a_shelf(cls, category: str) -> str:
        shelves = [shelf.title for shelf in CATEGORIES]
        if category not in shelves:
            raise ValueError(f"is {category}; use {', '.join(shelves)}")
        return category

    @field_validator("tasks")
    @classmethod
    def _are_tasks(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if task not in TASKS:
                raise ValueError(f"there is no task {task} in the exam guide; use {', '.join(TASKS)}")
        return tasks

    @field_validator("sandbox")
    @classmethod
    def _is_a_sandbox(cls, sandbox: str | None) -> str | None:
        for problem in sandbox_link(sandbox).problems if sandbox is not None else ():
            raise ValueError(problem)
        return sandbox


@dataclass(frozen=True)
class Page:
    """A checked page: the values of one Pattern row."""

    slug: str
    values: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        return sha256(json.dumps(self.values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Draft:
    """A file whose front matter holds; its text waits until all pages are known."""

    path: Path
    front: FrontMatter
    body: str
    first_line: int


def read_pages(folder: Path = FOLDER) -> tuple[list[Page], list[Finding]]:
    """Every page of `folder`, rendered and sanitised, and everything that is wrong with them.

    Writes nothing. Pages are only fit to be saved when there is no finding.
    """
    drafts, findings = read_drafts(folder)
    titles = {draft.front.slug: draft.front.title for draft in drafts}
    terms = [term for draft in drafts for term in _terms(draft.front)]
    bodies = {draft.front.slug: _render(draft, folder, titles, terms) for draft in drafts}
    anchors = {slug: body.ids for slug, body in bodies.items()}
    nearby = _nearby(titles)
    findings += _defined_twice(drafts)
    pages = []
    for draft in drafts:
        body = bodies[draft.front.slug]
        pages.append(_page(draft.front, body, titles, nearby[draft.front.slug]))
        problems = chain(body.problems, astray(body, anchors), _text_problems(draft.front, body, titles))
        findings += [Finding(draft.path.name, *problem) for problem in problems]
    return pages, findings


def read_drafts(folder: Path = FOLDER) -> tuple[list[Draft], list[Finding]]:
    """Every file of `folder` whose front matter holds, one to a slug, and what is wrong with the others."""
    drafts: list[Draft] = []
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.md")):
        draft, problems = _read(path)
        findings += problems
        if draft and any(draft.front.slug == other.front.slug for other in drafts):
            findings.append(Finding(path.name, "slug", f"{draft.front.slug} is taken by another file"))
        elif draft:
            drafts.append(draft)
    return drafts, findings


def save_pages(pages: Iterable[Page]) -> dict[str, int]:
    """Makes the library hold exactly `pages`, in one transaction. Counts of new, changed, unchanged and removed.

    Saving the same again changes nothing.
    """
    with transaction.atomic():
        kept = dict(Pattern.objects.values_list("slug", "fingerprint"))
        verdicts = [_save(page, kept.pop(page.slug, None)) for page in pages]
        Pattern.objects.filter(slug__in=kept).delete()
    counts = {verdict: verdicts.count(verdict) for verdict in ("new", "changed", "unchanged")}
    return {**counts, "removed": len(kept)}


def _save(page: Page, before: str | None) -> str:
    if before == page.fingerprint:
        return "unchanged"
    Pattern.objects.update_or_create(slug=page.slug, defaults={**page.values, "fingerprint": page.fingerprint})
    return "new" if before is None else "changed"


# One file -----------------------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[Draft | None, list[Finding]]:
    """The file's front matter and text, or what keeps us from having them."""
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return None, [Finding(path.name, f"byte {error.start}", "is not UTF-8 text")]
    found = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    if not found:
        return None, [Finding(path.name, "line 1", "has no front matter; start with --- and end it with ---")]
    try:
        values = yaml.safe_load(found[1])
        front = FrontMatter.model_validate(values if isinstance(values, dict) else {})
    except yaml.YAMLError as error:
        return None, [Finding(path.name, _yaml_line(error), f"front matter is not YAML: {_yaml_problem(error)}")]
    except ValidationError as error:
        return None, _field_findings(path.name, error.errors())
    findings = [Finding(path.name, *problem) for problem in _front_problems(front, path.stem)]
    return Draft(path, front, text[found.end() :], found[0].count("\n") + 1), findings


def _front_problems(front: FrontMatter, file_stem: str) -> Iterator[tuple[str, str]]:
    """What is wrong with fields that are sound one by one."""
    if file_stem != front.slug:
        yield "slug", f"is {front.slug}; name the file {front.slug}.md"
    if front.category != SHELF_OF[front.slug]:
        yield "category", f"is {front.category}; the catalogue has {front.slug} under {SHELF_OF[front.slug]}"
    if not front.cheat_sheet and not front.is_guide:
        yield "cheat_sheet", "is empty; give at least one"


def _field_findings(file: str, errors: Sequence[Any]) -> list[Finding]:
    # A list whose only entry is wrong counts as too short as well; the entry's own mistake says it all.
    spoilt = {error["loc"][0] for error in errors if len(error["loc"]) > 1}
    return [_field_finding(file, error) for error in errors if len(error["loc"]) > 1 or error["loc"][0] not in spoilt]


def _field_finding(file: str, error: Any) -> Finding:
    """A pydantic error in our words: the field, the value, the allowed range."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"]).lstrip(".")
    context = error.get("ctx", {})
    messages = {
        "missing": "is missing",
        "extra_forbidden": f"is not a field; use {', '.join(FrontMatter.model_fields)}",
        "string_too_long": f"has {len(str(error['input']))} characters; use at most {context.get('max_length')}",
        "string_too_short": "is empty",
        "too_short": "is empty; give at least one",
        "int_parsing": f"is {error['input']}; use a whole number",
        "date_from_datetime_parsing": f"is {error['input']}; use a date such as 2026-11-23",
        "literal_error": f"is {error['input']}; use {context.get('expected')}",
    }
    message = messages.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    return Finding(file, where or "front matter", message)


def _yaml_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 2}" if mark else "front matter"


def _yaml_problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)


def _render(draft: Draft, folder: Path, titles: Mapping[str, str], terms: Sequence[Term]) -> Rendered:
    others = [term for term in terms if term.page != draft.front.slug]
    return render(draft.body, draft.first_line, lambda name: _diagram(folder, name), titles, others)


def _terms(front: FrontMatter) -> Iterator[Term]:
    for term in front.terms:
        yield Term(term.slug, term.term, term.also, inline(term.definition), front.slug, front.title)


def _address(term: str) -> str:
    """How a term is called in the address of its place in the glossary."""
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _defined_twice(drafts: Iterable[Draft]) -> Iterator[Finding]:
    """Names of terms that are taken: a reader who meets one must find one definition."""
    first: dict[str, str] = {}
    for draft in drafts:
        for index, term in enumerate(draft.front.terms):
            for name in dict.fromkeys(map(_address, (term.term, *term.also))):
                if name in first:
                    yield Finding(draft.path.name, f"terms[{index}]", f"{name} is defined by {first[name]} already")
                first.setdefault(name, draft.path.name)


def _nearby(titles: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """For each page the one before and the one after it, in the order of the shelves."""
    order = [slug for slug in TITLES if slug in titles]
    told = [{"slug": slug, "title": titles[slug]} for slug in order]
    nearby: dict[str, dict[str, dict[str, str]]] = {slug: {} for slug in order}
    for before, after in pairwise(told):
        nearby[before["slug"]]["after"] = after
        nearby[after["slug"]]["before"] = before
    return nearby


def _page(front: FrontMatter, body: Rendered, titles: Mapping[str, str], nearby: Mapping[str, Any]) -> Page:
    values = front.model_dump(mode="json") | {
        "sandbox": front.sandbox or "",
        "related": [_related(related, titles) for related in front.related],
        "terms": [_told(term) for term in _terms(front)],
        "glossed": [{**_told(term), "page": term.page, "title": term.title} for term in body.glossed],
        "nearby": dict(nearby),
        "cheat_sheet": [inline(line) for line in front.cheat_sheet],
        "parts": body.parts,
        "toc": body.toc,
    }
    return Page(front.slug, values)


def _text_problems(front: FrontMatter, body: Rendered, titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong between the sections, and in the lines of Markdown that the front matter holds."""
    if not front.is_guide:
        yield from _section_problems(body.headings)
    lines = [(f"related[{index}].why", related.why) for index, related in enumerate(front.related)]
    lines += [(f"cheat_sheet[{index}]", line) for index, line in enumerate(front.cheat_sheet)]
    lines += [(f"terms[{index}].definition", term.definition) for index, term in enumerate(front.terms)]
    for where, line in lines:
        yield from ((where, problem) for problem in inline_problems(line, titles))


def _told(term: Term) -> dict[str, Any]:
    return {"slug": term.slug, "term": term.term, "also": list(term.also), "definition": term.definition}


def _related(related: Related, titles: Mapping[str, str]) -> dict[str, Any]:
    """A neighbour as the page shows it: with its title, its reason as HTML, and whether there is a page to go to."""
    written = related.slug in titles
    title = titles.get(related.slug, TITLES[related.slug])
    return {**related.model_dump(), "title": title, "why": inline(related.why), "written": written}


def _diagram(folder: Path, name: str) -> str | None:
    path = folder / "diagrams" / f"{name}.svg"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _section_problems(headings: list[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    """What keeps the second-level headings from being SECTIONS, each once and in order."""
    titles = [title for _, title in headings]
    for missing in (section for section in SECTIONS if section not in titles):
        yield "headings", f"“{missing}” is missing"
    latest = -1
    for line, title in headings:
        if title not in SECTIONS:
            yield f"line {line}", f"“{title}” is not a section; use {' · '.join(SECTIONS)}"
        elif (position := SECTIONS.index(title)) <= latest:
            yield f"line {line}", f"“{title}” stands after “{SECTIONS[latest]}”; the order is {' · '.join(SECTIONS)}"
        else:
            latest = position
