"""Each check fails when what it is about is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from sandboxes.simulations.checks import carry_out
from sandboxes.simulations.consistent_hashing import (
    cache,
    cache_checks,
    checks,
    hashes,
    jump,
    maglev,
    model,
    placement,
    rendezvous,
    ring,
)
from sandboxes.simulations.consistent_hashing.cache import HIT, MISS


def _other_hash(data: bytes, seed: int = 0) -> int:
    return HASH(data, seed ^ 1)


def _third_of_the_points(nodes: Any, counts: Any, seed: Any) -> Any:
    return POINTS_OF(nodes, np.maximum(counts // 3, 1), seed)


def _points_all_alike(nodes: Any, counts: Any, seed: Any) -> Any:
    """At even distances, as no hash would put them."""
    points = np.linspace(0, 2.0**63, int(counts.sum()), endpoint=False).astype(np.uint64)
    return ring.ring_of(points * np.uint64(2), np.repeat(nodes, counts))


def _crowded_keys(params: Any, seed: int, keys: int) -> Any:
    return KEY_HASHES(params, seed, keys) // np.uint64(2**52) * np.uint64(2**52)


def _new_names(params: Any, nodes: Any, seed: int) -> Any:
    """Places that depend on how many nodes there are, as they must not."""
    return DIRECTORY(params, nodes, seed + nodes.size)


def _no_bounds(balance_factor: float, weights: Any, keys: int) -> Any:
    return BOUNDS(1.3 * balance_factor, weights, keys)


def _one_too_many(*arguments: Any) -> Any:
    table = MAGLEV_TABLE(*arguments).copy()
    table[: table.size // 100] = table[0]
    return table


def _all_alike(keys: Any, names: Any, nodes: Any, weights: Any, copies: int) -> Any:
    return RENDEZVOUS(keys // np.uint64(5000), names, nodes, np.ones(weights.size), copies)


def _deaf_to_weights(nodes: Any, weights: Any, *rest: Any) -> Any:
    return MAGLEV_TABLE(nodes, np.ones(weights.size), *rest)


def _first_in_first_out(*arguments: Any) -> Any:
    outcome, waited_s = SERVE(*arguments)
    return np.where(np.arange(outcome.size) % 20 == 0, MISS - HIT * outcome, outcome).astype(np.int8), waited_s


def _busier(params: Any) -> Any:
    told = DATABASE(params)
    return told._replace(read_s=0.9 * told.read_s)


def _flatter(keys: int, alpha: float) -> Any:
    return ZIPF(keys, 0.9 * alpha)


def _emptier(sizes: Any) -> Any:
    return EMPTY_CACHES(np.maximum(sizes * 9 // 10, 0))


HASH, POINTS_OF, DIRECTORY, BOUNDS = hashes.xxhash64, ring.points_of, placement.directory, placement.bounds
MAGLEV_TABLE, RENDEZVOUS, SERVE = maglev.maglev_table, rendezvous.place_by_rendezvous, cache.serve
DATABASE, ZIPF, EMPTY_CACHES, JUMP = model.database, model.zipf, cache.empty_caches, jump.jump_hash
BUCKETS, KEY_HASHES = jump.buckets_by_jump, placement.key_hashes

BREAKAGES: Mapping[str, tuple[tuple[Any, str, Callable[..., Any]], ...]] = {
    "another hash": ((checks, "xxhash64", _other_hash),),
    "another hash of keys": ((checks, "hash_keys", lambda first, count, seed: np.arange(count, dtype=np.uint64)),),
    "another digest": ((checks, "md5_words", lambda data: (0, 0, 0, 0)),),
    "another jump": ((checks, "jump_hash", lambda key, buckets: JUMP(key + 1, buckets)),),
    "another hash of ketama": ((checks, "ketama_hash", lambda key: 1),),
    "ketama in double precision": (
        (checks, "digest_counts", lambda weights, digests: np.floor(weights / weights.sum() * digests * weights.size)),
    ),
    "turns out of turn": ((checks, "populated", lambda nodes, *rest: np.zeros(7, np.int16)),),
    "fewer points": ((checks, "points_of", _third_of_the_points),),
    "an uneven table": ((checks, "maglev_table", _one_too_many),),
    "nodes that go by another name": ((model, "directory", _new_names),),
    "no bounds": ((placement, "bounds", _no_bounds),),
    "crowded scores": (
        (checks, "place_by_rendezvous", _all_alike),
        (placement, "place_by_rendezvous", _all_alike),
    ),
    "a table deaf to weights": ((placement, "maglev_table", _deaf_to_weights),),
    "crowded buckets": ((placement, "buckets_by_jump", lambda keys, of: BUCKETS(keys // np.uint64(2**52), of)),),
    "buckets out of order": (
        (placement, "buckets_by_jump", lambda keys, of: (BUCKETS(keys, of) + np.int64(of)) * 7 % of),
    ),
    "remainders that stay": ((placement, "buckets_by_modulo", lambda keys, of: BUCKETS(keys, of)),),
    "a forgetful cache": ((cache_checks, "serve", _first_in_first_out),),
    "smaller caches": ((cache_checks, "empty_caches", _emptier), (model, "empty_caches", _emptier)),
    "a faster database": ((model, "database", _busier),),
    "one point each": ((checks, "points_of", _points_all_alike),),
    "keys in few places": ((model, "key_hashes", _crowded_keys),),
    "flatter popularity": ((cache_checks, "zipf", _flatter), (model, "zipf", _flatter)),
}

OF_VECTORS, OF_TABLES, OF_MOVES, OF_FORMS = checks.VECTORS, checks.PUBLISHED, checks.MOVES, cache_checks.CLOSED_FORMS
# The groups of checks that each is about: to carry all of them out for each would take a minute.
ABOUT: Mapping[str, tuple[str, ...]] = {
    "another hash": (OF_VECTORS,),
    "another hash of keys": (OF_VECTORS, OF_TABLES),
    "another digest": (OF_VECTORS,),
    "another jump": (OF_VECTORS,),
    "another hash of ketama": (OF_VECTORS,),
    "ketama in double precision": (OF_VECTORS,),
    "turns out of turn": (OF_VECTORS,),
    "fewer points": (OF_TABLES,),
    "an uneven table": (OF_TABLES,),
    "nodes that go by another name": (OF_MOVES,),
    "no bounds": (OF_TABLES,),
    "crowded scores": (OF_TABLES, OF_MOVES, OF_FORMS),
    "a table deaf to weights": (OF_FORMS,),
    "crowded buckets": (OF_MOVES, OF_FORMS),
    "buckets out of order": (OF_MOVES,),
    "remainders that stay": (OF_MOVES,),
    "a forgetful cache": (OF_FORMS,),
    "smaller caches": (OF_FORMS,),
    "a faster database": (OF_FORMS,),
    "one point each": (OF_TABLES,),
    "keys in few places": (OF_FORMS,),
    "flatter popularity": (OF_FORMS,),
}


@pytest.fixture(scope="module")
def found() -> Mapping[str, set[str]]:
    """Breakage -> the checks that fail by it."""
    return {breakage: failing(breakage) for breakage in BREAKAGES}


def failing(breakage: str) -> set[str]:
    groups = ABOUT[breakage]
    about = [check for check in checks.CHECKS if check.group in groups]
    with pytest.MonkeyPatch.context() as broken:
        for place, name, instead in BREAKAGES[breakage]:
            broken.setattr(place, name, instead)
        return {one.check.name for one in carry_out(about) if not one.finding.passed}


def test_a_broken_mechanism_is_found(found: Mapping[str, set[str]]) -> None:
    assert [breakage for breakage, failed in found.items() if not failed] == []


def test_every_check_can_fail(found: Mapping[str, set[str]]) -> None:
    assert {check.name for check in checks.CHECKS} - set().union(*found.values()) == set()
