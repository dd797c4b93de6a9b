"""Marks the first use of each term that another page defines, so that a reader can have it explained on the spot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from markdown_it.token import Token

# What stands around a marked word while it passes through the sanitiser, which leaves such signs alone.
OPEN, MIDDLE, CLOSE = "\ue000", "\ue001", "\ue002"
MARKED = re.compile(f"{OPEN}([a-z0-9-]+){MIDDLE}([^{OPEN}{CLOSE}]*){CLOSE}")
WITHOUT_MARKS = dict.fromkeys(map(ord, (OPEN, MIDDLE, CLOSE)))
# Where a word stays as it is: a link must not stand in a link, and what is folded away is not met first.
NOT_IN = ("container_answer", "container_sandbox", "container_diagram", "heading", "table")


WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Term:
    """A term with its definition as HTML, and the page that defines it."""

    slug: str
    term: str
    also: tuple[str, ...]
    definition: str
    page: str
    title: str


Names = Mapping[str, Sequence[tuple[re.Pattern[str], Term]]]


def mark(tokens: list[Token], terms: Sequence[Term]) -> list[Term]:
    """Marks the first use of each of `terms` in the running text of `tokens`; those found, in the order of the text."""
    names = _names(tuple(terms))
    found: list[Term] = []
    for text in _running_text(tokens):
        text.content = "".join(_marked(text.content, names, found))
    return found


def unmarked(html: str) -> str:
    """Sanitised HTML with each mark turned into a link to the glossary, which a script may show in place."""
    link = r'<a class="term" href="/glossary/#\1" data-term="term-\1" aria-describedby="term-\1">\2</a>'
    return MARKED.sub(link, html).translate(WITHOUT_MARKS)


def _marked(text: str, names: Names, found: list[Term]) -> Iterator[str]:
    """The pieces of `text`, with the marks between them."""
    end = 0
    for word in WORD.finditer(text):
        if word.start() >= end and (use := _use_at(text, word, names)):
            use_end, term = use
            if term not in found:
                found.append(term)
                yield f"{text[end : word.start()]}{OPEN}{term.slug}{MIDDLE}{text[word.start() : use_end]}{CLOSE}"
            else:
                yield text[end:use_end]
            end = use_end
    yield text[end:]


def _use_at(text: str, word: re.Match[str], names: Names) -> tuple[int, Term] | None:
    """Where the longest name that begins with this word ends, and its term."""
    beginning = word[0].casefold()
    # The word itself may be in several.
    keys = (beginning, beginning.removesuffix("s"), beginning.removesuffix("es"))
    candidates = [name for key in dict.fromkeys(keys) for name in names.get(key, ())]
    uses = [(use.end(), term) for pattern, term in candidates if (use := pattern.match(text, word.start()))]
    return max(uses, key=lambda use: use[0], default=None)


@lru_cache
def _names(terms: tuple[Term, ...]) -> Names:
    """Every name of the terms, under its first word."""
    names: dict[str, list[tuple[re.Pattern[str], Term]]] = {}
    for term in terms:
        for name in (term.term, *term.also):
            first = WORD.search(name)
            if first:
                names.setdefault(first[0].casefold(), []).append((_pattern(name), term))
    return names


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """A name as whole words, one or several of it; one in capitals only in capitals."""
    flags = 0 if name.isupper() else re.IGNORECASE
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?:e?s)?(?![\w-])", flags)


def _running_text(tokens: list[Token]) -> Iterator[Token]:
    closed_off = 0
    for token in tokens:
        closed_off += token.nesting * token.type.startswith(NOT_IN)
        in_link = 0
        for part in (token.children or []) if token.type == "inline" and not closed_off else []:
            in_link += part.nesting * part.type.startswith("link_")
            if part.type == "text" and not in_link:
                yield part
