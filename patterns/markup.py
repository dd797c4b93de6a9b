"""Turns a page's Markdown into sanitised parts that a template can show without further thought.

A part is one of
    {"kind": "html", "html": ...}
    {"kind": "diagram", "svg": ..., "title": ..., "html": caption}
    {"kind": "sandbox", "number": ..., "slug": ..., "query": ..., "title": ...,
     "html": what to predict, "after": what the run shows}
Sandboxes stand apart because the template adds to them what belongs to one request: addresses and the nonce.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin

from patterns.catalogue import TITLES
from patterns.diagrams import diagram
from patterns.gloss import WITHOUT_MARKS, Term, mark, unmarked
from patterns.sandbox_links import sandbox_link

Part = dict[str, Any]

TAGS_IN_WORDS = (
    "p h2 h3 h4 a em strong code pre kbd sub sup abbr s br hr ul ol li blockquote table thead tbody tr th td div span "
    "details summary"
)
TAGS = set(TAGS_IN_WORDS.split())
ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "h2": {"id"},
    "h3": {"id"},
    "div": {"aria-label"},
    "ol": {"start"},
}
ATTRIBUTE_VALUES = {
    "div": {"role": {"region", "note"}, "tabindex": {"0"}},
    "pre": {"tabindex": {"0"}},
    "th": {"scope": {"col", "row"}},
}
CLASSES = {
    "div": {"table-scroll", "side"},
    "details": {"answer"},
    "span": {"soon"},
    "td": {"num"},
    "th": {"num"},
}
# The content of these goes with them; of any other unknown element the words stay.
GONE_WITH_CONTENT = {"script", "style", "iframe", "object", "template", "noscript", "svg", "math", "textarea", "title"}

# Where the template of a page has a heading of its own, and pages of the house that a text may lead to.
PLACES_OF_EVERY_PAGE = frozenset({"related", "cheat-sheet", "practise", "sources"})
OTHER_ROOMS = frozenset(
    {"/", "/practice/", "/exams/", "/progress/", "/patterns/", "/sandboxes/", "/patterns/map/", "/glossary/"}
)
STANDING_ALONE = ("diagram", "sandbox")
DIRECTIVES = (*STANDING_ALONE, "aside", "answer")
RAW_TAG = re.compile(r"<\s*([a-zA-Z][\w-]*)")


@dataclass
class Rendered:
    """A body ready to show, its contents list, its H2 texts in order, and (where, message) for what is wrong.

    `ids` are what a link may lead to in it; `crossings` its links to places in other pages: (where, slug, place).
    """

    parts: list[Part] = field(default_factory=list)
    toc: list[dict[str, str]] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    crossings: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    glossed: list[Term] = field(default_factory=list)


def render(
    body: str,
    first_line: int,
    read_diagram: Callable[[str], str | None],
    written: Collection[str],
    terms: Sequence[Term] = (),
) -> Rendered:
    """`body` as parts. `first_line` is its line in the file; `read_diagram(name)` gives an SVG's text or None;
    `written` are the slugs of pages that exist, to which links may point; `terms` are explained at their first use."""
    page = Rendered()
    tokens = MARKDOWN.parse(body.translate(WITHOUT_MARKS))
    _check_directives(tokens, body.splitlines(), first_line, page)
    _give_ids(tokens, first_line, page)
    page.ids = {str(token.attrs["id"]) for token in tokens if "id" in token.attrs} | PLACES_OF_EVERY_PAGE
    for token, line in _with_lines(tokens, first_line):
        _check_raw(token, line, page)
        _settle_links(token, line, written, page)
    page.glossed = mark(tokens, terms)
    for name, block in _blocks(tokens):
        line = f"line {first_line + (block[0].map or [0])[0]}"
        page.parts.append(_part(name, block, line, read_diagram, page))
    return page


def inline(text: str) -> str:
    """One line of Markdown as sanitised HTML, without a paragraph around it."""
    return _sanitised(MARKDOWN.renderInline(text))


def inline_problems(text: str, written: Collection[str]) -> list[str]:
    """What is wrong with the links and tags of one line of Markdown."""
    page = Rendered()
    for token in MARKDOWN.parseInline(text):
        _check_raw(token, "", page)
        _settle_links(token, "", written, page)
    return [message for _, message in page.problems]


def astray(page: Rendered, anchors: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    """(where, message) for each link of `page` to a place that another page, by its slug in `anchors`, has not."""
    for where, slug, place in page.crossings:
        if place not in anchors.get(slug, ()):
            yield where, f"link /patterns/{slug}#{place} leads nowhere in that page"


def _sanitised(html: str) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        tag_attribute_values=ATTRIBUTE_VALUES,
        allowed_classes=CLASSES,
        clean_content_tags=GONE_WITH_CONTENT,
        url_schemes={"https"},
        link_rel="noopener",
    )


# Blocks and parts ---------------------------------------------------------------------------------------------------


def _blocks(tokens: list[Token]) -> Iterator[tuple[str, list[Token]]]:
    """The body cut at its diagrams and sandboxes: ("html", tokens), ("diagram", tokens with the container's) ..."""
    block: list[Token] = []
    name = "html"
    for token in tokens:
        opened = _directive(token) if token.level == 0 else None
        if opened in STANDING_ALONE and token.nesting == 1:
            if block:
                yield name, block
            block, name = [], str(opened)
        block.append(token)
        if opened in STANDING_ALONE and token.nesting == -1:
            yield name, block
            block, name = [], "html"
    if block:
        yield name, block


def _part(name: str, block: list[Token], line: str, read_diagram: Callable[[str], str | None], page: Rendered) -> Part:
    if name == "html":
        return {"kind": "html", "html": _html(block)}
    argument = block[0].info.strip().partition(" ")[2].strip()
    if name == "diagram":
        return _diagram_part(argument, _html(block[1:-1]), line, read_diagram, page)
    return _sandbox_part(argument, block[1:-1], line, page)


def _html(tokens: list[Token]) -> str:
    return unmarked(_sanitised(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})))


def _diagram_part(
    name: str, caption: str, line: str, read_diagram: Callable[[str], str | None], page: Rendered
) -> Part:
    source = read_diagram(name) if re.fullmatch(r"[a-z0-9-]+", name) else None
    if source is None:
        page.problems.append((line, f"diagram {name or 'without a name'} is not in content/diagrams"))
        return {"kind": "html", "html": caption}
    number = 1 + sum(part["kind"] == "diagram" for part in page.parts)
    drawing = diagram(source, f"d{number}-")
    page.problems += [(line, f"diagram {name} {problem}") for problem in drawing.problems]
    return {"kind": "diagram", "svg": drawing.svg, "title": drawing.title, "html": caption}


def _sandbox_part(reference: str, tokens: list[Token], line: str, page: Rendered) -> Part:
    """A rule (***) in the text parts what to predict from what the run shows."""
    link = sandbox_link(reference)
    page.problems += [(line, f"sandbox {problem}") for problem in link.problems]
    rule = next((index for index, token in enumerate(tokens) if token.type == "hr"), len(tokens))
    return {
        "kind": "sandbox",
        "number": 1 + sum(part["kind"] == "sandbox" for part in page.parts),
        "slug": link.slug,
        "query": link.query,
        "title": link.title,
        "html": _html(tokens[:rule]),
        "after": _html(tokens[rule + 1 :]),
    }


# Checks and finishing touches on the tokens -------------------------------------------------------------------------


def _check_directives(tokens: list[Token], lines: list[str], first_line: int, page: Rendered) -> None:
    for token in tokens:
        where = f"line {first_line + (token.map or [0])[0]}"
        name = _directive(token)
        if name and token.nesting == 1:
            if name in STANDING_ALONE and token.level:
                page.problems.append((where, f"::: {name} stands inside another block; move it out"))
            end = (token.map or [0, 0])[1]
            if end >= len(lines) or not lines[end].strip().startswith(":::"):
                page.problems.append((where, f"::: {name} is never closed; end it with :::"))
        elif token.type == "inline" and token.content.startswith(":::"):
            shown = token.content.splitlines()[0]
            page.problems.append((where, f"{shown} is not a directive; use {', '.join(DIRECTIVES)}"))


def _directive(token: Token) -> str | None:
    return token.type.split("_")[1] if token.type.startswith("container_") else None


def _give_ids(tokens: list[Token], first_line: int, page: Rendered) -> None:
    """Ids for headings, unique in the page; the second-level ones make the list of contents."""
    taken = set(PLACES_OF_EVERY_PAGE)
    for opening, text in pairwise(tokens):
        if opening.type != "heading_open" or opening.tag not in ("h2", "h3"):
            continue
        wanted = re.sub(r"[^a-z0-9]+", "-", text.content.lower()).strip("-") or "section"
        while wanted in taken:
            wanted += "-more"
        taken.add(wanted)
        opening.attrSet("id", wanted)
        if opening.tag == "h2":
            page.headings.append((first_line + (opening.map or [0])[0], text.content))
            page.toc.append({"id": wanted, "title": text.content})


def _with_lines(tokens: list[Token], first_line: int) -> Iterator[tuple[Token, str]]:
    line = first_line
    for token in tokens:
        line = first_line + token.map[0] if token.map else line
        yield token, f"line {line}"


def _check_raw(token: Token, line: str, page: Rendered) -> None:
    for part in [token, *(token.children or [])]:
        if part.type in ("html_block", "html_inline"):
            names = {name.lower() for name in RAW_TAG.findall(part.content)} - TAGS
            page.problems += [(line, f"<{name}> is not allowed") for name in sorted(names)]


def _settle_links(token: Token, line: str, written: Collection[str], page: Rendered) -> None:
    """Checks each link; one to a page that is planned but not written yet becomes plain words."""
    unlinking = False
    for part in token.children or []:
        if part.type == "link_open":
            href = str(part.attrs.get("href", ""))
            unlinking = _is_planned(href, written)
            problem = None if unlinking else _link_problem(href, page.ids, written)
            page.problems += [(line, problem)] if problem else []
            slug, place = _pattern_of(href), href.partition("#")[2]
            page.crossings += [(line, slug, place)] if slug and slug in written and place else []
        if part.type in ("link_open", "link_close") and unlinking:
            part.tag = "span"
            part.attrs = {"class": "soon"} if part.nesting == 1 else {}
            unlinking = part.nesting == 1
        if part.type == "image":
            page.problems.append((line, "an image; draw a diagram and use ::: diagram"))


def _is_planned(href: str, written: Collection[str]) -> bool:
    slug = _pattern_of(href)
    return slug is not None and slug in TITLES and slug not in written


def _link_problem(href: str, ids: set[str], written: Collection[str]) -> str | None:
    if href.startswith("#"):
        return None if href[1:] in ids else f"link {href} leads nowhere in this page"
    if href.startswith("/sandboxes/") and href != "/sandboxes/":
        path, _, query = href.removeprefix("/sandboxes/").partition("?")
        problems = sandbox_link(f"{path.strip('/')}?{query}").problems
        return f"link {href}: {problems[0]}" if problems else None
    if href.partition("?")[0] in OTHER_ROOMS:
        return None
    slug = _pattern_of(href)
    if slug is not None:
        return None if slug in written else f"link {href}: there is no pattern {slug}"
    return url_problem(href)


def _pattern_of(href: str) -> str | None:
    found = re.fullmatch(r"/patterns/([\w-]+)/?(?:#.*)?", href)
    return found[1] if found else None


def url_problem(url: str) -> str | None:
    """What is wrong with an address outside this site, in one line; None when it is sound."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "https" and "." in (parts.hostname or "") and not re.search(r"\s", url)
    except ValueError:
        sound = False
    return None if sound else f"address {url or 'empty'} is not sound; use a full https:// address"


# Markdown -----------------------------------------------------------------------------------------------------------


def _aside(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="side" role="note">\n' if tokens[index].nesting == 1 else "</div>\n"


def _answer(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    opening = '<details class="answer"><summary>Show the answer</summary>\n'
    return opening if tokens[index].nesting == 1 else "</details>\n"


def _table_open(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    label = escape(f"Table: {', '.join(_header_cells(tokens, index))}")
    return f'<div class="table-scroll" tabindex="0" role="region" aria-label="{label}">\n<table>\n'


def _table_close(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    return "</table>\n</div>\n"


def _header_cells(tokens: list[Token], index: int) -> Iterator[str]:
    for opening, text in pairwise(tokens[index:]):
        if opening.type == "thead_close":
            return
        if opening.type == "th_open" and text.content:
            yield re.sub(r"[*_`]", "", text.content)


def _cell_open(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    scope = ' scope="col"' if token.tag == "th" else ""
    numeric = ' class="num"' if token.attrs.get("style") == "text-align:right" else ""
    return f"<{token.tag}{scope}{numeric}>"


def _fence(self: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    # A block of code scrolls sideways, so the keyboard must reach it.
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"typographer": True}).enable(["table", "strikethrough", "smartquotes"])
    renderers: Mapping[str, Any] = {"aside": _aside, "answer": _answer}
    for name in DIRECTIVES:
        container_plugin(markdown, name, render=renderers.get(name))
    rules = {"table_open": _table_open, "table_close": _table_close, "th_open": _cell_open, "td_open": _cell_open}
    for rule, renderer in {**rules, "fence": _fence, "code_block": _fence}.items():
        markdown.add_render_rule(rule, renderer)
    return markdown


MARKDOWN = _markdown()
