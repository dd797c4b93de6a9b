"""The simulations there are."""

from __future__ import annotations

from typing import Any

from sandboxes.simulations.circuit_breaker import charts, checks, explain, measures, model, params, replay, scenarios
from sandboxes.simulations.consistent_hashing import charts as hashing_charts
from sandboxes.simulations.consistent_hashing import checks as hashing_checks
from sandboxes.simulations.consistent_hashing import measures as hashing_measures
from sandboxes.simulations.consistent_hashing import model as hashing_model
from sandboxes.simulations.consistent_hashing import params as hashing_params
from sandboxes.simulations.consistent_hashing import replay as hashing_replay
from sandboxes.simulations.saga import charts as saga_charts
from sandboxes.simulations.saga import checks as saga_checks
from sandboxes.simulations.saga import measures as saga_measures
from sandboxes.simulations.saga import model as saga_model
from sandboxes.simulations.saga import params as saga_params
from sandboxes.simulations.saga import replay as saga_replay
from sandboxes.simulations.spec import Scenario, Simulation, SweepIdea

CIRCUIT_BREAKER = Simulation(
    slug="circuit-breaker",
    title="Circuit breaker",
    category="Resilience",
    summary="A dependency dies and comes back. Watch what the breaker saves its callers, and what it costs.",
    version=4,
    model=model,
    params=params.CircuitBreakerParams,
    run=model.run,
    metrics=measures.METRICS,
    measure=measures.measure,
    charts=charts.charts,
    explain=explain.explain,
    requests=model.requests,
    max_requests=2_000_000,
    folded=params.FOLDED,
    scenarios=scenarios.SCENARIOS,
    sweeps=scenarios.SWEEPS,
    checks=checks.CHECKS,
    replay=replay.replay,
)

CONSISTENT_HASHING = Simulation(
    slug="consistent-hashing",
    title="Consistent hashing",
    category="Partitioning and replication",
    summary="A node comes or goes. Watch how many keys change hands, and what that does to the caches.",
    version=1,
    model=hashing_model,
    params=hashing_params.ConsistentHashingParams,
    run=hashing_model.run,
    metrics=hashing_measures.METRICS,
    measure=hashing_measures.measure,
    charts=hashing_charts.charts,
    explain=hashing_measures.explain,
    requests=hashing_model.requests,
    max_requests=12_000_000,
    sized_in="keys, points and requests",
    smaller="fewer keys, copies, points or requests, or fewer nodes for rendezvous to ask",
    compiled_by=(
        *({"algorithm": algorithm} for algorithm in hashing_params.Algorithm),
        {"hash_function": "ketama"},
        {"change": "fail", "replicas": 2},
    ),
    scenarios=(
        Scenario(
            "a-storm-of-misses",
            "A storm of misses",
            "One node is added to ten, and nine keys in ten are looked for on another node than before, where they are "
            "not. Every miss reads the database, which cannot do so many. Keep this run as the baseline and choose "
            "Ring: one key in eleven moves, and the database hardly notices.",
            {"algorithm": "modulo"},
        ),
        Scenario(
            "one-point-each",
            "One point each",
            "Ten nodes, ten places on the ring, as chance has them: the fullest node has two to four times its share, "
            "and its cache cannot hold it, while others stand half empty. Give each node 100 points.",
            {"virtual_nodes": 1},
        ),
        Scenario(
            "not-the-last-one",
            "Not the last one",
            "Jump spreads keys better than any ring and keeps no table. But its nodes are numbers without gaps: when "
            "the third of ten leaves, those after it move up by one, and two keys in three move for nothing. Let the "
            "tenth leave, and only its own keys do.",
            {"algorithm": "jump", "change": "remove"},
        ),
        Scenario(
            "a-hot-key",
            "A hot key",
            "Maglev gives each of fifty nodes the same number of keys, within a few per cent. But one key alone has a "
            "quarter of the requests, and no way of placing keys can split it: its node is more than ten times as busy "
            "as the average.",
            {"algorithm": "maglev", "nodes": 50, "zipf_alpha": 1.3, "change": "none"},
        ),
        Scenario(
            "nobody-takes-over",
            "Nobody takes over",
            "A node fails and stays in everybody's list, so each request for its keys goes to the database until the "
            "run ends. With two copies of each key the next node on the ring serves them, and the hit ratio hardly "
            "moves. Removed instead, its keys would be fetched once and be cached again.",
            {"change": "fail", "cache_capacity_keys": 20_000},
        ),
    ),
    sweeps=(
        SweepIdea(
            "How many points are enough",
            "The spread of shares falls with the square root of the points: ten times as many make it about a third. "
            "On logarithmic steps most of the gain is made by a hundred.",
            {"keys": 100_000, "request_rate_per_s": 1, "change": "none"},
            {
                "x": "virtual_nodes",
                "x_from": "1",
                "x_to": "1000",
                "x_steps": "25",
                "x_spacing": "log",
                "metric": "share_rsd",
                "seeds": "20",
            },
        ),
        SweepIdea(
            "What a tight bound costs",
            "Nodes with few points and uneven arcs. The tighter the bound, the more keys overflow to the next node, "
            "and the more of them move for nothing when a node is added.",
            {"algorithm": "bounded_ring", "virtual_nodes": 10, "keys": 20_000, "request_rate_per_s": 1},
            {
                "x": "balance_factor",
                "x_from": "1",
                "x_to": "2",
                "x_steps": "21",
                "metric": "misplaced_fraction",
                "seeds": "20",
            },
        ),
    ),
    checks=hashing_checks.CHECKS,
    replay=hashing_replay.replay,
    folded=(hashing_params.CACHES,),
)


SAGA = Simulation(
    slug="saga",
    title="Saga",
    category="Transactions",
    summary="An order is many steps at many services. See what is undone when one fails, and what breaks without care.",
    version=1,
    model=saga_model,
    params=saga_params.SagaParams,
    run=saga_model.run,
    metrics=saga_measures.METRICS,
    measure=saga_measures.measure,
    charts=saga_charts.charts,
    explain=saga_measures.explain,
    requests=saga_model.requests,
    max_requests=100_000,
    scenarios=(
        Scenario(
            "undone-in-reverse",
            "Undone in reverse",
            "One order in five is refused at its last step, when it is paid for and confirmed. Follow such an order "
            "down its sequence: shipping says no, and the other three steps are undone, the last first.",
            {
                "permanent_failure_percent_by_step": "0,0,0,20",
                "transient_failure_percent": 0,
                "timeout_percent": 0,
                "compensation_failure_percent": 0,
                "stock_per_item": 100,
            },
        ),
        Scenario(
            "charged-twice",
            "Charged twice",
            "The handlers remember nothing. When an answer is lost the coordinator asks again, as it must, and the "
            "customer is charged again. Undoing blindly is no better: it pays back what was never paid. Make the "
            "handlers idempotent, and the same lost answers break nothing.",
            {"idempotent_handlers": False, "timeout_percent": 5},
        ),
        Scenario(
            "the-last-unit",
            "The last unit, sold again and again",
            "Every local transaction is sound, and yet items are oversold: the stock is looked at in one step, taken "
            "in another, and in between others look too. A semantic lock keeps the unit aside, a pivot looks again.",
            {"isolation": "none", "median_latency_ms": 300},
        ),
        Scenario(
            "the-log-is-gone",
            "The log is gone",
            "The coordinator dies halfway and kept its state in memory. Orders under way then are forgotten, the paid "
            "ones with their money, and nobody will ever undo them. With a durable log it takes all of them up again.",
            {"crashes": 1, "coordinator_log": "lost"},
        ),
        Scenario(
            "locked-until-it-is-back",
            "Locked until it is back",
            "The same orders under two-phase commit. Nothing is ever half done, but when the coordinator dies whoever "
            "has voted holds its locks until it is back, and others wait for those rows in vain. Compare with a saga.",
            {"protocol": "two_phase_commit", "crashes": 1, "down_s": 20, "stock_per_item": 100},
        ),
    ),
    sweeps=(
        SweepIdea(
            "What retries save",
            "Failures for now across, retries upwards. Each retry multiplies a step's chance to fail for good by the "
            "failure rate once more, so a few go a long way, until nearly every attempt fails.",
            {"orders": 1000, "stock_per_item": 1000, "timeout_percent": 0},
            {
                "x": "transient_failure_percent",
                "x_from": "0",
                "x_to": "90",
                "x_steps": "19",
                "y": "retry_max_attempts",
                "y_from": "0",
                "y_to": "6",
                "y_steps": "7",
                "metric": "committed_fraction",
                "seeds": "3",
            },
        ),
        SweepIdea(
            "Slower steps, more oversold",
            "Without isolation every order that looks at the last unit before another takes it is sold one too. The "
            "longer the way from the look to the sale, the more of them there are.",
            {"isolation": "none"},
            {
                "x": "median_latency_ms",
                "x_from": "10",
                "x_to": "1000",
                "x_steps": "21",
                "x_spacing": "log",
                "metric": "oversold",
                "seeds": "5",
            },
        ),
    ),
    checks=saga_checks.CHECKS,
    folded=("Step details",),
    replay=saga_replay.replay,
)

CATALOGUE: tuple[Simulation[Any, Any], ...] = (CIRCUIT_BREAKER, CONSISTENT_HASHING, SAGA)


class UnknownSimulationError(KeyError):
    """A slug that is not in the catalogue."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug

    def __str__(self) -> str:
        return f"there is no simulation {self.slug!r}; use {', '.join(known.slug for known in CATALOGUE)}"


def simulation(slug: str) -> Simulation[Any, Any]:
    """The simulation with this slug. Raises UnknownSimulationError, a KeyError that names those there are."""
    for known in CATALOGUE:
        if known.slug == slug:
            return known
    raise UnknownSimulationError(slug)
