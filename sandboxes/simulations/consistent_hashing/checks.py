"""What consistent hashing is checked against: published vectors and tables, and closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, sqrt
from typing import Any

import numpy as np

from sandboxes.simulations.checks import Finding, Source, exact, statistical
from sandboxes.simulations.consistent_hashing.books import Books
from sandboxes.simulations.consistent_hashing.cache_checks import (
    BINOMIAL,
    CACHE_CHECKS,
    CLOSED_FORMS,
    FEW,
    SEEDS,
    binomial_sigma,
    checks_of,
)
from sandboxes.simulations.consistent_hashing.hashes import hash_keys, md5_words, xxhash64
from sandboxes.simulations.consistent_hashing.jump import jump_hash
from sandboxes.simulations.consistent_hashing.ketama import digest_counts, ketama_hash, ketama_ring
from sandboxes.simulations.consistent_hashing.maglev import maglev_table, populated
from sandboxes.simulations.consistent_hashing.measures import measure
from sandboxes.simulations.consistent_hashing.model import run
from sandboxes.simulations.consistent_hashing.params import ConsistentHashingParams
from sandboxes.simulations.consistent_hashing.rendezvous import place_by_rendezvous
from sandboxes.simulations.consistent_hashing.ring import arcs, points_of

XXHASH = Source("xxHash, xsum_sanity_check.c", "https://github.com/Cyan4973/xxHash/blob/dev/cli/xsum_sanity_check.c")
RFC_1321 = Source("RFC 1321, The MD5 Message-Digest Algorithm, A.5", "https://www.rfc-editor.org/rfc/rfc1321")
LAMPING = Source(
    "Lamping and Veach, A Fast, Minimal Memory, Consistent Hash Algorithm, 2014", "https://arxiv.org/abs/1406.2294"
)
JUMP_TEST = Source("python-jump-consistent-hash, its tests", "https://github.com/lithammer/python-jump-consistent-hash")
KETAMA_TEST = Source("libketama, its Python tests", "https://github.com/RJ/ketama")
KETAMA = Source("libketama, ketama.c", "https://github.com/RJ/ketama/blob/master/libketama/ketama.c")
MAGLEV = Source(
    "Eisenbud and others, Maglev, NSDI 2016",
    "https://www.usenix.org/conference/nsdi16/technical-sessions/presentation/eisenbud",
)
BOUNDED = Source(
    "Mirrokni, Thorup and Zadimoghaddam, Consistent Hashing with Bounded Loads, 2016",
    "https://arxiv.org/abs/1608.01350",
)
KARGER = Source("Karger and others, Consistent Hashing and Random Trees, 1997", "https://doi.org/10.1145/258533.258660")
RENDEZVOUS = Source(
    "Thaler and Ravishankar, Using Name-Based Mappings to Increase Hit Rates, 1998",
    "https://doi.org/10.1109/90.663936",
)
WEIGHTED = Source("Schindelhauer and Schomaker, Weighted Distributed Hash Tables, 2005")

VECTORS, PUBLISHED, MOVES = "published vectors", "published tables", "moved keys"
PRIME_32, PRIME_64 = 2654435761, 11400714785074694797


def sanity_bytes(size: int) -> bytes:
    """The bytes that xxHash's own test hashes."""
    state, spelled = PRIME_32, []
    for _ in range(size):
        spelled.append(state >> 56)
        state = state * PRIME_64 % 2**64
    return bytes(spelled)


def _hex(numbers: Sequence[int], digits: int) -> list[str]:
    return [f"{number:0{digits}X}" for number in numbers]


def _xxhash() -> Finding:
    lengths = ((0, 0), (0, PRIME_32), (1, 0), (1, PRIME_32), (4, 0), (14, 0), (14, PRIME_32), (222, 0), (222, PRIME_32))
    expected = [
        "EF46DB3751D8E999",
        "AC75FDA2929B17EF",
        "E934A84ADB052768",
        "5014607643A9B4C3",
        "9136A0DCA57457EE",
        "8282DCC4994E35C8",
        "C3BD6BF63DEB6DF0",
        "B641AE8CB691C174",
        "20CB8AB7AE10C14A",
    ]
    return exact(expected, _hex([xxhash64(sanity_bytes(size), seed) for size, seed in lengths], 16))


def _xxhash_of_keys() -> Finding:
    """The loop over keys, and the function over any bytes, which has the vectors."""
    with np.errstate(over="ignore"):
        keys = hash_keys(254, 4, np.uint64(PRIME_32)).tolist()
    spelled = [xxhash64(number.to_bytes(8, "little"), PRIME_32) for number in range(254, 258)]
    return exact(_hex(spelled, 16), _hex(keys, 16))


def _md5() -> Finding:
    expected = [
        "D41D8CD98F00B204E9800998ECF8427E",
        "0CC175B9C0F1B6A831C399E269772661",
        "900150983CD24FB0D6963F7D28E17F72",
        "F96B697D7CB7938D525A2F31AAF161D0",
        "C3FCD3D76192E4007DFB496CCA67E13B",
    ]
    texts = (b"", b"a", b"abc", b"message digest", b"abcdefghijklmnopqrstuvwxyz")
    digests = [b"".join(word.to_bytes(4, "little") for word in md5_words(text)) for text in texts]
    return exact(expected, [digest.hex().upper() for digest in digests])


def _jump(*asked: tuple[int, int, int]) -> Finding:
    return exact([str(bucket) for *_, bucket in asked], [str(jump_hash(key, of)) for key, of, _ in asked])


def _ketama() -> Finding:
    ring = ketama_ring({"127.0.0.1:11211": 600, "127.0.0.1:11212": 400})
    point, server = ring.server("test")
    return exact(
        ["3446378249", "320 points", "3454255383", "127.0.0.1:11211"],
        [str(ketama_hash("test")), f"{len(ring.points)} points", str(point), server],
    )


def _digests() -> Finding:
    counts = [int(digest_counts(np.ones(servers), 40)[0]) for servers in (3, 6, 7, 11)]
    return exact(["40", "40", "40", "40"], [str(count) for count in counts])


def _maglev_table() -> Finding:
    orders = {"B0": (3, 4), "B1": (0, 2), "B2": (3, 1)}

    def told(*names: str) -> str:
        starts, strides = np.array([orders[name] for name in names]).T
        nodes = np.array([int(name[1]) for name in names], np.int16)
        table = populated(nodes, starts.copy(), strides.copy(), np.ones(len(names)), 7)
        return " ".join(f"B{node}" for node in table)

    return exact(["B1 B0 B1 B0 B2 B2 B0", "B0 B0 B0 B0 B2 B2 B2"], [told("B0", "B1", "B2"), told("B0", "B2")])


def _ring_spread(points: int, published: float, seeds: Sequence[int]) -> Finding:
    """The relative standard deviation of the arcs of 1000 nodes; a sample's own by the kurtosis of Gamma(points)."""
    nodes = np.arange(1000, dtype=np.int16)
    samples = []
    with np.errstate(over="ignore"):
        for seed in seeds:
            ring = points_of(nodes, np.full(1000, points), np.uint64(seed))
            shares = np.bincount(ring.nodes[:-1], arcs(ring))
            samples.append(float(shares.std() / shares.mean()))
    return statistical(published, samples, sigma=published * sqrt((2 + 6 / points) / (4 * 1000)))


def _entries(backends: int) -> Finding:
    """A table's fullest backend over the mean, in per cent above it: what Maglev must be overprovisioned by."""
    tables = [maglev_table(np.arange(backends, dtype=np.int16), np.ones(backends), 65_537, np.uint64(s)) for s in FEW]
    counts = [np.bincount(table, minlength=backends) for table in tables]
    return exact(["1 entry apart"] * len(FEW), [f"{int(count.max() - count.min())} entry apart" for count in counts])


def _rendezvous_table() -> Finding:
    nodes = np.arange(1000, dtype=np.int16)
    over = []
    with np.errstate(over="ignore"):
        for seed in FEW:
            entries, backends = hash_keys(0, 65_537, np.uint64(seed)), hash_keys(1 << 40, 1000, np.uint64(seed))
            table = place_by_rendezvous(entries, backends, nodes, np.ones(1000), 1)[:, 0]
            counts = np.bincount(table, minlength=1000)
            over.append(100 * (counts.max() / counts.mean() - 1))
    mean, sigma = fullest(65_537, 1000)
    of_mean = 100 / (65_537 / 1000)
    return statistical(of_mean * mean - 100, over, "%", sigma=of_mean * sigma)


def fullest(balls: int, bins: int) -> tuple[float, float]:
    """Mean and standard deviation of the fullest of `bins` where `balls` fall at random (Poisson counts)."""
    mean = balls / bins
    counts = np.arange(int(mean + 12 * sqrt(mean)))
    logs = counts * log(mean) - mean - np.cumsum(np.log(np.maximum(counts, 1)))
    at_most = np.minimum(np.cumsum(np.exp(logs)), 1.0) ** bins
    chance = np.diff(at_most, prepend=0.0)
    expected = float(chance @ counts)
    return expected, sqrt(float(chance @ (counts - expected) ** 2))


def _placed(seed: int, **changes: Any) -> Books:
    """A run's placements with hardly any traffic."""
    quiet = {"request_rate_per_s": 1, "before_s": 1, "after_s": 1, "cache_capacity_keys": 1}
    return Books(run(ConsistentHashingParams.model_validate({**quiet, **changes}), seed))


def _moved(expected: float, seeds: Sequence[int], sigma: float, **changes: Any) -> Finding:
    moved = [_placed(seed, **changes) for seed in seeds]
    shares = [100 * books.moved / books.result.params.keys for books in moved]
    return statistical(100 * expected, shares, "%", sigma=100 * sigma)


def _moved_on_a_ring() -> Finding:
    """The new node's share of the circle is that of 50 points among 11 x 50."""
    arcs_sigma = sqrt(10 / (11 * 50 + 1)) / 11
    sigma = sqrt(arcs_sigma**2 + binomial_sigma(1 / 11, 20_000) ** 2)
    return _moved(1 / 11, SEEDS, sigma, algorithm="ring", nodes=10, virtual_nodes=50, keys=20_000)


def _moved_by(algorithm: str, expected: float) -> Finding:
    return _moved(expected, SEEDS, binomial_sigma(expected, 20_000), algorithm=algorithm, nodes=10, keys=20_000)


def _misplaced(**changes: Any) -> Finding:
    """Keys that moved between two nodes that stayed: none, though others did move."""
    told = [_placed(seed, nodes=10, keys=20_000, **changes) for seed in FEW]
    return exact(
        ["0 between nodes that stayed, some moved"] * len(told),
        [f"{books.misplaced} between nodes that stayed, {'some' if books.moved else 'none'} moved" for books in told],
    )


def _bounded(factor: float) -> Finding:
    told = []
    for seed in FEW:
        changes = {"algorithm": "bounded_ring", "nodes": 20, "virtual_nodes": 3, "keys": 20_000, "change": "remove"}
        books = _placed(seed, balance_factor=factor, **changes)
        told.append(f"{int(books.keys[:, 0].max()):,} then {int(books.keys[:, 1].max()):,}")
    bound = f"{ceil(round(factor * 1000, 6)):,} then {ceil(factor * 20_000 / 19):,}"
    return exact([bound] * len(told), told)


def _spread_of(algorithm: str) -> Finding:
    samples = [measure(_placed(s, algorithm=algorithm, nodes=50, keys=20_000).result)["share_rsd"] for s in SEEDS]
    expected = sqrt(49 / 20_000)
    return statistical(expected, [sample or 0.0 for sample in samples], sigma=expected / sqrt(2 * 49))


def _weighed(algorithm: str) -> Finding:
    """The share of the nodes of weight 3 where weights are 1, 3, 1, 3 and so on."""
    shares = []
    for seed in FEW:
        books = _placed(seed, algorithm=algorithm, nodes=10, weights="1,3", keys=20_000)
        shares.append(100 * float(books.keys[1:10:2, 0].sum()) / 20_000)
    return statistical(75, shares, "%", sigma=100 * binomial_sigma(0.75, 20_000))


VECTOR_CHECKS = checks_of(
    VECTORS,
    (XXHASH, "xxHash64", "The hash of xxHash's own test bytes, of five lengths and two seeds.", _xxhash),
    (XXHASH, "xxHash64 of keys", "Keys are hashed as the eight bytes of their number.", _xxhash_of_keys),
    (RFC_1321, "MD5", "The digests of the RFC's test suite.", _md5),
    (
        LAMPING,
        "Jump, published keys",
        "Key 1 of 10 buckets is in 6, 0xDEADBEEF of 128 in 87, 256 of 1024 in 520.",
        lambda: _jump((1, 10, 6), (0xDEADBEEF, 128, 87), (256, 1024, 520)),
    ),
    (
        JUMP_TEST,
        "Jump, a library's tests",
        "Keys 1, 42 and 0xDEAD10CC are in the buckets that another implementation is tested with.",
        lambda: _jump((1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361)),
    ),
    (
        KETAMA_TEST,
        "libketama's ring",
        "Weights of 600 and 400 make 320 points, and the key “test” lands on the first server.",
        _ketama,
    ),
    (KETAMA, "libketama's rounding", "Equal servers have 40 digests each, seven of them too.", _digests),
    (MAGLEV, "Maglev's table", "The paper's example: a table of 7 entries, before and after B1 leaves.", _maglev_table),
)

TABLE_CHECKS = checks_of(
    PUBLISHED,
    *(
        (
            LAMPING,
            f"Spread of a ring, {points} {'point' if points == 1 else 'points'} per node",
            f"Shares of 1000 nodes with {points} {'point' if points == 1 else 'points'} each: the paper's table.",
            lambda points=points, published=published, seeds=seeds: _ring_spread(points, published, seeds),
        )
        for points, published, seeds in (
            (1, 0.997906, SEEDS),
            (10, 0.315181, SEEDS),
            (100, 0.0996996, FEW),
            (1000, 0.0315723, FEW[:2]),
        )
    ),
    (
        MAGLEV,
        "Maglev's balance",
        "1000 backends in a table of 65,537 entries hold 65 or 66 of them.",
        lambda: _entries(1000),
    ),
    (
        MAGLEV,
        "Rendezvous in a table",
        "1000 backends by rendezvous in 65,537 entries: the fullest is what the fullest of 1000 bins is by chance. "
        "The Maglev paper's needs 49.5 % more than the mean, which an even hash does not.",
        _rendezvous_table,
    ),
    (
        BOUNDED,
        "Bounded loads",
        "20 nodes of very uneven arcs, then 19: the fullest has 1.1 times the average, rounded up.",
        lambda: _bounded(1.1),
    ),
    (
        BOUNDED,
        "Bounded loads without slack",
        "With a factor of 1 the fullest of 20 nodes has the average, then that of 19, rounded up.",
        lambda: _bounded(1),
    ),
)

MOVE_CHECKS = checks_of(
    MOVES,
    (KARGER, "A node joins a ring", "An eleventh node takes 1/11 of the keys.", _moved_on_a_ring),
    (
        LAMPING,
        "A bucket joins by jump",
        "An eleventh bucket takes 1/11 of the keys.",
        lambda: _moved_by("jump", 1 / 11),
    ),
    (
        RENDEZVOUS,
        "A node joins by rendezvous",
        "An eleventh node takes 1/11 of the keys.",
        lambda: _moved_by("rendezvous", 1 / 11),
    ),
    (
        BINOMIAL,
        "A node joins by modulo",
        "Remainders by 10 and by 11 agree for 1/11 of all numbers, so 10/11 of the keys move.",
        lambda: _moved_by("modulo", 10 / 11),
    ),
    (
        KARGER,
        "A ring moves nothing in vain",
        "All that moves goes to the new node.",
        lambda: _misplaced(algorithm="ring"),
    ),
    (
        KARGER,
        "A node leaves a ring",
        "Only its own keys move.",
        lambda: _misplaced(algorithm="ring", change="remove"),
    ),
    (LAMPING, "Jump moves nothing in vain", "All goes to the new bucket.", lambda: _misplaced(algorithm="jump")),
    (
        LAMPING,
        "The last bucket leaves",
        "Only its own keys move.",
        lambda: _misplaced(algorithm="jump", change="remove", leaving_node=10),
    ),
    (
        RENDEZVOUS,
        "A node leaves by rendezvous",
        "Only its own keys move.",
        lambda: _misplaced(algorithm="rendezvous", change="remove"),
    ),
)

SPREAD_CHECKS = checks_of(
    CLOSED_FORMS,
    (
        BINOMIAL,
        "Spread of jump",
        "Keys fall into 50 buckets like balls: the spread is the square root of 49 / keys.",
        lambda: _spread_of("jump"),
    ),
    (
        BINOMIAL,
        "Spread of rendezvous",
        "Keys fall on 50 nodes like balls: the spread is the square root of 49 / keys.",
        lambda: _spread_of("rendezvous"),
    ),
    (
        WEIGHTED,
        "Weights by rendezvous",
        "Nodes of weight 3 beside as many of weight 1 have three quarters of the keys.",
        lambda: _weighed("rendezvous"),
    ),
    (
        MAGLEV,
        "Weights by Maglev",
        "Nodes of weight 3 beside as many of weight 1 have three quarters of the keys.",
        lambda: _weighed("maglev"),
    ),
)

CHECKS = VECTOR_CHECKS + TABLE_CHECKS + MOVE_CHECKS + SPREAD_CHECKS + CACHE_CHECKS
