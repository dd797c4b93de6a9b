"""What the caches and their database are checked against, and what all checks of consistent hashing share."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from sandboxes.simulations.checks import Check, Finding, Source, statistical, within
from sandboxes.simulations.consistent_hashing.cache import HIT, MISS, Database, empty_caches, serve
from sandboxes.simulations.consistent_hashing.model import drawn, given_keys, run, zipf
from sandboxes.simulations.consistent_hashing.params import ConsistentHashingParams
from sandboxes.simulations.streams import streams

CHE = Source(
    "Fricker, Robert and Roberts, A Versatile and Accurate Approximation for LRU Cache Performance, 2012",
    "https://arxiv.org/abs/1202.3974",
)
KING = Source("King, Analysis of Demand Paging Algorithms, 1971")
KINGMAN = Source("Kleinrock, Queueing Systems I, 1975, section 5.6")
_HANDBOOK = "https://www.itl.nist.gov/div898/handbook/eda/section3/"
BINOMIAL = Source("NIST handbook, binomial distribution", f"{_HANDBOOK}eda366i.htm")

CLOSED_FORMS = "closed forms"
FEW, SEEDS = range(1, 4), range(1, 21)


def checks_of(group: str, *rows: tuple[Source, str, str, Callable[[], Finding]]) -> tuple[Check, ...]:
    return tuple(Check(name, group, claim, source, carried_out) for source, name, claim, carried_out in rows)


def binomial_sigma(share: float, keys: int) -> float:
    """The standard deviation of a share of `keys` that fall at random."""
    return sqrt(share * (1 - share) / keys)


def lru_hit_ratio(keys: int, alpha: float, capacity: int, seed: int, asked: int) -> float:
    """Hits of one cache for all keys over an instant database, from the caches' own loop."""
    choices, ages = streams(seed, "choices", "ages")
    popularity = zipf(keys, alpha)
    alone = np.zeros((keys, 1), np.int16)
    outcome, _ = serve(
        *empty_caches(np.minimum(given_keys(alone, 1), capacity)),
        alone,
        alone,
        np.argsort(ages.standard_exponential(keys) / popularity),
        0.0,
        np.arange(1.0, asked + 1),
        drawn(np.cumsum(popularity), choices.random(asked)),
        Database(1e-9, 0.0, 1.0),
    )
    return float(np.count_nonzero(outcome == HIT)) / asked


def _che(keys: int, capacity: int, expected: float) -> Finding:
    ratio = float(np.mean([lru_hit_ratio(keys, 1, capacity, seed, 50_000) for seed in FEW]))
    return within(100 * expected, 100 * ratio, 0.6, "%")


def _king() -> Finding:
    """A cache of one key hits when a key is asked for twice in a row; neighbouring hits are all but independent."""
    expected = float(np.sum(zipf(100, 1) ** 2))
    samples = [100 * lru_hit_ratio(100, 1, 1, seed, 20_000) for seed in SEEDS]
    return statistical(100 * expected, samples, "%")


def _uniform() -> Finding:
    """Bounded loads of factor 1 give every node as many keys, of which its cache holds four in ten."""
    changes = {"algorithm": "bounded_ring", "balance_factor": 1, "nodes": 10, "keys": 10_000, "zipf_alpha": 0}
    params = ConsistentHashingParams.model_validate(
        {**changes, "cache_capacity_keys": 400, "change": "none", "database_capacity_per_s": 20_000}
    )
    ratios = []
    for seed in SEEDS:
        result = run(params, seed)
        ratios.append(100 * float(np.mean(result.outcome == HIT)))
    return statistical(40, ratios, "%")


def _queue() -> Finding:
    """Hardly a key is asked for twice, so the database is a queue of constant service four fifths busy."""
    params = ConsistentHashingParams(
        keys=50_000,
        zipf_alpha=0,
        cache_capacity_keys=1,
        change="none",
        request_rate_per_s=400,
        database_capacity_per_s=500,
        database_latency_ms=0,
        longest_wait_s=30,
        after_s=100,
    )
    waits_ms = []
    for seed in SEEDS:
        result = run(params, seed)
        missed = (result.outcome == MISS) & (result.arrival_s > 5)
        waits_ms.append(1000 * float(result.latency_s[missed].mean()))
    return statistical(1000 * 0.8 / (2 * 500 * (1 - 0.8)), waits_ms, "ms")


def _popularity() -> Finding:
    """The most popular of 1000 keys, by Zipf's law with exponent 1."""
    expected = 1 / sum(1 / rank for rank in range(1, 1001))
    params = ConsistentHashingParams(keys=1000, zipf_alpha=1, change="none", request_rate_per_s=300)
    shares = [100 * float(np.mean(run(params, seed).wanted == 0)) for seed in SEEDS]
    return statistical(100 * expected, shares, "%", sigma=100 * binomial_sigma(expected, 15_000))


CACHE_CHECKS = checks_of(
    CLOSED_FORMS,
    (
        CHE,
        "LRU, 100 of 1000 keys",
        "Che's approximation for Zipf's law with exponent 1.",
        lambda: _che(1000, 100, 0.5765),
    ),
    (
        CHE,
        "LRU, 1000 of 10,000 keys",
        "Che's approximation for Zipf's law with exponent 1.",
        lambda: _che(10_000, 1000, 0.6756),
    ),
    (KING, "LRU, one of 100 keys", "It hits when the same key comes twice in a row: the sum of squared shares.", _king),
    (
        KING,
        "LRU, all keys alike",
        "Caches that hold four in ten of equally popular keys hit 40 % of the time.",
        _uniform,
    ),
    (
        KINGMAN,
        "The database's queue",
        "Reads at random moments, 400 a second where 500 can be done, wait 0.8 / (2 × 500 × 0.2) s on average.",
        _queue,
    ),
    (BINOMIAL, "Popularity", "The first of 1000 keys has 1 / (1 + 1/2 + … + 1/1000) of the requests.", _popularity),
)
