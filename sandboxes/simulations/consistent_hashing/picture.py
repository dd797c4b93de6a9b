"""Consistent hashing drawn: keys round the circle; the way from callers to caches to the database, and each cache.

Each picture is 360 units wide, so that one fits a phone and two stand side by side on a desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin

WIDTH = 360
CENTRE, RADIUS = (180, 138), 124
# Keys stand on one of these circles, by their rank, so that neighbours do not hide each other.
KEY_RADII = (106, 95, 84)
COLUMNS_TOP, COLUMNS_HEIGHT = 164, 56
# Parts of the pictures that a frame sets.
KEYS, ARCS, NODES, NODE_HITS = "keys", "arcs", "nodes", "node-hits"


def circle(arcs: Sequence[tuple[float, float]], turns: Sequence[float]) -> str:
    """The circle of hashes with the arcs of the node that comes or goes, and the keys at their places, in turns."""
    ring = f'<circle class="r-ring" cx="{CENTRE[0]}" cy="{CENTRE[1]}" r="{RADIUS}"/>'
    arc = f'<g data-part="{ARCS}"><path class="r-arc" d="{"".join(_arc(*one) for one in arcs)}"/></g>'
    places = (_place(turn, KEY_RADII[rank % len(KEY_RADII)]) for rank, turn in enumerate(turns))
    dots = "".join(f'<circle cx="{x:.5g}" cy="{y:.5g}" r="4.5"/>' for x, y in places)
    return _svg(
        276,
        ring + arc,
        f'<g class="r-keys" data-part="{KEYS}">{dots}</g>',
        text(180, 128, "", "r-strong", "ratio", "middle"),
        text(180, 148, "answered from a cache", "r-small", "", "middle"),
        text(180, 172, "", "r-small", "node-count", "middle"),
    )


def way_and_caches(nodes: int, labels: Sequence[int]) -> str:
    """From the callers to the database, and below it a column for each of these nodes; `nodes` are all there are."""
    return _svg(286, _way(), _caches(nodes, labels), _key(262))


def _way() -> str:
    """What goes between callers, caches and database, behind their boxes, and how busy the database is."""
    return "".join(
        (
            '<path class="r-line" d="M78 24H140M140 42H78M220 24H282M282 42H220"/>',
            '<path class="r-way" data-part="hits" d="M76 24H152C160 24 160 42 152 42H76"/>',
            '<path class="r-way" data-part="misses" d="M76 24H296C304 24 304 42 296 42H76"/>',
            '<path class="r-way" data-part="refusals" d="M76 24H264C276 24 276 42 264 42H76"/>',
            _box(2, 8, 72, 48) + text(38, 37, "callers", "r-strong", "", "middle"),
            f'<g data-part="caches">{_box(144, 8, 72, 48)}{text(180, 37, "caches", "r-strong", "", "middle")}</g>',
            f'<g data-part="database">{_box(286, 8, 72, 48)}{text(322, 37, "database", "", "", "middle")}</g>',
            text(2, 82, "The database reads"),
            text(358, 82, "", "r-strong", "load-words", "end"),
            '<rect class="r-track" x="2" y="90" width="356" height="9" rx="2"/>',
            '<rect class="r-bar" data-part="load" x="2" y="90" width="356" height="9" rx="2"/>',
            '<path class="r-mark" d="M180 85v19"/>',
            text(180, 119, "what it can do", "r-small", "", "middle"),
            text(358, 119, "", "r-small", "failed-words", "end"),
        )
    )


def _caches(nodes: int, labels: Sequence[int]) -> str:
    """Columns that fill as far as each node's cache answers what it is asked."""
    shown = len(labels)
    pitch = min(30.0, 356 / shown)
    columns = "".join(
        f'<rect x="{2 + pitch * node:.4g}" y="{COLUMNS_TOP}" width="{max(0.8 * pitch, pitch - 4):.4g}" '
        f'height="{COLUMNS_HEIGHT}"/>'
        for node in range(shown)
    )
    numbers = "".join(
        text(2 + pitch * (node + 0.45), COLUMNS_TOP + COLUMNS_HEIGHT + 15, str(label), "r-small", "", "middle")
        for node, label in enumerate(labels)
        if shown <= 14 or node in (0, shown - 1) or (label % 10 == 0 and node < shown - 3)
    )
    which = "each node's cache" if shown == nodes else f"the caches of {shown} of {nodes:,} nodes"
    return (
        text(2, COLUMNS_TOP - 12, f"Answered by {which}")
        + f'<g class="r-columns" data-part="{NODES}">{columns}</g>'
        + f'<g class="r-levels r-closed" data-part="{NODE_HITS}">{columns}</g>'
        + numbers
    )


def _key(top: int) -> str:
    rows = (("S", "key in its cache"), ("W", "moved, in its cache"), (".", "not in its cache"), ("F", "moved, missing"))
    return "".join(
        f'<g class="r-keys" transform="translate({8 + 178 * (row % 2)} {top + 18 * (row // 2)})">'
        f'<circle data-state="{letter}" r="4.5"/></g>'
        + text(20 + 178 * (row % 2), top + 4 + 18 * (row // 2), words, "r-small")
        for row, (letter, words) in enumerate(rows)
    )


def text(x: float, y: float, words: str = "", kind: str = "", part: str = "", anchor: str = "start") -> str:
    named = f' data-part="{part}"' if part else ""
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.5g}" y="{y:g}" text-anchor="{anchor}"{style}{named}>{words}</text>'


def _arc(begin: float, end: float) -> str:
    """A path along the circle, clockwise from one place to another, in turns."""
    (x1, y1), (x2, y2) = _place(begin, RADIUS), _place(end, RADIUS)
    return f"M{x1:.5g} {y1:.5g}A{RADIUS} {RADIUS} 0 {int(end - begin > 0.5)} 1 {x2:.5g} {y2:.5g}"


def _place(turn: float, radius: float) -> tuple[float, float]:
    return CENTRE[0] + radius * sin(2 * pi * turn), CENTRE[1] - radius * cos(2 * pi * turn)


def _box(x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="r-box" x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>'


def _svg(height: int, *drawn: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true" focusable="false">{"".join(drawn)}</svg>'
