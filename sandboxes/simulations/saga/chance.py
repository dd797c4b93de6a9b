"""Luck by index: what befalls an attempt depends on the seed, the order, the step and the number of the attempt alone.

Two runs that differ in one parameter therefore meet the same luck, whatever the order in which they come to it, and no
array of numbers that may never be needed has to be drawn. The mixing function is a 32-bit one with multipliers below
2**31, so that a product never leaves 63 bits and plain Python computes the same as compiled code.
Source: C. Wellons, Prospecting for Hash Functions, 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sandboxes.simulations.saga.codes import codes

# What a draw is for; each has a sequence of its own.
VERDICT, LATENCY, ANGLE, UNSEEN, JITTER, DELAY, DUPLICATE, HELD_UP = codes(8)

WORD = 0xFFFFFFFF


@njit(cache=True)
def uniform(rules: Any, purpose: int, order: int, step: int, direction: int, attempt: int) -> float:
    """A number from 0 to 1, both excluded, the same for the same arguments; `rules` hold the seed's words."""
    word = mixed((order << 4 | step) ^ rules["first_word"])
    word = mixed((word + (attempt << 5 | direction << 3 | purpose)) & WORD)
    return (mixed(word ^ rules["second_word"]) + 0.5) / 4294967296.0


@njit(cache=True)
def normal(rules: Any, order: int, step: int, direction: int, attempt: int) -> float:
    """A standard normal number for the latency of an attempt (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(rules, LATENCY, order, step, direction, attempt)))
    return float(radius * np.cos(2.0 * np.pi * uniform(rules, ANGLE, order, step, direction, attempt)))


@njit(cache=True)
def mixed(word: int) -> int:
    """A 32-bit word, shuffled one to one."""
    word ^= word >> 16
    word = (word * 0x21F0AAAD) & WORD
    word ^= word >> 15
    word = (word * 0x735A2D97) & WORD
    return word ^ (word >> 15)
