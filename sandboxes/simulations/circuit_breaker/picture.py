"""The circuit breaker drawn: the way of a call, the three states, the window it judges by, and its rates.

Each picture is 360 units wide, so that one fits a phone and two stand side by side on a desk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.breaker import (
    CLOSED,
    CONSECUTIVE,
    HALF_OPEN,
    NONE,
    OPEN,
    TIME_WINDOW,
    Rules,
)
from sandboxes.simulations.circuit_breaker.params import Capacity, CircuitBreakerParams, Pool
from sandboxes.simulations.circuit_breaker.scene import Scene
from sandboxes.simulations.circuit_breaker.story import STATES, calls, time
from sandboxes.simulations.circuit_breaker.timeline import HEALTH_COLOURS
from sandboxes.simulations.replays import Part

WIDTH = 360
TONES = {CLOSED: "closed", OPEN: "open", HALF_OPEN: "half"}
# Calls of a window, by failed (+2) and slow (+1); a slot nobody has used comes first.
LETTERS = np.array(list(".SWFX"))
# More calls than this share cells, or a cell could not be told from its neighbour.
MOST_CELLS = 250
# Up to so many cells: their pitch and how many stand in a row.
GRIDS = ((100, 14, 25), (MOST_CELLS, 7, 50))


def pictures(params: CircuitBreakerParams, rule: Rules) -> tuple[str, ...]:
    """The SVGs for these parameters and rules, top to bottom."""
    drawn = [_way(rule)]
    if rule.kind != NONE:
        drawn += [_states(rule), _window(rule)]
    if rule.kind not in (NONE, CONSECUTIVE):
        drawn.append(_rates(rule))
    if limits := _limits(params):
        drawn.append(_fill(limits))
    return tuple(drawn)


def shown(params: CircuitBreakerParams, rule: Rules, scene: Scene) -> dict[str, Part]:
    """How every part of the pictures looks at one moment."""
    parts = _traffic_parts(scene) | _fill_parts(params, scene)
    if rule.kind == NONE:
        return parts | {"gate": {"state": "closed"}, "gate-words": {"text": "no breaker"}}
    parts |= {"gate": {"state": TONES[scene.state]}, "gate-words": {"text": STATES[scene.state]}}
    parts |= _state_parts(rule, scene) | _window_parts(rule, scene)
    return parts if rule.kind == CONSECUTIVE else parts | _rate_parts(rule, scene)


def _traffic_parts(scene: Scene) -> dict[str, Part]:
    recent, total = scene.recent, scene.total
    answered = recent.ended - recent.failed
    health = HEALTH_COLOURS[scene.phase.name]
    return {
        "through": {"flow": recent.passed, "state": "ink" if recent.passed else "off"},
        "bounced": {"flow": recent.refused, "state": "refused" if recent.refused else "off"},
        "answers": {"flow": answered, "state": "closed" if answered else "off"},
        "failures": {"flow": recent.failed, "state": "open" if recent.failed else "off"},
        "dependency": {"state": health},
        "health": {"text": scene.phase.name},
        "passed": {"text": f"{total.passed:,} let through"},
        "refused": {"text": f"{total.refused:,} refused"},
        "under-way": {"text": f"{total.passed - total.ended:,} under way"},
    }


def _fill_parts(params: CircuitBreakerParams, scene: Scene) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for name, limit in _limits(params).items():
        number = getattr(scene.fill, name)
        share = min(1.0, number / limit) if limit else 0.0
        words = f"{number:,} of {limit:,}" if name != "in_line" else f"{number:,}"
        parts[f"{name}-words"] = {"text": words}
        if name != "in_line":
            parts[name] = {"share": round(share, 3), "state": "open" if share == 1 else "ink" if number else "off"}
    return parts


def _limits(params: CircuitBreakerParams) -> dict[str, int]:
    """The limits that there are, by the name of what fills them; the line for a thread has none of its own."""
    limits: dict[str, int] = {}
    if params.pool is Pool.LIMITED:
        limits |= {"busy_threads": params.pool_size * params.instances, "in_line": 0}
    if params.dependency_capacity is Capacity.LIMITED:
        limits |= {"busy_servers": params.servers, "queued": params.queue_size}
    return limits


def _fill(limits: dict[str, int]) -> str:
    """A row with a bar for each limit."""
    labels = {
        "busy_threads": "callers' threads in use",
        "in_line": "requests in line for a thread",
        "busy_servers": "dependency's servers at work",
        "queued": "calls in the dependency's queue",
    }
    drawn, y = [], 14
    for name in limits:
        drawn += [_text(2, y, labels[name]), _text(358, y, "", "r-strong", f"{name}-words", "end")]
        if name != "in_line":
            drawn.append(_bar(name, 2, y + 9, 356))
        y += 42 if name != "in_line" else 28
    return _svg(y - 14, *drawn)


def _state_parts(rule: Rules, scene: Scene) -> dict[str, Part]:
    wait_s = rule.wait_duration_in_open_state_s
    left_s = max(0.0, scene.since_s + wait_s - scene.at_s) if scene.state == OPEN else 0.0
    words = f"{left_s:.1f} s left" if left_s else "wait over" if scene.state == OPEN else f"wait {time(wait_s)}"
    moves = {
        "to-open": (CLOSED, OPEN),
        "to-half": (OPEN, HALF_OPEN),
        "to-closed": (HALF_OPEN, CLOSED),
        "back-to-open": (HALF_OPEN, OPEN),
    }
    latest = (scene.came_from, scene.state)
    return {
        **{f"is-{tone}": {"state": tone if scene.state == state else "off"} for state, tone in TONES.items()},
        **{name: {"state": TONES[move[1]] if move == latest else "off"} for name, move in moves.items()},
        "wait": {"share": round(left_s / wait_s, 3)},
        "wait-words": {"text": words},
    }


def _window_parts(rule: Rules, scene: Scene) -> dict[str, Part]:
    if rule.kind == CONSECUTIVE:
        row = "F" * min(scene.streak, rule.consecutive_failures)
        words = f"{scene.streak} of {calls(rule.consecutive_failures, 'failure')} in a row"
        return {"cells": {"cells": row.ljust(rule.consecutive_failures, ".")}, "window-words": {"text": words}}
    trials = scene.state == HALF_OPEN or (scene.state == OPEN and scene.came_from == HALF_OPEN)
    in_use = "" if scene.by_seconds else _letters(scene.ring[: scene.size])
    newest = scene.head // _calls_per_cell(scene.size) if in_use and scene.calls else -1
    parts: dict[str, Part] = {
        "window-name": {"text": "Calls since half-open" if trials else _window_name(rule)},
        "window-words": {"text": f"{scene.calls:,} measured, {scene.minimum:,} needed"},
        "cells": {"cells": in_use.ljust(_cells(rule)), "head": newest},
    }
    return parts | _second_parts(rule, scene) if rule.kind == TIME_WINDOW else parts


def _letters(ring: NDArray[np.int64]) -> str:
    """A letter for each cell; where calls share one, it shows the worst that happened to any of them."""
    together = _calls_per_cell(len(ring))
    padded = np.zeros((-(-len(ring) // together) * together, 3), np.int64)
    padded[: len(ring)] = ring
    measured, failed, slow = (padded.reshape(-1, together, 3).sum(axis=1) > 0).T
    return "".join(LETTERS[np.where(measured, 1 + 2 * failed + slow, 0)])


def _calls_per_cell(measured: int) -> int:
    return -(-measured // MOST_CELLS)


def _second_parts(rule: Rules, scene: Scene) -> dict[str, Part]:
    """The seconds of a time window; while trials are measured they are not there."""
    ring = scene.ring[: rule.window] if scene.by_seconds else np.zeros((rule.window, 3), np.int64)
    used = "".join(np.where(ring[:, 0] > 0, "S", ".")) if scene.by_seconds else " " * rule.window
    return {
        "seconds": {"cells": used, "head": scene.head if scene.by_seconds else -1},
        "seconds-failed": {"levels": _levels(ring[:, 1], ring[:, 0])},
        "seconds-slow": {"levels": _levels(ring[:, 2], ring[:, 0])},
    }


def _levels(counted: NDArray[np.int64], of: NDArray[np.int64]) -> str:
    """Shares in ninths, rounded up, so that a single one is seen."""
    return "".join(np.ceil(9 * counted / np.maximum(of, 1)).astype(int).astype(str))


def _rate_parts(rule: Rules, scene: Scene) -> dict[str, Part]:
    permits = rule.permitted_calls_in_half_open
    trying = scene.state == HALF_OPEN
    return {
        **_rate("failure", scene.percent(scene.failed), rule.failure_rate_threshold),
        **_rate("slow", scene.percent(scene.slow), rule.slow_call_rate_threshold),
        "permits": {"share": round(scene.permits / permits, 3) if trying else 0, "state": "half" if trying else "off"},
        "permits-words": {"text": f"{scene.permits} of {permits} left" if trying else f"{permits} when half-open"},
    }


def _rate(name: str, percent: float | None, threshold: float) -> dict[str, Part]:
    tone = "off" if percent is None else "open" if percent >= threshold else "closed"
    return {
        f"{name}-rate": {"share": round((percent or 0) / 100, 3), "state": tone},
        f"{name}-words": {"text": "too few calls" if percent is None else f"{percent:.3g} %"},
    }


def _svg(height: int, *drawn: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true" focusable="false">{"".join(drawn)}</svg>'


def _text(x: float, y: float, words: str = "", kind: str = "", part: str = "", anchor: str = "start") -> str:
    named = f' data-part="{part}"' if part else ""
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}{named}>{words}</text>'


def _line(path: str, part: str = "", arrow: tuple[int, int, int] | None = None) -> str:
    """A path that lights up, with an arrow head at (x, y) turned by so many degrees."""
    head = ""
    if arrow:
        place = f"translate({arrow[0]} {arrow[1]}) rotate({arrow[2]})"
        head = f'<path class="r-head" d="M0 0L-8 -4.5V4.5z" transform="{place}"/>'
    named = f' data-part="{part}"' if part else ""
    return f'<g{named}><path class="r-line" d="{path}"/>{head}</g>'


def _box(x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="r-box" x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>'


def _bar(part: str, x: int, y: int, width: int, mark_share: float | None = None) -> str:
    track = f'<rect class="r-track" x="{x}" y="{y}" width="{width}" height="9" rx="2"/>'
    fill = f'<rect class="r-bar" data-part="{part}" x="{x}" y="{y}" width="{width}" height="9" rx="2"/>'
    at = x + width * (mark_share or 0)
    mark = f'<path class="r-mark" d="M{at:g} {y - 5}v19"/>' if mark_share is not None else ""
    return track + fill + mark


def _way(rule: Rules) -> str:
    contacts = "".join(f'<circle class="r-contact" cx="{x}" cy="48" r="4"/>' for x in (152, 204))
    lever = "" if rule.kind == NONE else f'<path class="r-lever" d="M152 48H200"/>{contacts}'
    wire = "M78 48H268" if rule.kind == NONE else "M78 48H148M208 48H268"
    return _svg(
        124,
        _box(2, 32, 72, 62) + _text(38, 68, "callers", "r-strong", anchor="middle"),
        f'<g data-part="dependency">{_box(270, 32, 88, 62)}</g>',
        _text(314, 58, "dependency", anchor="middle"),
        _text(314, 78, "", "r-strong", "health", "middle"),
        _line(wire, arrow=(268, 48, 0)),
        _line("M268 80H78", arrow=(77, 80, 180)),
        f'<g data-part="gate">{lever}</g>' + _text(214, 69, "", "r-strong", "gate-words", "middle"),
        '<path class="r-way" data-part="through" d="M78 48H268"/>',
        '<path class="r-way" data-part="bounced" d="M78 48H138C160 48 160 80 138 80H78"/>',
        '<path class="r-way" data-part="answers" d="M268 80H78"/>',
        '<path class="r-way" data-part="failures" d="M268 80H78"/>',
        _text(2, 117, "", "r-small", "passed"),
        _text(178, 117, "", "r-small", "refused", "middle"),
        _text(358, 117, "", "r-small", "under-way", "end"),
    )


def _states(rule: Rules) -> str:
    opens = (
        f"{rule.consecutive_failures} failed in a row"
        if rule.kind == CONSECUTIVE
        else f"{rule.failure_rate_threshold:g} % failed"
    )
    if rule.kind != CONSECUTIVE and rule.slow_call_rate_threshold < rule.failure_rate_threshold:
        opens = f"{rule.slow_call_rate_threshold:g} % slow"
    trials = "trial" if rule.permitted_calls_in_half_open == 1 else "trials"
    return _svg(
        124,
        f'<g data-part="is-closed">{_box(2, 8, 92, 38)}{_text(48, 32, "closed", "r-strong", anchor="middle")}</g>',
        f'<g data-part="is-open">{_box(266, 8, 92, 38)}{_text(312, 27, "open", "r-strong", anchor="middle")}</g>',
        '<rect class="r-track" x="274" y="33" width="76" height="6" rx="2"/>'
        '<rect class="r-bar r-open" data-part="wait" x="274" y="33" width="76" height="6" rx="2"/>',
        f'<g data-part="is-half">{_box(134, 80, 92, 38)}'
        f"{_text(180, 104, 'half-open', 'r-strong', anchor='middle')}</g>",
        _line("M94 20H258", "to-open", (264, 20, 0)) + _text(180, 14, opens, "r-small", anchor="middle"),
        _line("M326 46V99H234", "to-half", (228, 99, 180)) + _text(320, 66, "", "r-small", "wait-words", "end"),
        _line("M134 99H48V54", "to-closed", (48, 48, -90)) + _text(55, 92, f"{trials} good", "r-small"),
        _line("M180 80V36H258", "back-to-open", (264, 36, 0))
        + _text(174, 62, f"{trials} bad", "r-small", anchor="end"),
    )


def _cells(rule: Rules) -> int:
    """How many cells the picture of the window has room for."""
    if rule.kind == CONSECUTIVE:
        return rule.consecutive_failures
    trials = rule.permitted_calls_in_half_open
    return trials if rule.kind == TIME_WINDOW else max(-(-rule.window // _calls_per_cell(rule.window)), trials)


def _window_name(rule: Rules) -> str:
    if rule.kind == TIME_WINDOW:
        return f"The last {rule.window} s"
    together = _calls_per_cell(rule.window)
    return f"The last {calls(rule.window)}" + (f", {together} to a square" if together > 1 else "")


def _window(rule: Rules) -> str:
    grid, height = _grid(_cells(rule))
    seconds = _seconds(rule.window) if rule.kind == TIME_WINDOW else ""
    height = max(height, 56) if seconds else height
    return _svg(
        height + (76 if seconds else 58),
        _text(
            2,
            14,
            "Failures in a row" if rule.kind == CONSECUTIVE else "",
            "r-strong",
            "" if rule.kind == CONSECUTIVE else "window-name",
        ),
        _text(358, 14, "", "r-small", "window-words", "end"),
        seconds,
        f'<g class="r-cells" data-part="cells">{grid}</g>',
        _legend(height + 46, rule),
    )


def _grid(cells: int) -> tuple[str, int]:
    """The cells row by row, below the title, and their height."""
    pitch, across = next((pitch, across) for most, pitch, across in GRIDS if cells <= most)
    size = pitch - (3 if pitch > 7 else 1)
    drawn = (
        f'<rect x="{2 + pitch * (cell % across)}" y="{26 + pitch * (cell // across)}" width="{size}" height="{size}"/>'
        for cell in range(cells)
    )
    return "".join(drawn), pitch * (-(-cells // across))


def _seconds(seconds: int) -> str:
    """A column for each second: failures grow from its foot on the left, slow calls on the right."""
    pitch = min(24.0, 356 / seconds)
    half = (pitch - 1) / 2

    def columns(shift: float, width: float) -> str:
        return "".join(
            f'<rect x="{2 + pitch * second + shift:.4g}" y="26" width="{width:.4g}" height="52"/>'
            for second in range(seconds)
        )

    return (
        f'<g class="r-columns" data-part="seconds">{columns(0, pitch - 1)}</g>'
        f'<g class="r-levels r-open" data-part="seconds-failed">{columns(0, half)}</g>'
        f'<g class="r-levels r-slow" data-part="seconds-slow">{columns(half, half)}</g>'
    )


def _legend(y: int, rule: Rules) -> str:
    if rule.kind == CONSECUTIVE:
        return _cell_key(4, y, "F", "failed")
    kinds = (("S", "in time"), ("W", "slow"), ("F", "failed"), ("X", "failed and slow"))
    cells = "".join(_cell_key(4 + 74 * place, y, letter, words) for place, (letter, words) in enumerate(kinds))
    if rule.kind != TIME_WINDOW:
        return cells
    columns = (("open", "share failed, on the left"), ("slow", "share slow, on the right"))
    return cells + "".join(
        f'<rect class="r-swatch r-{tone}" x="{4 + 180 * place}" y="{y + 10}" width="9" height="9"/>'
        + _text(18 + 180 * place, y + 19, words, "r-small")
        for place, (tone, words) in enumerate(columns)
    )


def _cell_key(x: int, y: int, letter: str, words: str) -> str:
    cell = f'<rect data-state="{letter}" x="{x}" y="{y - 9}" width="9" height="9"/>'
    return f'<g class="r-cells">{cell}</g>{_text(x + 14, y, words, "r-small")}'


def _rates(rule: Rules) -> str:
    def row(y: int, label: str, name: str, threshold: float) -> str:
        return (
            _text(2, y, label)
            + _text(358, y, "", "r-strong", f"{name}-words", "end")
            + _text(180, y, f"opens at {threshold:g} %", "r-small", anchor="middle")
            + _bar(f"{name}-rate", 2, y + 9, 356, threshold / 100)
        )

    return _svg(
        124,
        row(14, "failure rate", "failure", rule.failure_rate_threshold),
        row(56, "slow call rate", "slow", rule.slow_call_rate_threshold),
        _text(2, 98, "permits for trials"),
        _text(358, 98, "", "r-strong", "permits-words", "end"),
        _bar("permits", 2, 107, 356),
    )
