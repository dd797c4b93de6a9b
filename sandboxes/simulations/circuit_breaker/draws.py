"""Chance for the calls after a request's first, by number rather than in order: no draw depends on what came before it.

A run that makes fewer calls leaves the draws of all others alone, and a request that is never tried again costs no
draw. The mixing is Wellons' lowbias32 <https://nullprogram.com/blog/2018/07/31/>, in 32 bits, so that it is the same in
compiled code, in plain Python and in C.
"""

from __future__ import annotations

from math import cos, log, pi, sqrt

from numba import njit

WORD = 0xFFFFFFFF


@njit(cache=True)
def uniform(key: int, request: int, attempt: int) -> float:
    """A number from 0 to 1, both exclusive, that belongs to this purpose, request and attempt."""
    word = _mixed(_mixed(_mixed(int(key)) + int(request) & WORD) + int(attempt) & WORD)
    return (word + 0.5) / 4294967296.0


@njit(cache=True)
def normal(key: int, request: int, attempt: int) -> float:
    """A standard normal number (Box and Muller), from two draws that are numbered beyond any real attempt."""
    radius = sqrt(-2.0 * log(uniform(key, request, attempt + 1000)))
    return radius * cos(2.0 * pi * uniform(key, request, attempt + 2000))


@njit(cache=True)
def exponential(key: int, request: int, attempt: int) -> float:
    """An exponential number of mean 1."""
    return -log(uniform(key, request, attempt))


@njit(cache=True)
def _mixed(word: int) -> int:
    word ^= word >> 16
    word = (word * 0x7FEB352D) & WORD
    word ^= word >> 15
    word = (word * 0x846CA68B) & WORD
    return word ^ (word >> 16)
