"""How the patterns relate: from what pages say of each other to a picture in two columns and a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from patterns.catalogue import CATEGORIES, GUIDES, Category
from patterns.models import Pattern

# What the neighbour may say in return: three relations read the same from both ends.
INVERSE = {
    "combined with": "combined with",
    "alternative to": "alternative to",
    "contrasts with": "contrasts with",
    "builds on": "is built on by",
}
ORDER = ("builds on", "is built on by", "combined with", "alternative to", "contrasts with")

# The picture, in units of its viewBox.
WIDTH = 1000.0
LABELS_TO = 292.0
LINE = 29.0
HEADING = 46.0
MARGIN = 8.0


@dataclass(frozen=True)
class Relation:
    """What one pattern is to another: `kind` is a key of ORDER."""

    slug: str
    title: str
    kind: str


@dataclass(frozen=True)
class Node:
    """A pattern and its dot; `left` is its column, and its name stands outside of the dot."""

    slug: str
    title: str
    x: float
    y: float
    left: bool
    relations: tuple[Relation, ...]

    @property
    def by_kind(self) -> list[tuple[str, list[Relation]]]:
        kinds = [(kind, [relation for relation in self.relations if relation.kind == kind]) for kind in ORDER]
        return [(kind, relations) for kind, relations in kinds if relations]


@dataclass(frozen=True)
class Group:
    """A category's nodes, and where its heading stands."""

    title: str
    x: float
    y: float
    left: bool
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Edge:
    """A relation as a curve. `kind` is the first word of one of the four that pages use."""

    ends: tuple[str, str]
    kind: str
    path: str


@dataclass(frozen=True)
class Map:
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float


def map_of(pages: Iterable[Pattern]) -> Map:
    """The map of those pages that are patterns. The same pages always give the same picture."""
    patterns = {page.slug: page for page in pages if page.category != GUIDES}
    relations = _relations(patterns)
    left, right = _columns(patterns.values())
    groups = [*_placed(left, relations, is_left=True), *_placed(right, relations, is_left=False)]
    nodes = {node.slug: node for group in groups for node in group.nodes}
    height = max((node.y for node in nodes.values()), default=0.0) + LINE / 2 + MARGIN
    return Map(tuple(groups), tuple(_edges(patterns, nodes)), WIDTH, height)


def _relations(patterns: Mapping[str, Pattern]) -> dict[str, dict[str, Relation]]:
    """slug -> neighbour's slug -> relation. What a page says itself goes before what its neighbour says of it."""
    found: dict[str, dict[str, Relation]] = {slug: {} for slug in patterns}
    said = [(page, named) for page in patterns.values() for named in page.related if named["slug"] in patterns]
    for page, named in said:
        other = patterns[named["slug"]]
        found[page.slug].setdefault(other.slug, Relation(other.slug, other.title, named["relation"]))
    for page, named in said:
        found[named["slug"]].setdefault(page.slug, Relation(page.slug, page.title, INVERSE[named["relation"]]))
    return found


# Where things stand ---------------------------------------------------------------------------------------------------

Shelf = tuple[Category, Sequence[Pattern]]


def _columns(patterns: Iterable[Pattern]) -> tuple[list[Shelf], list[Shelf]]:
    """The shelves in their order, cut into two columns of about the same height."""
    pages = list(patterns)
    shelves = [(category, [page for page in pages if page.category == category.title]) for category in CATEGORIES]
    shelves = [(category, on_it) for category, on_it in shelves if on_it]
    cuts = range(len(shelves) + 1)
    best = min(cuts, key=lambda cut: (max(_height(shelves[:cut]), _height(shelves[cut:])), -cut))
    return list(shelves[:best]), list(shelves[best:])


def _height(shelves: Sequence[Shelf]) -> float:
    return sum(HEADING + LINE * len(pages) for _, pages in shelves)


def _placed(
    shelves: Sequence[Shelf], relations: Mapping[str, Mapping[str, Relation]], is_left: bool
) -> Iterator[Group]:
    x = LABELS_TO if is_left else WIDTH - LABELS_TO
    y = MARGIN
    for category, pages in shelves:
        heading_y = y + HEADING - LINE / 2
        y += HEADING
        nodes = []
        for page in pages:
            nodes.append(Node(page.slug, page.title, x, y + LINE / 2, is_left, tuple(relations[page.slug].values())))
            y += LINE
        yield Group(category.title, x, heading_y, is_left, tuple(nodes))


def _edges(patterns: Mapping[str, Pattern], nodes: Mapping[str, Node]) -> Iterator[Edge]:
    """One curve for each pair, of the kind that the page further up the shelves tells."""
    drawn = set()
    for slug in nodes:
        for named in patterns[slug].related:
            pair = frozenset({slug, named["slug"]})
            if named["slug"] in nodes and len(pair) == 2 and pair not in drawn:
                drawn.add(pair)
                path = _curve(nodes[slug], nodes[named["slug"]])
                yield Edge((slug, named["slug"]), named["relation"].split()[0], path)


def _curve(a: Node, b: Node) -> str:
    """Leaves both dots towards the middle: an S between the columns, a bow within one, wider for a longer way."""
    middle = WIDTH - 2 * LABELS_TO
    reach = middle / 2 if a.left != b.left else min(middle * 0.8, 30 + abs(a.y - b.y) * 0.55)
    ends = [(node.x + (10 if node.left else -10), node.y, reach if node.left else -reach) for node in (a, b)]
    (ax, ay, a_reach), (bx, by, b_reach) = ends
    return f"M{ax:g} {ay:g}C{ax + a_reach:.5g} {ay:g} {bx + b_reach:.5g} {by:g} {bx:g} {by:g}"
