"""Caches in front of a database: a node for each part of the keys, the least recently used making room (LRU).

Every node's cache is a stretch of slots, linked from the newest to the oldest. Where a key's copies are is kept by key,
so a look-up is one read. A copy that a change left behind on a node that is no longer asked for it stays there, as it
would, until it is the oldest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

NOWHERE = -1
HIT, MISS, FAILED = 0, 1, 2
# Fields of a node's cache: its first slot, how many it has and uses, its newest and its oldest.
FIRST, SIZE, USED, NEWEST, OLDEST = 0, 1, 2, 3, 4
# Fields of a slot.
KEY, NEWER, OLDER = 0, 1, 2
ASKED, ANSWERED = 0, 1


class Database(NamedTuple):
    """It begins a read every `read_s` at most, in order of arrival, and answers `latency_s` after it began.

    A read that would wait longer than `longest_wait_s` to begin is refused.
    """

    read_s: float
    latency_s: float
    longest_wait_s: float


class Reads(NamedTuple):
    """The database's reads so far, in order."""

    answer_s: NDArray[np.float64]
    keys: NDArray[np.int32]
    counted: NDArray[np.int64]  # how many were ASKED for and how many ANSWERED
    free_s: NDArray[np.float64]  # (1,): when the next read can begin


@njit(cache=True)
def empty_caches(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Caches with so many slots each: the nodes' fields (n, 5), the slots' (slots, 3)."""
    caches = np.zeros((sizes.size, 5), np.int64)
    first = 0
    for node in range(sizes.size):
        caches[node, FIRST], caches[node, SIZE] = first, sizes[node]
        caches[node, NEWEST] = caches[node, OLDEST] = NOWHERE
        first += sizes[node]
    return caches, np.full((first, 3), NOWHERE, np.int32)


@njit(cache=True)
def fill(
    caches: NDArray[np.int64],
    slots: NDArray[np.int32],
    where: NDArray[np.int32],
    placed: NDArray[np.int16],
    newest_first: NDArray[np.int64],
) -> None:
    """Put keys into their nodes' caches, the most recently used first, until each cache is full."""
    left = caches[:, SIZE].sum()
    for key in newest_first:
        if left == 0:
            return
        for copy in range(placed.shape[1]):
            node = placed[key, copy]
            if node < 0 or caches[node, USED] == caches[node, SIZE]:
                continue
            slot = caches[node, FIRST] + caches[node, USED]
            caches[node, USED] += 1
            left -= 1
            slots[slot, KEY], slots[slot, NEWER] = key, caches[node, OLDEST]
            if caches[node, OLDEST] == NOWHERE:
                caches[node, NEWEST] = slot
            else:
                slots[caches[node, OLDEST], OLDER] = slot
            caches[node, OLDEST] = slot
            where[key, copy] = slot


# This and what it calls go into the loops that call them: to hand so many arrays over costs as much as to use them.
@njit(cache=True, inline="always")
def use(
    caches: NDArray[np.int64],
    slots: NDArray[np.int32],
    where: NDArray[np.int32],
    placed: NDArray[np.int16],
    key: int,
) -> None:
    """The key was read: it is the newest on each of its nodes, and put where it was not."""
    for copy in range(placed.shape[1]):
        node = placed[key, copy]
        if node < 0 or caches[node, SIZE] == 0:
            continue
        slot = where[key, copy]
        if slot == caches[node, NEWEST] and slot != NOWHERE:
            continue
        if slot != NOWHERE:
            _unlink(caches, slots, node, slot)
        elif caches[node, USED] < caches[node, SIZE]:
            slot = caches[node, FIRST] + caches[node, USED]
            caches[node, USED] += 1
        else:
            slot = caches[node, OLDEST]
            _unlink(caches, slots, node, slot)
            _forget(where, slots[slot, KEY], slot)
        slots[slot, KEY] = key
        where[key, copy] = slot
        _link(caches, slots, node, slot)


@njit(cache=True)
def moved(where: NDArray[np.int32], before: NDArray[np.int16], after: NDArray[np.int16]) -> NDArray[np.int32]:
    """Where each key's copies are for clients that look on other nodes from now on. Shapes (k, copies)."""
    found = np.full(where.shape, NOWHERE, np.int32)
    for key in range(where.shape[0]):
        for copy in range(where.shape[1]):
            for was in range(where.shape[1]):
                if after[key, copy] >= 0 and after[key, copy] == before[key, was]:
                    found[key, copy] = where[key, was]
    return found


@njit(cache=True)
def serve(
    caches: NDArray[np.int64],
    slots: NDArray[np.int32],
    before: NDArray[np.int16],
    after: NDArray[np.int16],
    newest_first: NDArray[np.int64],
    change_s: float,
    arrival_s: NDArray[np.float64],
    wanted: NDArray[np.int32],
    database: Database,
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """What became of each request, HIT, MISS or FAILED, and how long it waited for the database (s). Shapes (n,).

    The caches are empty when this begins; `newest_first` fills them. From `change_s` on clients look on the nodes in
    `after`, and answers of the database that come later fill those.
    """
    outcome = np.zeros(arrival_s.size, np.int8)
    waited_s = np.zeros(arrival_s.size)
    reads = no_reads(arrival_s.size)
    where = np.full(before.shape, NOWHERE, np.int32)
    fill(caches, slots, where, before, newest_first)
    change = np.searchsorted(arrival_s, change_s)
    play(caches, slots, where, before, arrival_s[:change], wanted, database, reads, outcome, waited_s)
    take_answers(caches, slots, where, before, reads, change_s)
    where = moved(where, before, after)
    play(
        caches,
        slots,
        where,
        after,
        arrival_s[change:],
        wanted[change:],
        database,
        reads,
        outcome[change:],
        waited_s[change:],
    )
    return outcome, waited_s


@njit(cache=True)
def no_reads(most: int) -> Reads:
    """Room for so many reads of the database."""
    return Reads(np.empty(most), np.empty(most, np.int32), np.zeros(2, np.int64), np.zeros(1))


@njit(cache=True)
def play(
    caches: NDArray[np.int64],
    slots: NDArray[np.int32],
    where: NDArray[np.int32],
    placed: NDArray[np.int16],
    arrival_s: NDArray[np.float64],
    wanted: NDArray[np.int32],
    database: Database,
    reads: Reads,
    outcome: NDArray[np.int8],
    waited_s: NDArray[np.float64],
) -> None:
    """The requests of a time in which clients know the same nodes. What is not a hit is written into the last two."""
    for request in range(arrival_s.size):
        now_s, key = arrival_s[request], wanted[request]
        take_answers(caches, slots, where, placed, reads, now_s)
        if where[key, 0] != NOWHERE:
            use(caches, slots, where, placed, key)
            continue
        wait_s = max(0.0, reads.free_s[0] - now_s)
        if wait_s > database.longest_wait_s:
            outcome[request] = FAILED
            continue
        outcome[request] = MISS
        waited_s[request] = wait_s + database.latency_s
        reads.free_s[0] = now_s + wait_s + database.read_s
        asked = reads.counted[ASKED]
        reads.answer_s[asked], reads.keys[asked] = now_s + waited_s[request], key
        reads.counted[ASKED] += 1


@njit(cache=True, inline="always")
def take_answers(
    caches: NDArray[np.int64],
    slots: NDArray[np.int32],
    where: NDArray[np.int32],
    placed: NDArray[np.int16],
    reads: Reads,
    now_s: float,
) -> None:
    """Fill the caches with what the database has answered by now."""
    answered = reads.counted[ANSWERED]
    while answered < reads.counted[ASKED] and reads.answer_s[answered] <= now_s:
        use(caches, slots, where, placed, reads.keys[answered])
        answered += 1
    reads.counted[ANSWERED] = answered


@njit(cache=True, inline="always")
def _unlink(caches: NDArray[np.int64], slots: NDArray[np.int32], node: int, slot: int) -> None:
    newer, older = slots[slot, NEWER], slots[slot, OLDER]
    if newer == NOWHERE:
        caches[node, NEWEST] = older
    else:
        slots[newer, OLDER] = older
    if older == NOWHERE:
        caches[node, OLDEST] = newer
    else:
        slots[older, NEWER] = newer


@njit(cache=True, inline="always")
def _link(caches: NDArray[np.int64], slots: NDArray[np.int32], node: int, slot: int) -> None:
    """Make it the newest."""
    newest = caches[node, NEWEST]
    slots[slot, NEWER], slots[slot, OLDER] = NOWHERE, newest
    if newest == NOWHERE:
        caches[node, OLDEST] = slot
    else:
        slots[newest, NEWER] = slot
    caches[node, NEWEST] = slot


@njit(cache=True, inline="always")
def _forget(where: NDArray[np.int32], key: int, slot: int) -> None:
    """The key is no longer there; a copy that a change left behind is not looked for anyway."""
    for copy in range(where.shape[1]):
        if where[key, copy] == slot:
            where[key, copy] = NOWHERE
