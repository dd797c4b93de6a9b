"""What a replay is: pictures of the mechanism, and the moments of a run at which they are shown.

A picture is an SVG whose changing parts carry `data-part="name"`. A frame says how every part looks at its moment, as
a mapping from what is set to its value:

    state   the part's `data-state`: a colour of the palette ("closed", "half"...), or "off"
    text    its words
    share   0 to 1, how much of a bar is filled
    cells   one letter per child: S success, W slow, F failure, X failure and slow, "." empty, " " not there
    levels  one digit per child: 0 nothing to 9 filled
    head    which child is the newest, from 0
    flow    how many things moved along this path since the frame before
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MOST_FRAMES = 600
SETTINGS = frozenset({"state", "text", "share", "cells", "levels", "head", "flow"})

Part = Mapping[str, str | float]


@dataclass(frozen=True)
class Frame:
    """One moment: `say` tells it in a sentence, `key` marks those worth stopping at."""

    at_s: float
    say: str
    parts: Mapping[str, Part]
    key: bool = False


@dataclass(frozen=True)
class Replay:
    """A run in at most 600 frames, in the order of time; `note` says what the frames leave out.

    Raises ValueError for too few or too many frames, frames out of order, and parts that do not match the pictures.
    """

    pictures: tuple[str, ...]
    frames: tuple[Frame, ...]
    note: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.frames) <= MOST_FRAMES:
            raise ValueError(f"this replay has {len(self.frames)} frames; use 1 to {MOST_FRAMES}")
        for before, after in pairwise(self.frames):
            if not before.at_s < after.at_s:
                raise ValueError(f"the frame at {after.at_s} s follows one at {before.at_s} s; frames go forward")
        drawn = self.parts
        for frame in self.frames:
            if frame.parts.keys() != drawn:
                wrong = ", ".join(sorted(frame.parts.keys() ^ drawn))
                raise ValueError(f"the frame at {frame.at_s} s and the pictures do not agree on {wrong}")

    @property
    def parts(self) -> frozenset[str]:
        """The names of the parts that the pictures have."""
        return frozenset(re.findall(r'data-part="([^"]+)"', "".join(self.pictures)))


def packed(replay: Replay) -> list[dict[str, Any]]:
    """The frames as plain JSON, each with only what differs from the frame before it.

    A row of cells or levels that keeps its length is given as [from, letters]: the stretch that differs.
    """
    shown: dict[str, Part] = {}
    rows = []
    for frame in replay.frames:
        changed = {name: _changes(shown.get(name, {}), part) for name, part in frame.parts.items()}
        rows.append(
            {
                "at_s": round(frame.at_s, 6),
                "say": frame.say,
                **({"key": True} if frame.key else {}),
                "parts": {name: changes for name, changes in changed.items() if changes},
            }
        )
        shown = dict(frame.parts)
    return rows


def _changes(before: Part, after: Part) -> dict[str, Any]:
    return {
        name: _stretch(before.get(name), value) if name in ("cells", "levels") else value
        for name, value in after.items()
        if before.get(name) != value
    }


def _stretch(before: str | float | None, after: str | float) -> str | float | list[str | int]:
    """The shortest stretch of `after` that differs from `before`, with its place."""
    if not (isinstance(before, str) and isinstance(after, str) and len(before) == len(after)):
        return after
    differing = [place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    return [differing[0], after[differing[0] : differing[-1] + 1]]
