"""Text from the HTML of foreign questions. The bank's questions are plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

BLOCKS = frozenset({"address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "footer"})
BLOCKS |= {"h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul"}
# Longer HTML is left as it is: reading what is made to be slow takes time that grows with the square of its length.
LONGEST_MARKUP = 40_000
UNSEEN = frozenset({"script", "style", "head"})
# Taking these away may change what a text says.
MEANT = frozenset({"del", "math", "pre", "s", "strike", "sub", "sup", "table"})
PICTURES = frozenset({"audio", "canvas", "embed", "iframe", "img", "object", "svg", "video"})


@dataclass(frozen=True)
class Told:
    """A text, the tags that meant something and are gone, and whether it shows what text cannot."""

    text: str
    lost: frozenset[str] = frozenset()
    has_pictures: bool = False


def from_html(html: str, keeps_lines: bool = False) -> Told:
    """The text of a piece of HTML, a line per block. With `keeps_lines` its own line ends count as well."""
    if len(html) > LONGEST_MARKUP:
        return Told(html)
    reader = _Reader(keeps_lines)
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[^\S\n]+", " ", line).strip() for line in "".join(reader.pieces).split("\n")]
    return Told("\n".join(line for line in lines if line), frozenset(reader.lost), reader.has_pictures)


class _Reader(HTMLParser):
    def __init__(self, keeps_lines: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.keeps_lines = keeps_lines
        self.pieces: list[str] = []
        self.lost: set[str] = set()
        self.has_pictures = False
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unseen += tag in UNSEEN
        self.has_pictures |= tag in PICTURES
        if tag in MEANT:
            self.lost.add(tag)
        if tag in BLOCKS:
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.unseen = max(0, self.unseen - (tag in UNSEEN))
        if tag in BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.pieces.append(data if self.keeps_lines else re.sub(r"\s+", " ", data))
