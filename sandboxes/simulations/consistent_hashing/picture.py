"""Consistent hashing drawn: keys round the circle, the nodes' caches, and the way from the callers to the database.

Each picture is 360 units wide, so that one fits a phone and two stand side by side on a desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin

WIDTH = 360
CENTRE, RADIUS, KEY_RADIUS = (180, 138), 124, 104
COLUMNS_TOP, COLUMNS_HEIGHT = 28, 64
# Parts of the pictures that a frame sets.
KEYS, ARCS, NODES, NODE_HITS = "keys", "arcs", "nodes", "node-hits"


def circle(arcs: Sequence[tuple[float, float]], turns: Sequence[float]) -> str:
    """The circle of hashes with the arcs of the node that comes or goes, and the keys at their places, in turns."""
    ring = f'<circle class="r-ring" cx="{CENTRE[0]}" cy="{CENTRE[1]}" r="{RADIUS}"/>'
    arc = f'<g data-part="{ARCS}"><path class="r-arc" d="{"".join(_arc(*one) for one in arcs)}"/></g>'
    dots = "".join('<circle cx="{:.5g}" cy="{:.5g}" r="5"/>'.format(*_place(turn, KEY_RADIUS)) for turn in turns)
    return _svg(
        276,
        ring + arc,
        f'<g class="r-keys" data-part="{KEYS}">{dots}</g>',
        text(180, 128, "", "r-strong", "ratio", "middle"),
        text(180, 148, "answered from a cache", "r-small", "", "middle"),
        text(180, 172, "", "r-small", "node-count", "middle"),
    )


def caches(nodes: int, labels: Sequence[int]) -> str:
    """A column for each of these nodes, filled as far as its cache answers what it is asked; `nodes` are all."""
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
    title = "Answers of each node's cache" if shown == nodes else f"Answers of the caches of {shown} of {nodes} nodes"
    key_rows = (
        ("S", "on the same node, cached"),
        ("W", "on another node now, cached"),
        ("F", "on another node now, missing"),
        (".", "not cached"),
    )
    keys = "".join(
        f'<g class="r-keys" transform="translate({x} {y})"><circle data-state="{letter}" r="5"/></g>'
        + text(x + 12, y + 4, words, "r-small")
        for (letter, words), (x, y) in zip(key_rows, ((8, 132), (186, 132), (186, 152), (8, 152)), strict=True)
    )
    return _svg(
        160,
        text(2, 14, title, "r-strong"),
        f'<g class="r-columns" data-part="{NODES}">{columns}</g>',
        f'<g class="r-levels r-closed" data-part="{NODE_HITS}">{columns}</g>',
        numbers,
        keys,
    )


def way() -> str:
    """Callers, caches and the database, with what goes between them and how busy the database is."""
    return _svg(
        124,
        _box(2, 8, 72, 48) + text(38, 37, "callers", "r-strong", "", "middle"),
        f'<g data-part="caches">{_box(144, 8, 72, 48)}{text(180, 37, "caches", "r-strong", "", "middle")}</g>',
        f'<g data-part="database">{_box(286, 8, 72, 48)}{text(322, 37, "database", "", "", "middle")}</g>',
        '<path class="r-line" d="M78 24H140M140 42H78M220 24H282M282 42H220"/>',
        '<path class="r-way" data-part="hits" d="M78 24H140C150 24 150 42 140 42H78"/>',
        '<path class="r-way" data-part="misses" d="M78 24H282C292 24 292 42 282 42H78"/>',
        '<path class="r-way" data-part="refusals" d="M78 24H268C276 24 276 42 268 42H78"/>',
        text(2, 80, "Database", ""),
        text(358, 80, "", "r-strong", "load-words", "end"),
        f'<rect class="r-track" x="2" y="88" width="356" height="9" rx="2"/>'
        f'<rect class="r-bar" data-part="load" x="2" y="88" width="356" height="9" rx="2"/>'
        f'<path class="r-mark" d="M{2 + 356 / 2:g} 83v19"/>',
        text(180, 117, "what it can do", "r-small", "", "middle"),
        text(358, 117, "", "r-small", "failed-words", "end"),
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
