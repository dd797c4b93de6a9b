"""Marks the first use of each term that another page defines, so that a reader can have it explained on the spot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it.token import Token

# What stands around a marked word while it passes through the sanitiser, which leaves such signs alone.
OPEN, MIDDLE, CLOSE = "\ue000", "\ue001", "\ue002"
MARKED = re.compile(f"{OPEN}([a-z0-9-]+){MIDDLE}([^{OPEN}{CLOSE}]*){CLOSE}")
WITHOUT_MARKS = dict.fromkeys(map(ord, (OPEN, MIDDLE, CLOSE)))
# Where a word stays as it is: a link must not stand in a link, and what is folded away is not met first.
NOT_IN = ("container_answer", "container_sandbox", "container_diagram", "heading", "table")


@dataclass(frozen=True)
class Term:
    """A term with its definition as HTML, and the page that defines it."""

    slug: str
    term: str
    also: tuple[str, ...]
    definition: str
    page: str
    title: str


def mark(tokens: list[Token], terms: Sequence[Term]) -> list[Term]:
    """Marks the first use of each of `terms` in the running text of `tokens`; those found, in the order of the text."""
    named = [(name, term) for term in terms for name in (term.term, *term.also)]
    if not named:
        return []
    pattern = _pattern(tuple(name for name, _ in named))
    found: list[Term] = []

    def replace(match: re.Match[str]) -> str:
        _, term = named[int(str(match.lastgroup)[1:])]
        if term in found:
            return match[0]
        found.append(term)
        return f"{OPEN}{term.slug}{MIDDLE}{match[0]}{CLOSE}"

    for text in _running_text(tokens):
        text.content = pattern.sub(replace, text.content)
    return found


def unmarked(html: str) -> str:
    """Sanitised HTML with each mark turned into a link to the glossary, which a script may show in place."""
    link = r'<a class="term" href="/glossary/#\1" data-term="term-\1" aria-describedby="term-\1">\2</a>'
    return MARKED.sub(link, html).translate(WITHOUT_MARKS)


@lru_cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the names as whole words, longest first, in one or several; one in capitals only in capitals."""
    longest_first = sorted(range(len(names)), key=lambda place: -len(names[place]))
    alternatives = "|".join(f"(?P<n{place}>{_as_written(names[place])})" for place in longest_first)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?:e?s)?(?![\w-])")


def _as_written(name: str) -> str:
    return re.escape(name) if name.isupper() else f"(?i:{re.escape(name)})"


def _running_text(tokens: list[Token]) -> Iterator[Token]:
    closed_off = 0
    for token in tokens:
        closed_off += token.nesting * token.type.startswith(NOT_IN)
        in_link = 0
        for part in (token.children or []) if token.type == "inline" and not closed_off else []:
            in_link += part.nesting * part.type.startswith("link_")
            if part.type == "text" and not in_link:
                yield part
