"""The ring of libketama, which memcached's clients agree on: MD5, 32 bits, four points to a digest.

A server of average weight has 40 digests and so 160 points. How many a server has depends on its share of the whole
weight and on the number of servers: where weights differ, a server that comes or goes moves points of all the others.

Source  libketama, ketama.c <https://github.com/RJ/ketama/blob/master/libketama/ketama.c>.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.consistent_hashing.ring import Ring, ring_of, successor

BITS = 32
DIGESTS = 40
POINTS_PER_DIGEST = 4


@dataclass(frozen=True)
class KetamaRing:
    """A ring and the names of its servers."""

    servers: tuple[str, ...]
    ring: Ring

    @property
    def points(self) -> tuple[tuple[int, str], ...]:
        """Every point with its server, in order."""
        ring = self.ring
        owners = zip(ring.points[:-1].tolist(), ring.nodes[:-1].tolist(), strict=True)
        return tuple((point, self.servers[node]) for point, node in owners)

    def server(self, key: str) -> tuple[int, str]:
        """The point that a key belongs to, and its server."""
        points = self.ring.points.size - 1
        at = successor(self.ring, np.uint64(ketama_hash(key))) % points
        return int(self.ring.points[at]), self.servers[self.ring.nodes[at]]


def ketama_ring(weights: Mapping[str, float]) -> KetamaRing:
    """libketama's ring of servers, "address:port" to weight: the same points and the same answers.

    Raises ValueError for no servers, weights that are not above 0, or so uneven that nobody has a point.
    """
    if not weights or min(weights.values()) <= 0:
        raise ValueError(f"the weights are {dict(weights)}; use at least one server, and weights above 0")
    servers = tuple(weights)
    digests = digest_counts(np.array(list(weights.values())), DIGESTS)
    points, nodes = digest_points(servers, digests)
    return KetamaRing(servers, ring_of(points, nodes, BITS))


def ketama_hash(key: str) -> int:
    """The 32 bit number that libketama makes of a key."""
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest()[:4], "little")


def digest_counts(weights: NDArray[np.float64], digests: float) -> NDArray[np.int64]:
    """How many digests each server has, where one of average weight has `digests`. Shape (n,) -> (n,).

    libketama works the share out in single precision and rounds the product down: in double precision, seven equal
    servers would have 39 digests each.
    """
    share = weights.astype(np.float32) / np.float32(weights.sum())
    return np.floor((share.astype(np.float64) * digests * weights.size).astype(np.float32)).astype(np.int64)


def digest_points(servers: Sequence[str], digests: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
    """The points of each server and their nodes, numbered as the servers stand."""
    spelled = b"".join(
        hashlib.md5(f"{server}-{digest}".encode(), usedforsecurity=False).digest()
        for server, count in zip(servers, digests.tolist(), strict=True)
        for digest in range(count)
    )
    points = np.frombuffer(spelled, "<u4").astype(np.uint64)
    return points, np.repeat(np.arange(len(servers), dtype=np.int16), POINTS_PER_DIGEST * digests)
