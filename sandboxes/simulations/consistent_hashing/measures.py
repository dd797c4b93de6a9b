"""The numbers and the sentences that a run of consistent hashing is told in."""

from __future__ import annotations

import time

import numpy as np

from sandboxes.simulations.consistent_hashing.books import Books
from sandboxes.simulations.consistent_hashing.cache import FAILED, HIT
from sandboxes.simulations.consistent_hashing.maglev import next_prime
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult
from sandboxes.simulations.consistent_hashing.params import Algorithm, Change
from sandboxes.simulations.consistent_hashing.placement import key_hashes, leaving
from sandboxes.simulations.spec import Better, Metric

JUST_AFTER_S = 10
# The hit ratio is back when a second has this much of what it was before the change.
BACK = 0.95
TIMED_KEYS, TIMED_SCORES, LAPS = 4096, 100_000, 3

METRICS = (
    Metric(
        "share_rsd",
        "Spread of shares",
        "",
        "How far nodes are from their fair share of the keys: the relative standard deviation, before the change.",
        Better.LOWER,
        digits=3,
    ),
    Metric(
        "max_over_mean",
        "Fullest node",
        "×",
        "The keys of the fullest node over its fair share, before the change.",
        Better.LOWER,
        digits=2,
    ),
    Metric(
        "moved_fraction",
        "Keys moved",
        "%",
        "Share of all keys that another node serves after the change, or nobody.",
        Better.LOWER,
        headline={"change": (Change.ADD, Change.REMOVE, Change.FAIL)},
    ),
    Metric(
        "hit_ratio_after_change",
        "Hits after the change",
        "%",
        f"Share of requests that a cache answered in the {JUST_AFTER_S} s after the change.",
        Better.HIGHER,
        headline={"change": (Change.ADD, Change.REMOVE, Change.FAIL)},
    ),
    Metric(
        "optimal_moved_fraction",
        "Fair share to move",
        "%",
        "The fair share of the node that came or went: where every node has its own before and after, no fewer keys "
        "can move.",
        headline=False,
    ),
    Metric(
        "misplaced_fraction",
        "Moved between others",
        "%",
        "Share of all keys that moved between two nodes that were both there before and after.",
        Better.LOWER,
        headline=False,
    ),
    Metric(
        "busiest_over_mean",
        "Busiest node",
        "×",
        "The requests of the busiest node over its fair share of them, before the change: popular keys weigh more.",
        Better.LOWER,
        digits=2,
        headline={"change": (Change.NONE,)},
    ),
    Metric(
        "hit_ratio_before_change",
        "Hits before the change",
        "%",
        "Share of requests that a cache answered before the change.",
        Better.HIGHER,
        headline={"change": (Change.NONE,)},
    ),
    Metric(
        "lowest_hit_ratio",
        "Lowest hit ratio",
        "%",
        "Share of requests that a cache answered in the worst second after the change.",
        Better.HIGHER,
        headline=False,
    ),
    Metric(
        "time_to_recover_s",
        "Recovered after",
        "s",
        f"Time from the change to a second without failures and with {100 * BACK:.0f} % of the hit ratio from before.",
        Better.LOWER,
        undefined="never",
        headline=False,
    ),
    Metric(
        "database_peak_per_s",
        "Busiest second of the database",
        "reads",
        "Reads that the database was asked for in its busiest second, refused ones included.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "failed_fraction",
        "Failed",
        "%",
        "Share of all requests that the database refused, because the wait was too long.",
        Better.LOWER,
        headline=False,
    ),
    Metric(
        "p99_ms",
        "p99 latency",
        "ms",
        "All but one answer in a hundred came within this time. Refused requests have no answer.",
        Better.LOWER,
        digits=0,
        headline=False,
    ),
    Metric(
        "lookup_ns",
        "One look-up",
        "ns",
        "Time to hash a key and find its nodes, by the clock of the machine that ran this; it differs from run to run.",
        Better.LOWER,
        digits=0,
        headline=False,
        measured=True,
    ),
)


def measure(result: ConsistentHashingResult) -> dict[str, float | None]:
    """One value per metric; None where no request came, or the hit ratio did not come back."""
    books, asked = Books(result), result.arrival_s.size
    before_s, keys = result.params.before_s, result.params.keys
    answered_s = result.latency_s[result.outcome != FAILED]
    return {
        "share_rsd": float(np.sqrt(np.mean((books.over_fair - 1) ** 2))),
        "max_over_mean": float(books.over_fair.max()),
        "moved_fraction": books.moved / keys,
        "hit_ratio_after_change": books.hit_ratio(0, JUST_AFTER_S),
        "optimal_moved_fraction": books.optimal,
        "misplaced_fraction": books.misplaced / keys,
        "busiest_over_mean": float(books.requests_over_fair.max()),
        "hit_ratio_before_change": books.hit_ratio(-before_s, 0),
        "lowest_hit_ratio": lowest_hit_ratio(books),
        "time_to_recover_s": time_to_recover_s(books),
        "database_peak_per_s": float(database_peak(books)),
        "failed_fraction": books.failed / asked if asked else None,
        "p99_ms": 1000 * float(np.percentile(answered_s, 99)) if answered_s.size else None,
        "lookup_ns": lookup_ns(result),
    }


def lowest_hit_ratio(books: Books) -> float | None:
    """The lowest of all seconds after the change that had requests; None where none had."""
    after = books.second >= 0
    asked = np.bincount(books.second[after])
    hits = np.bincount(books.second[after & (books.result.outcome == HIT)], minlength=asked.size)
    return float((hits[asked > 0] / asked[asked > 0]).min()) if asked.any() else None


def time_to_recover_s(books: Books) -> float | None:
    """The start, after the change, of the first good second; 0 where the change did no harm."""
    before = books.hit_ratio(-books.result.params.before_s, 0)
    if before is None:
        return None
    after = books.second >= 0
    asked = np.bincount(books.second[after])
    hits = np.bincount(books.second[after & (books.result.outcome == HIT)], minlength=asked.size)
    failed = np.bincount(books.second[after & (books.result.outcome == FAILED)], minlength=asked.size)
    good = np.flatnonzero((asked > 0) & (hits >= BACK * before * asked) & (failed == 0))
    return float(good[0]) if good.size else None


def database_peak(books: Books) -> int:
    reads = books.second[books.result.outcome != HIT]
    return int(np.bincount(reads - reads.min()).max()) if reads.size else 0


def lookup_ns(result: ConsistentHashingResult) -> float:
    """Nanoseconds of one look-up, hashing included: the best of a few laps over some thousand keys."""
    params = result.params
    asked = params.nodes if params.algorithm is Algorithm.RENDEZVOUS else 1
    keys = max(1, min(TIMED_KEYS, params.keys, TIMED_SCORES // asked))
    laps_ns = []
    with np.errstate(over="ignore"):
        for _ in range(LAPS):
            started = time.perf_counter_ns()
            result.directory.find(key_hashes(params, result.seed, keys))
            laps_ns.append(time.perf_counter_ns() - started)
    return min(laps_ns) / keys


def explain(result: ConsistentHashingResult) -> str:
    """A few plain sentences on what just happened, computed from the run."""
    books = Books(result)
    told = [_spread(books), *_moves(books), *_limits(books), *_caches(books)]
    return " ".join(told)


def _spread(books: Books) -> str:
    params, over = books.result.params, float(books.over_fair.max())
    busiest = float(books.requests_over_fair.max())
    told = f"The fullest of {params.nodes:,} nodes has {over:.2f} times its fair share of the keys."
    if busiest < 2 * over:
        return told
    return f"{told} The busiest has {busiest:.1f} times its share of the requests: popular keys lie on it."


def _moves(books: Books) -> list[str]:
    params = books.result.params
    if params.change is Change.NONE:
        return ["Nothing changed, so no key moved."]
    if params.change is Change.FAIL:
        return [_failure(books)]
    what = "A node was added" if params.change is Change.ADD else f"Node {leaving(params) + 1} was removed"
    told = f"{what}: {_share(books.moved, params.keys)} of the keys moved; its fair share is {_percent(books.optimal)}"
    if not books.misplaced:
        where = "went to the new node" if params.change is Change.ADD else "had been on the node that left"
        return [f"{told}. All that moved {where}." if books.moved else f"{told}."]
    why = "to keep the bound" if params.algorithm is Algorithm.BOUNDED_RING else "for nothing"
    return [f"{told}. {_share(books.misplaced, params.keys)} moved between nodes that both stayed, {why}."]


def _failure(books: Books) -> str:
    params = books.result.params
    told = f"Node {leaving(params) + 1} failed, which served {_share(books.moved, params.keys)} of the keys."
    if not books.moved:
        return told
    if books.unserved == books.moved:
        return f"{told} Nobody else has them, so every request for one reads the database."
    above = ", above the bound where they must" if params.algorithm is Algorithm.BOUNDED_RING else ""
    return f"{told} Their copies serve now{above}."


def _limits(books: Books) -> list[str]:
    """What an algorithm was asked for and cannot do."""
    params = books.result.params
    if params.algorithm is Algorithm.MAGLEV and params.table_size < params.nodes:
        return [f"A table of {next_prime(params.table_size):,} entries has none for most of {params.nodes:,} nodes."]
    if params.algorithm not in (Algorithm.MODULO, Algorithm.JUMP):
        return []
    name = "Modulo" if params.algorithm is Algorithm.MODULO else "Jump"
    told = []
    if len(set(books.result.weights[: params.nodes].tolist())) > 1:
        told.append(f"{name} knows no weights: every node gets the same, whatever it should hold.")
    if params.change is Change.REMOVE and leaving(params) < params.nodes - 1:
        told.append(f"{name} numbers its nodes, so those after the one that left moved up by one.")
    return told


def _caches(books: Books) -> list[str]:
    params = books.result.params
    before, after = books.hit_ratio(-params.before_s, 0), books.hit_ratio(0, JUST_AFTER_S)
    if before is None or after is None:
        return ["Too few requests came to say what the caches did."]
    span_s = min(JUST_AFTER_S, params.after_s)
    then = f" before, and {_percent(after)} in the {span_s:g} s after" if params.change is not Change.NONE else ""
    told = f"Caches answered {_percent(before)} of requests{then}."
    peak = f"In its busiest second the database was asked for {_counted(database_peak(books), 'read')}"
    capacity = f"it can do {params.database_capacity_per_s:,.0f}"
    if not books.failed:
        return [told, f"{peak}; {capacity}."]
    return [told, f"{peak}; {capacity}, and {_counted(books.failed, 'request')} failed."]


def _share(keys: int, of: int) -> str:
    """A share in per cent, never rounded to none or all."""
    if not keys:
        return "none"
    return _percent(keys / of) if keys / of >= 0.0005 else _counted(keys, "key")


def _percent(share: float) -> str:
    """In per cent, never rounded to none or all."""
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    if 0.9995 <= share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f} %"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s" if number else f"no {noun}s"
