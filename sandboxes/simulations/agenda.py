"""What is due next: a binary heap of numbered items over plain arrays, for use inside compiled loops.

`heapq` compiles too, but a list of tuples costs the loop about three times as much as these arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Agenda(NamedTuple):
    """Items with their moments, the soonest first; of two at the same moment the lower number is first."""

    at_s: NDArray[np.float64]
    item: NDArray[np.int64]
    size: NDArray[np.int64]


@njit(cache=True)
def empty_agenda(capacity: int) -> Agenda:
    """An agenda with room for `capacity` items."""
    return Agenda(np.empty(capacity, np.float64), np.empty(capacity, np.int64), np.zeros(1, np.int64))


@njit(cache=True)
def next_at_s(agenda: Agenda) -> float:
    """The moment of the soonest item; infinity when there is none."""
    if agenda.size[0] == 0:
        return np.inf
    return float(agenda.at_s[0])


@njit(cache=True)
def push(agenda: Agenda, at_s: float, item: int) -> None:
    at, items = agenda.at_s, agenda.item
    place = agenda.size[0]
    agenda.size[0] += 1
    while place > 0:
        above = (place - 1) // 2
        if at[above] < at_s or (at[above] == at_s and items[above] < item):
            break
        at[place], items[place] = at[above], items[above]
        place = above
    at[place], items[place] = at_s, item


@njit(cache=True)
def pop(agenda: Agenda) -> int:
    """Take the soonest item out. The agenda must not be empty."""
    at, items = agenda.at_s, agenda.item
    soonest = items[0]
    agenda.size[0] -= 1
    size = agenda.size[0]
    at_s, item = at[size], items[size]
    place = 0
    while 2 * place + 1 < size:
        below = 2 * place + 1
        right = below + 1
        if right < size and (at[right] < at[below] or (at[right] == at[below] and items[right] < items[below])):
            below = right
        if at_s < at[below] or (at_s == at[below] and item < items[below]):
            break
        at[place], items[place] = at[below], items[below]
        place = below
    at[place], items[place] = at_s, item
    return int(soonest)
