"""Consistent hashing as the engine meets it."""

from __future__ import annotations

from sandboxes.simulations.consistent_hashing import charts, checks, measures, model, params, replay
from sandboxes.simulations.spec import Scenario, Simulation, SweepIdea

CONSISTENT_HASHING = Simulation(
    slug="consistent-hashing",
    title="Consistent hashing",
    category="Partitioning and replication",
    summary="A node comes or goes. Watch how many keys change hands, and what that does to the caches.",
    version=1,
    model=model,
    params=params.ConsistentHashingParams,
    run=model.run,
    metrics=measures.METRICS,
    measure=measures.measure,
    charts=charts.charts,
    explain=measures.explain,
    requests=model.requests,
    max_requests=12_000_000,
    sized_in="keys, points and requests",
    smaller="fewer keys, copies, points or requests, or fewer nodes for rendezvous to ask",
    compiled_by=(
        *({"algorithm": algorithm} for algorithm in params.Algorithm),
        {"hash_function": "ketama"},
        {"change": "fail", "replicas": 2},
    ),
    scenarios=(
        Scenario(
            "a-storm-of-misses",
            "A storm of misses",
            "One node is added to ten, and nine keys in ten are looked for on another node than before, where they are "
            "not. Every miss reads the database, which cannot do so many. Keep this run as the baseline and choose "
            "Ring: one key in eleven moves, and the reads of the database double for a moment, to "
            "half of what it can do.",
            {"algorithm": "modulo"},
        ),
        Scenario(
            "one-point-each",
            "One point each",
            "Ten nodes, ten places on the ring, as chance has them: the fullest node has three times its share or so, "
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
            "and the more of them move between nodes that stay when one is added.",
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
    checks=checks.CHECKS,
    replay=replay.replay,
    folded=(params.CACHES,),
)
