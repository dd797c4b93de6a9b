"""What is due next: a binary heap of numbered items over a plain array, for use inside compiled loops.

`heapq` compiles too, but a list of tuples costs the loop about three times as much as this array.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

DUE = np.dtype([("at_s", np.float64), ("item", np.int64)])
# Items with their moments, the soonest first; of two at the same moment the lower number is first. One array, for a
# compiled loop counts references to every array: its place 0 holds the number of items, the heap begins at place 1.
Agenda: TypeAlias = NDArray[Any]


@njit(cache=True)
def empty_agenda(capacity: int) -> Agenda:
    """An agenda with room for `capacity` items."""
    agenda = np.empty(capacity + 1, DUE)
    agenda[0]["item"] = 0
    return agenda


@njit(cache=True)
def next_at_s(agenda: Agenda) -> float:
    """The moment of the soonest item; infinity when there is none."""
    if agenda[0]["item"] == 0:
        return np.inf
    return float(agenda[1]["at_s"])


@njit(cache=True)
def push(agenda: Agenda, at_s: float, item: int) -> None:
    agenda[0]["item"] += 1
    place = agenda[0]["item"]
    while place > 1:
        above = place // 2
        if not _is_before(at_s, item, agenda, above):
            break
        _put(agenda, place, agenda[above]["at_s"], agenda[above]["item"])
        place = above
    _put(agenda, place, at_s, item)


@njit(cache=True)
def pop(agenda: Agenda) -> int:
    """Take the soonest item out. The agenda must not be empty."""
    soonest, size = agenda[1]["item"], agenda[0]["item"] - 1
    at_s, item = agenda[size + 1]["at_s"], agenda[size + 1]["item"]
    agenda[0]["item"] = size
    place = 1
    while 2 * place <= size:
        below = 2 * place
        if below < size and _is_before(agenda[below + 1]["at_s"], agenda[below + 1]["item"], agenda, below):
            below += 1
        if _is_before(at_s, item, agenda, below):
            break
        _put(agenda, place, agenda[below]["at_s"], agenda[below]["item"])
        place = below
    _put(agenda, place, at_s, item)
    return int(soonest)


@njit(cache=True)
def _is_before(at_s: float, item: int, agenda: Agenda, place: int) -> bool:
    return bool(at_s < agenda[place]["at_s"] or (at_s == agenda[place]["at_s"] and item < agenda[place]["item"]))


@njit(cache=True)
def _put(agenda: Agenda, place: int, at_s: float, item: int) -> None:
    agenda[place]["at_s"] = at_s
    agenda[place]["item"] = item
