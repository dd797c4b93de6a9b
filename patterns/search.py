"""Finds pages by what is typed on a phone: word by word, by beginnings, and with a slip of the finger forgiven.

A word may differ from one of the library's by one letter if it has four to seven, by two if it has eight or more; two
letters that changed places count as one. Only a word that is nowhere in the library as typed is read in that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
WEIGHTS = {"title": 8.0, "keyword": 4.0, "service": 4.0, "term": 4.0, "summary": 2.0}
EXACT, BEGINNING, INSIDE, SLIP = 1.0, 0.75, 0.5, 0.5
WHOLE_PHRASE = 8.0
# Nobody looks for these alone; in a search for "AWS Lambda" the second word is the one that tells.
COMMON = frozenset({"a", "an", "and", "aws", "amazon", "for", "in", "of", "on", "or", "the", "to", "with"})
MOST_WORDS = 8


@dataclass(frozen=True)
class Entry:
    """What a page can be found by: ("keyword", "half-open"), and the words of it, in order as well."""

    field: str
    text: str
    words: frozenset[str]
    phrase: str


@dataclass(frozen=True)
class Hit:
    """A page found, best first by `score`; `matches` are the entries that made it one, each once."""

    slug: str
    score: float
    matches: tuple[Entry, ...]


@dataclass(frozen=True)
class Found:
    """The hits, and the words that were read as others: typed -> read as."""

    hits: tuple[Hit, ...]
    read_as: Mapping[str, str]


def entries(fields: Mapping[str, Iterable[str]]) -> tuple[Entry, ...]:
    """What a page can be found by, from its texts by field: the names of WEIGHTS."""
    return tuple(_entry(field, text) for field, texts in fields.items() for text in texts)


def search(pages: Mapping[str, Sequence[Entry]], query: str) -> Found:
    """The pages (slug -> entries) that have every word of `query`, best first; equals stay in their order."""
    asked = _telling(_typed(query))[:MOST_WORDS]
    vocabulary = {word for page in pages.values() for entry in page for word in entry.words}
    readings = {typed: _reading(typed, vocabulary) for typed in asked}
    hits = [hit for slug, page in pages.items() if asked and (hit := _hit(slug, page, readings, query))]
    read_as = {typed: words[0][0] for typed, words in readings.items() if words and words[0][1] == SLIP}
    return Found(tuple(sorted(hits, key=lambda hit: -hit.score)), read_as)


# The same few thousand texts are asked for at every search, and only a change of the pages brings others.
@lru_cache(maxsize=10_000)
def _entry(field: str, text: str) -> Entry:
    words = list(words_of(text))
    return Entry(field, text, frozenset(words), " ".join(words))


def words_of(text: str) -> Iterator[str]:
    """The words of a text in the form in which they are compared; one with a hyphen also as its parts."""
    for word in WORD.findall(text.casefold()):
        parts = re.split(r"[-/.]", word)
        yield from map(_singular, parts)
        if len(parts) > 1:
            yield _singular("".join(parts))


def _typed(query: str) -> list[str]:
    return list(dict.fromkeys(_singular(part) for part in re.findall(r"[^\W_]+", query.casefold())))


def _telling(words: list[str]) -> list[str]:
    return [word for word in words if word not in COMMON] or words


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


# How a word is read ---------------------------------------------------------------------------------------------------


def _reading(typed: str, vocabulary: Iterable[str]) -> list[tuple[str, float]]:
    """The library's words that a typed word stands for, each with how well; the nearest of them if none has it."""
    as_typed = [(word, quality) for word in vocabulary if (quality := _quality(typed, word))]
    return as_typed or _nearest(typed, vocabulary)


def _quality(typed: str, word: str) -> float:
    if typed == word:
        return EXACT
    if word.startswith(typed) and len(typed) > 1:
        return BEGINNING
    return INSIDE if len(typed) > 3 and typed in word else 0.0


def _nearest(typed: str, vocabulary: Iterable[str]) -> list[tuple[str, float]]:
    allowed = 0 if len(typed) < 4 else 1 if len(typed) < 8 else 2
    # Each letter that the word has not is a slip by itself, which rules most words out without further counting.
    likely = [
        word for word in vocabulary if len(word) >= len(typed) - allowed and len(set(typed).difference(word)) <= allowed
    ]
    slips = [(slips_between(typed, word, allowed), word) for word in likely]
    least = min((number for number, _ in slips), default=allowed + 1)
    if not allowed or least > allowed:
        return []
    near = (word for number, word in slips if number == least)
    return [(word, SLIP) for word in sorted(near, key=lambda word: (abs(len(word) - len(typed)), word))]


def slips_between(typed: str, word: str, most: int) -> int:
    """How many letters must be put in, left out, changed or swapped to make `typed` the beginning of `word`.

    Any number above `most` only says that there are more.
    """
    word = word[: len(typed) + most]
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, letter in enumerate(typed, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(word, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == word[j - 2] and typed[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row)


# What a page is worth -------------------------------------------------------------------------------------------------


def _hit(
    slug: str, page: Sequence[Entry], readings: Mapping[str, Sequence[tuple[str, float]]], query: str
) -> Hit | None:
    score = 0.0
    matches: dict[Entry, None] = {}
    for words in readings.values():
        worth = [
            (WEIGHTS[entry.field] * quality, entry) for entry in page for word, quality in words if word in entry.words
        ]
        if not worth:
            return None
        best, entry = max(worth, key=lambda pair: pair[0])
        score += best
        matches[entry] = None
    phrase = " ".join(words_of(query))
    whole = next((entry for entry in page if entry.phrase == phrase), None)
    if whole:
        return Hit(slug, score + WHOLE_PHRASE * WEIGHTS[whole.field], (whole,))
    return Hit(slug, score, tuple(matches))
