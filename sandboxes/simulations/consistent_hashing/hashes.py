"""Hash functions, compiled: xxHash64, and MD5 for the ring that libketama's clients share.

Both are the published functions, byte for byte. A key of the simulation is the eight bytes, least significant first, of
its number; a point of a ring is the sixteen bytes of two such numbers.

Source  xxHash, doc/xxhash_spec.md <https://github.com/Cyan4973/xxHash>; RFC 1321, The MD5 Message-Digest Algorithm.
"""

from __future__ import annotations

from math import sin

import numpy as np
from numba import njit
from numpy.typing import NDArray

P1, P2 = np.uint64(11400714785074694791), np.uint64(14029467366897019727)
P3, P4 = np.uint64(1609587929392839161), np.uint64(9650029242287828579)
P5 = np.uint64(2870177450012600261)
B0, B1, B2, B3, B4, B7, B8, B11 = (np.uint64(bits) for bits in (0, 1, 2, 3, 4, 7, 8, 11))
B12, B16, B18, B23, B24, B27, B29 = (np.uint64(bits) for bits in (12, 16, 18, 23, 24, 27, 29))
B31, B32, B33, B64 = (np.uint64(bits) for bits in (31, 32, 33, 64))
LENGTH_8, LENGTH_16 = np.uint64(8), np.uint64(16)

LOW_32 = np.uint64(0xFFFFFFFF)
MD5_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.uint64)
MD5_SINES = np.array([int(abs(sin(step + 1)) * 2**32) for step in range(64)], np.uint64)
MD5_TURNS = np.array(
    [
        turns[step % 4]
        for turns in ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
        for step in range(16)
    ],
    np.uint64,
)


def xxhash64(data: bytes, seed: int = 0) -> int:
    """The 64 bit xxHash of any bytes. Raises ValueError for a seed that is not of 64 bits."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed is {seed}; use 0 to {2**64 - 1}")
    with np.errstate(over="ignore"):
        return int(xxhash64_of(np.frombuffer(data, np.uint8), np.uint64(seed)))


def md5_words(data: bytes) -> tuple[int, ...]:
    """The four 32 bit words of the MD5 of at most 55 bytes, as libketama reads them: least significant byte first."""
    if len(data) > 55:
        raise ValueError(f"{len(data)} bytes to hash; use at most 55")
    block = np.zeros(64, np.uint8)
    block[: len(data)] = np.frombuffer(data, np.uint8)
    block[len(data)] = 0x80
    block[56:58] = (8 * len(data)) % 256, (8 * len(data)) // 256
    words = np.frombuffer(block.tobytes(), "<u4").astype(np.uint64)
    with np.errstate(over="ignore"):
        return tuple(int(word) for word in md5_of_block(words))


# Into the loop that calls it: to hand an array over costs as much as to hash a short one.
@njit(cache=True, inline="always")
def xxhash64_of(data: NDArray[np.uint8], seed: np.uint64) -> np.uint64:
    """xxHash64 of an array of bytes."""
    # Unsigned, or each index would be asked first whether it counts from the end.
    size, at = np.uint64(data.size), B0
    hashed = seed + P5
    if size >= B32:
        hashed, at = _of_stripes(data, seed)
    hashed += size
    while at + B8 <= size:
        hashed = _turned(hashed ^ _mixed(B0, _eight(data, at)), B27) * P1 + P4
        at += B8
    if at + B4 <= size:
        hashed = _turned(hashed ^ (_four(data, at) * P1), B23) * P2 + P3
        at += B4
    while at < size:
        hashed = _turned(hashed ^ (np.uint64(data[at]) * P5), B11) * P1
        at += B1
    return avalanche(hashed)


@njit(cache=True)
def xxhash64_of_number(number: np.uint64, seed: np.uint64) -> np.uint64:
    """xxHash64 of the eight bytes of a number."""
    hashed = seed + P5 + LENGTH_8
    return avalanche(_turned(hashed ^ _mixed(B0, number), B27) * P1 + P4)


@njit(cache=True)
def xxhash64_of_pair(first: np.uint64, second: np.uint64, seed: np.uint64) -> np.uint64:
    """xxHash64 of the sixteen bytes of two numbers."""
    hashed = seed + P5 + LENGTH_16
    hashed = _turned(hashed ^ _mixed(B0, first), B27) * P1 + P4
    return avalanche(_turned(hashed ^ _mixed(B0, second), B27) * P1 + P4)


@njit(cache=True)
def avalanche(hashed: np.uint64) -> np.uint64:
    """xxHash64's last step, after which every bit of the input has moved every bit of the output."""
    hashed = (hashed ^ (hashed >> B33)) * P2
    hashed = (hashed ^ (hashed >> B29)) * P3
    return hashed ^ (hashed >> B32)


@njit(cache=True)
def md5_of_block(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """MD5 of one padded block of sixteen words. Shape (16,) -> (4,)."""
    a, b, c, d = MD5_START[0], MD5_START[1], MD5_START[2], MD5_START[3]
    for step in range(64):
        if step < 16:
            chosen, word = (b & c) | (~b & d), step
        elif step < 32:
            chosen, word = (d & b) | (~d & c), (5 * step + 1) % 16
        elif step < 48:
            chosen, word = b ^ c ^ d, (3 * step + 5) % 16
        else:
            chosen, word = c ^ (b | (~d & LOW_32)), (7 * step) % 16
        total = (a + (chosen & LOW_32) + MD5_SINES[step] + words[word]) & LOW_32
        turned = (total << MD5_TURNS[step]) | (total >> (B32 - MD5_TURNS[step]))
        a, d, c, b = d, c, b, (b + turned) & LOW_32
    digest = np.empty(4, np.uint64)
    digest[0], digest[1] = (MD5_START[0] + a) & LOW_32, (MD5_START[1] + b) & LOW_32
    digest[2], digest[3] = (MD5_START[2] + c) & LOW_32, (MD5_START[3] + d) & LOW_32
    return digest


@njit(cache=True)
def hash_keys(first: int, count: int, seed: np.uint64) -> NDArray[np.uint64]:
    """xxHash64 of the keys `first`, `first` + 1 and so on. Shape (count,)."""
    hashes = np.empty(count, np.uint64)
    for key in range(count):
        hashes[key] = xxhash64_of_number(np.uint64(first + key), seed)
    return hashes


@njit(cache=True)
def hash_keys_md5(first: int, count: int) -> NDArray[np.uint64]:
    """The first word of the MD5 of the keys' eight bytes, which is what libketama takes of a key. Shape (count,)."""
    hashes = np.empty(count, np.uint64)
    words = np.zeros(16, np.uint64)
    words[2], words[14] = np.uint64(0x80), np.uint64(64)
    for key in range(count):
        number = np.uint64(first + key)
        words[0], words[1] = number & LOW_32, number >> B32
        hashes[key] = md5_of_block(words)[0]
    return hashes


@njit(cache=True)
def _of_stripes(data: NDArray[np.uint8], seed: np.uint64) -> tuple[np.uint64, np.uint64]:
    """What whole stripes of 32 bytes come to, and where they end. Apart, so that short data costs no call."""
    one, two, three, four = seed + P1 + P2, seed + P2, seed, seed - P1
    at = B0
    while at + B32 <= np.uint64(data.size):
        one = _mixed(one, _eight(data, at))
        two = _mixed(two, _eight(data, at + B8))
        three = _mixed(three, _eight(data, at + B16))
        four = _mixed(four, _eight(data, at + B24))
        at += B32
    hashed = _turned(one, B1) + _turned(two, B7) + _turned(three, B12) + _turned(four, B18)
    for lane in (one, two, three, four):
        hashed = (hashed ^ _mixed(B0, lane)) * P1 + P4
    return hashed, at


@njit(cache=True)
def _mixed(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _turned(lane + word * P2, B31) * P1


@njit(cache=True)
def _turned(word: np.uint64, bits: np.uint64) -> np.uint64:
    return (word << bits) | (word >> (B64 - bits))


@njit(cache=True)
def _eight(data: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """The number that eight bytes spell, the least significant first."""
    return _four(data, at) | (_four(data, at + B4) << B32)


@njit(cache=True)
def _four(data: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Without a loop, which the compiler makes one read of."""
    return (
        np.uint64(data[at])
        | (np.uint64(data[at + B1]) << B8)
        | (np.uint64(data[at + B2]) << B16)
        | (np.uint64(data[at + B3]) << B24)
    )
