"""The algorithms alone, against independent implementations and against themselves."""

from __future__ import annotations

import bisect
import hashlib
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import uhashring
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.hashes import (
    hash_keys,
    hash_keys_md5,
    md5_words,
    xxhash64,
    xxhash64_of_pair,
)
from sandboxes.simulations.consistent_hashing.jump import buckets_by_jump, jump_hash
from sandboxes.simulations.consistent_hashing.ketama import digest_counts, ketama_hash, ketama_ring
from sandboxes.simulations.consistent_hashing.maglev import maglev_table, next_prime, place_by_table
from sandboxes.simulations.consistent_hashing.rendezvous import place_by_rendezvous
from sandboxes.simulations.consistent_hashing.ring import (
    arcs,
    look_up,
    place_on_ring,
    place_with_bounds,
    points_of,
    ring_of,
)

SEED = np.uint64(5)
NUMBERS = st.integers(0, 2**64 - 1)


@pytest.fixture(autouse=True)
def _numbers_may_wrap(monkeypatch: pytest.MonkeyPatch) -> Any:
    with np.errstate(over="ignore"):
        yield


def nodes_of(count: int) -> NDArray[np.int16]:
    return np.arange(count, dtype=np.int16)


# Hashes.


@given(data=st.binary(max_size=300), seed=NUMBERS)
@settings(deadline=None)
def test_xxhash64_is_that_of_its_own_library(data: bytes, seed: int) -> None:
    assert xxhash64(data, seed) == xxhash.xxh64(data, seed=seed).intdigest()


@given(first=NUMBERS, second=NUMBERS, seed=NUMBERS)
@settings(deadline=None)
def test_numbers_are_hashed_as_their_bytes(first: int, second: int, seed: int) -> None:
    pair = xxhash64_of_pair(np.uint64(first), np.uint64(second), np.uint64(seed))

    assert int(pair) == xxhash.xxh64(struct.pack("<QQ", first, second), seed=seed).intdigest()


@given(data=st.binary(max_size=55))
@settings(deadline=None)
def test_md5_is_that_of_the_standard_library(data: bytes) -> None:
    assert md5_words(data) == struct.unpack("<4I", hashlib.md5(data).digest())


def test_keys_are_hashed_one_by_one() -> None:
    of_keys, of_keys_md5 = hash_keys(7, 3, SEED).tolist(), hash_keys_md5(7, 3).tolist()

    spelled = [key.to_bytes(8, "little") for key in (7, 8, 9)]
    assert of_keys == [xxhash.xxh64(key, seed=5).intdigest() for key in spelled]
    assert of_keys_md5 == [int.from_bytes(hashlib.md5(key).digest()[:4], "little") for key in spelled]


@pytest.mark.parametrize(
    ("hashed", "message"),
    [
        (lambda: xxhash64(b"", 2**64), "seed is 18446744073709551616; use 0 to 18446744073709551615"),
        (lambda: md5_words(bytes(56)), "56 bytes to hash; use at most 55"),
        (lambda: jump_hash(-1, 5), "key is -1; use 0 to 18446744073709551615"),
        (lambda: jump_hash(1, 0), "buckets is 0; use 1 to 2147483647"),
        (lambda: ketama_ring({}), "use at least one server"),
        (lambda: ketama_ring({"a": 0.0}), "weights above 0"),
        (lambda: ring_of(np.array([], np.uint64), nodes_of(0)), "a ring of 0 points"),
        (lambda: maglev_table(nodes_of(2), np.ones(2), 8, SEED), "size is 8; use a prime, such as 11"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_value(hashed: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hashed()


# The ring.


def test_a_look_up_finds_what_bisection_finds_however_points_crowd() -> None:
    chance = np.random.default_rng(1)
    crowded = np.concatenate([chance.integers(0, 2**40, 500), chance.integers(2**63, 2**64, 30, np.uint64)])
    points = np.unique(crowded.astype(np.uint64))
    owners = chance.integers(0, 9, points.size).astype(np.int16)
    hashes = np.concatenate(
        [points, points - np.uint64(1), points + np.uint64(1), chance.integers(0, 2**64, 500, np.uint64)]
    )

    found = look_up(ring_of(points, owners), hashes)

    expected = [owners[bisect.bisect_left(points.tolist(), value) % points.size] for value in hashes.tolist()]
    assert found.tolist() == expected


def test_arcs_are_the_way_from_the_point_before_and_make_up_the_circle() -> None:
    quarter = 2**62
    ring = ring_of(np.array([quarter, 3 * quarter], np.uint64), nodes_of(2))

    assert arcs(ring).tolist() == [0.5, 0.5]
    assert arcs(points_of(nodes_of(5), np.full(5, 20), SEED)).sum() == pytest.approx(1)


def test_copies_are_the_next_other_nodes_clockwise() -> None:
    points = np.array([10, 20, 30, 40, 50], np.uint64) * np.uint64(2**55)
    ring = ring_of(points, np.array([0, 0, 1, 0, 2], np.int16))

    placed = place_on_ring(ring, points - np.uint64(1), 3)

    assert placed.tolist() == [[0, 1, 2], [0, 1, 2], [1, 0, 2], [0, 2, 1], [2, 0, 1]]


@pytest.mark.parametrize("copies", [1, 2])
def test_bounded_loads_follow_a_plain_walk_round_the_ring(copies: int) -> None:
    ring = points_of(nodes_of(6), np.full(6, 3), SEED)
    hashes = hash_keys(0, 600, SEED)
    room = np.array([100, 90, 130, 110, 105, 95])

    placed = place_with_bounds(ring, hashes, room.copy(), copies)

    points, owners, left = ring.points[:-1].tolist(), ring.nodes[:-1].tolist(), room.tolist()
    for key, value in enumerate(hashes.tolist()):
        at = bisect.bisect_left(points, value) % len(points)
        while left[owners[at]] == 0:
            at = (at + 1) % len(points)
        left[owners[at]] -= 1
        assert placed[key, 0] == owners[at]
        if copies == 2:
            onward = (owners[(at + step) % len(points)] for step in range(1, len(points)))
            assert placed[key, 1] == next(node for node in onward if node != owners[at])


@pytest.mark.parametrize(
    "weights",
    [
        {"10.0.0.1:11211": 1, "10.0.0.2:11211": 1, "10.0.0.3:11211": 1},
        {f"10.0.0.{server}:11211": 1 for server in range(1, 51)},
    ],
    ids=["three", "fifty"],
)
def test_ketama_is_uhashrings_ketama(weights: dict[str, int]) -> None:
    theirs = uhashring.HashRing(nodes=weights, hash_fn="ketama")
    ours = ketama_ring(weights)

    assert [point for point, _ in ours.points] == sorted(theirs.ring)
    keys = [f"user:{number}" for number in range(500)]
    assert [ours.server(key)[1] for key in keys] == [theirs.get_node(key) for key in keys]
    assert ketama_hash("user:1") == theirs.hashi("user:1")


def test_uneven_weights_move_points_of_ketamas_other_servers() -> None:
    before, after = digest_counts(np.array([1.0, 2.0]), 40), digest_counts(np.array([1.0, 2.0, 1.0]), 40)

    assert before.tolist() == [26, 53]
    assert after.tolist() == [30, 60, 30]


# Jump, rendezvous, Maglev.


def plain_jump(key: int, buckets: int) -> int:
    """In Python's own numbers, which do not wrap by themselves."""
    bucket, jumped = -1, 0
    while jumped < buckets:
        bucket = jumped
        key = (key * 2862933555777941757 + 1) % 2**64
        jumped = int((bucket + 1) * (2.0**31 / ((key >> 33) + 1)))
    return bucket


@given(key=NUMBERS, buckets=st.integers(1, 2**31 - 1))
@settings(deadline=None)
def test_jump_is_the_papers(key: int, buckets: int) -> None:
    assert jump_hash(key, buckets) == plain_jump(key, buckets)


def test_jump_moves_keys_to_the_new_bucket_only() -> None:
    hashes = hash_keys(0, 5000, SEED)

    for buckets in (1, 7, 50):
        before, after = buckets_by_jump(hashes, buckets), buckets_by_jump(hashes, buckets + 1)
        assert np.all((before == after) | (after == buckets))


@pytest.mark.parametrize("weights", [[1.0] * 7, [1, 2, 3, 0.5, 1, 1, 4.0]], ids=["equal", "uneven"])
def test_rendezvous_takes_the_highest_scores(weights: list[float]) -> None:
    hashes, names = hash_keys(0, 300, SEED), hash_keys(1 << 40, 7, SEED)

    placed = place_by_rendezvous(hashes, names, nodes_of(7), np.array(weights), 3)
    alone = place_by_rendezvous(hashes, names, nodes_of(7), np.array(weights), 1)

    for key, value in enumerate(hashes.tolist()):
        scores = [
            -weight / math.log(((mixed(value ^ name) >> 11) + 0.5) * 2.0**-53)
            for weight, name in zip(weights, names.tolist(), strict=True)
        ]
        assert placed[key].tolist() == sorted(range(7), key=lambda node: -scores[node])[:3]
        assert alone[key, 0] == placed[key, 0]


def mixed(value: int) -> int:
    """The avalanche of xxHash64's specification."""
    value = (value ^ (value >> 33)) * 14029467366897019727 % 2**64
    value = (value ^ (value >> 29)) * 1609587929392839161 % 2**64
    return value ^ (value >> 32)


def test_maglev_gives_every_node_its_turn_and_every_entry_a_node() -> None:
    table = maglev_table(nodes_of(13), np.ones(13), 1009, SEED)

    counts = np.bincount(table, minlength=13)
    assert counts.sum() == 1009
    assert counts.max() - counts.min() <= 1


def test_maglev_moves_few_entries_between_nodes_that_stay() -> None:
    """The paper's figure 12: with M = 65,537 and 1000 backends hardly a per cent changes hands when one fails."""
    before = maglev_table(nodes_of(1000), np.ones(1000), 65_537, SEED)
    after = maglev_table(np.delete(nodes_of(1000), 500), np.ones(999), 65_537, SEED)

    needless = np.mean((before != after) & (before != 500))
    assert 0 < needless < 0.02


def test_copies_by_table_are_different_nodes() -> None:
    table = maglev_table(nodes_of(3), np.ones(3), 11, SEED)

    placed = place_by_table(table, hash_keys(0, 200, SEED), 3)

    assert np.all(np.sort(placed, axis=1) == [0, 1, 2])
    assert np.array_equal(placed[:, 0], place_by_table(table, hash_keys(0, 200, SEED), 1)[:, 0])


@pytest.mark.parametrize(("number", "prime"), [(1, 2), (2, 2), (8, 11), (65_537, 65_537), (1_000_000, 1_000_003)])
def test_the_next_prime(number: int, prime: int) -> None:
    assert next_prime(number) == prime
