"""Makes an SVG file safe to stand inside a page: an allow-list of elements and attributes, and ids of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

ELEMENTS_IN_WORDS = (
    "svg g defs marker symbol use path rect circle ellipse line polyline polygon text tspan title desc clipPath "
    "linearGradient radialGradient stop"
)
ELEMENTS = frozenset(ELEMENTS_IN_WORDS.split())
ATTRIBUTES_IN_WORDS = (
    "id class viewBox role aria-labelledby aria-describedby aria-hidden x y x1 y1 x2 y2 cx cy r rx ry fx fy d dx dy "
    "points width height transform href fill fill-opacity fill-rule stroke stroke-width stroke-linecap stroke-linejoin "
    "stroke-dasharray stroke-dashoffset stroke-opacity stroke-miterlimit opacity text-anchor dominant-baseline "
    "font-size font-weight font-style letter-spacing textLength lengthAdjust marker-start marker-mid marker-end "
    "markerWidth markerHeight markerUnits refX refY orient preserveAspectRatio offset stop-color stop-opacity "
    "gradientUnits gradientTransform clip-path clip-rule clipPathUnits vector-effect"
)
ATTRIBUTES = frozenset(ATTRIBUTES_IN_WORDS.split())
ID_LISTS = frozenset({"aria-labelledby", "aria-describedby"})
SVG = "{http://www.w3.org/2000/svg}"
LOCAL_URL = re.compile(r"url\(#([\w.-]+)\)")


@dataclass(frozen=True)
class Diagram:
    """A drawing fit for a page, its title as plain text, and what was refused or missing."""

    svg: str
    title: str
    problems: tuple[str, ...]


def diagram(source: str, prefix: str) -> Diagram:
    """The SVG in `source` with everything outside the allow-list taken out and every id prefixed with `prefix`."""
    if "<!DOCTYPE" in source or "<!ENTITY" in source:
        return Diagram("", "", ("has a document type or an entity; take it out",))
    try:
        root = ElementTree.fromstring(source)  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as error:
        return Diagram("", "", (f"is not well-formed XML: {error}",))
    if root.tag.removeprefix(SVG) != "svg":
        return Diagram("", "", (f"starts with <{root.tag}>; use <svg>",))
    problems: list[str] = []
    _clean(root, prefix, problems)
    problems += _missing(root)
    svg = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return Diagram(svg, _text_of(root, "title"), tuple(problems))


def _clean(element: ElementTree.Element, prefix: str, problems: list[str]) -> None:
    element.tag = element.tag.removeprefix(SVG)
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        kept = _attribute(name, value, prefix)
        if kept is None:
            problems.append(f'has {name}="{value[:40]}" on <{element.tag}>, which is not allowed')
        else:
            element.set(name, kept)
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag.removeprefix(SVG) not in ELEMENTS:
            problems.append(f"has {_named(child)}, which is not allowed")
            _drop(element, child)
        else:
            _clean(child, prefix, problems)


def _attribute(name: str, value: str, prefix: str) -> str | None:
    """The attribute's value with its references made local to this drawing, or None if it may not stay."""
    if name not in ATTRIBUTES:
        return None
    if name == "id":
        return prefix + value
    if name in ID_LISTS:
        return " ".join(prefix + word for word in value.split())
    if name == "href":
        return f"#{prefix}{value[1:]}" if value.startswith("#") else None
    if "url" in value.lower():
        reference = LOCAL_URL.fullmatch(value.strip())
        return f"url(#{prefix}{reference[1]})" if reference else None
    return value


def _drop(parent: ElementTree.Element, child: ElementTree.Element) -> None:
    child.tail = None
    parent.remove(child)


def _named(element: ElementTree.Element) -> str:
    return f"<{element.tag.rpartition('}')[2]}>" if isinstance(element.tag, str) else "a comment or an instruction"


def _missing(root: ElementTree.Element) -> list[str]:
    """What a drawing needs for people who cannot see it, and to fit its column."""
    missing = []
    if not root.get("viewBox"):
        missing.append("has no viewBox")
    if root.get("role") != "img":
        missing.append('has no role="img"')
    missing += [f"has no <{name}>" for name in ("title", "desc") if not _text_of(root, name)]
    return missing


def _text_of(root: ElementTree.Element, name: str) -> str:
    child = root.find(name)
    return "".join(child.itertext()).strip() if child is not None else ""
