"""The running text of a page as paragraphs and sentences, for the checks of how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it.token import Token

# Stands before a piece of code, which counts as one word and may begin a sentence whatever its first letter.
CODE = "\u2060"
SENTENCE_END = re.compile(r"[.!?…][\"”’)\]]*\s+(?=[^a-z\s–—&=<>+,;])")
ABBREVIATIONS = frozenset({"e.g.", "i.e.", "vs.", "cf.", "approx.", "fig.", "al.", "dr.", "mr.", "mrs."})


@dataclass(frozen=True)
class Paragraph:
    """A paragraph or the text of a list item. Line breaks are those of the file, whose line it starts on.

    `block` is the directive it stands in, such as "answer"; empty in the open text.
    """

    line: int
    text: str
    block: str = ""

    @property
    def words(self) -> int:
        return count_words(self.text)


def paragraphs(tokens: list[Token], first_line: int) -> Iterator[Paragraph]:
    """All running text in order: no headings, no tables, no blocks of code."""
    table = heading = 0
    blocks: list[str] = []
    for token in tokens:
        if token.type.startswith("container_"):
            blocks = [*blocks, token.type.split("_")[1]] if token.nesting == 1 else blocks[:-1]
        table += token.nesting if token.type.startswith("table_") else 0
        heading += token.nesting if token.type.startswith("heading_") else 0
        if token.type == "inline" and not table and not heading:
            yield Paragraph(first_line + (token.map or [0])[0], _text(token), "".join(blocks[-1:]))


def sentences(paragraph: Paragraph) -> Iterator[tuple[int, str]]:
    """(line, sentence) in order. A colon or a semicolon ends no sentence."""
    start = 0
    for end in [*_ends(paragraph.text), len(paragraph.text)]:
        sentence = paragraph.text[start:end]
        if sentence.strip():
            yield paragraph.line + paragraph.text.count("\n", 0, start), " ".join(sentence.split()).replace(CODE, "")
        start = end


def count_words(text: str) -> int:
    """What stands between spaces and holds a letter or a digit."""
    return sum(any(sign.isalnum() for sign in word) for word in text.split())


def normalised(text: str) -> str:
    """The words alone, for telling whether two paragraphs say the same."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _ends(text: str) -> Iterator[int]:
    for end in SENTENCE_END.finditer(text):
        last_word = text[: end.end()].split()[-1].lstrip('(“‘"[')
        # An initial, as in J. Gray, ends nothing either; a unit, as in 4 s., may.
        if last_word.lower() not in ABBREVIATIONS and not re.fullmatch(r"[A-Z]\.", last_word):
            yield end.end()


def _text(token: Token) -> str:
    return "".join(map(_told, token.children or []))


def _told(part: Token) -> str:
    if part.type in ("softbreak", "hardbreak"):
        return "\n"
    if part.type == "code_inline":
        return CODE + re.sub(r"\s+", "_", part.content)
    return part.content if part.type == "text" else ""
