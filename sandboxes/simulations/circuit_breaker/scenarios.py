"""Settings of the circuit breaker worth seeing, and sweeps."""

from __future__ import annotations

from sandboxes.simulations.spec import Scenario, SweepIdea

SCENARIOS = (
    Scenario(
        "a-dead-dependency",
        "A dead dependency",
        "The dependency dies at 20 s and comes back at 55 s. For two seconds nobody knows, because nobody has "
        "timed out yet; then the breaker opens, and callers hear no at once instead of waiting for nothing.",
        {},
    ),
    Scenario(
        "the-cascade",
        "The cascade",
        "A pool of 200 threads, a dependency that dies, and a neighbour in perfect health that needs a thread now and "
        "then. The pool is full within a second, and half of the neighbour's requests fail. Let the breaker open on "
        "rates over the last calls: the neighbour then loses a second instead of half a minute.",
        {
            "kind": "none",
            "pool": "limited",
            "pool_size": 200,
            "neighbour": "shares_pool",
            "healthy_median_ms": 50,
        },
    ),
    Scenario(
        "slow-not-dead",
        "Slow, not dead",
        "Most calls succeed, so the failure rate stays below its threshold; only the slow call rate opens this "
        "breaker. Put its threshold back to 100 % and callers wait through the whole slow phase.",
        {
            "slow_s": 35,
            "dead_s": 0,
            "slow_factor": 35,
            "slow_call_rate_threshold": 50,
            "permitted_number_of_calls_in_half_open_state": 10,
        },
    ),
    Scenario(
        "retries-keep-it-down",
        "Retries keep it down",
        "The dependency is dead for ten seconds and well from 30 s on, and yet hardly a call succeeds to the end. Its "
        "queue is full of calls whose callers have given up, and each of them calls again. Let callers give up after "
        "a failed call, and the queue drains in some ten seconds. Or keep the retries and choose a breaker: it gives "
        "the queue the time.",
        {
            "kind": "none",
            "dead_s": 10,
            "recovered_s": 50,
            "retries": "backoff",
            "dependency_capacity": "limited",
        },
    ),
    Scenario(
        "a-trial-gets-lost",
        "A trial gets lost",
        "Twenty instances share a state that each reads, changes and writes back. One in ten updates is lost, which "
        "the rate hardly minds. But if the result of a trial is lost, half-open waits for it for ever and refuses "
        "everybody, while the dependency is well: so it goes in about half of all seeds. Conditional writes lose "
        "next to nothing here. Or set the longest half-open to 2 s.",
        {
            "arrival_rate_per_s": 20,
            "instances": 20,
            "state_kept": "shared",
            "store_latency_ms": 10,
            "permitted_number_of_calls_in_half_open_state": 10,
        },
    ),
)

SWEEPS = (
    SweepIdea(
        "Where the breaker opens",
        "Errors of the failing dependency across, its threshold upwards: below the diagonal the breaker opens, "
        "above it stays closed. The edge is not sharp, because a window of a hundred calls is a sample.",
        {"failing_s": 30, "dead_s": 0},
        {
            "x": "failing_error_percent",
            "x_from": "5",
            "x_to": "95",
            "x_steps": "19",
            "y": "failure_rate_threshold",
            "y_from": "5",
            "y_to": "95",
            "y_steps": "19",
            "metric": "rejected_fraction",
            "seeds": "3",
        },
    ),
    SweepIdea(
        "How long to wait while open",
        "A longer wait asks the dead dependency less often. But the recovery is found only at the next trial, so "
        "the time to recover is a saw whose teeth grow with the wait.",
        {},
        {
            "x": "wait_duration_in_open_state_s",
            "x_from": "1",
            "x_to": "40",
            "x_steps": "79",
            "metric": "time_to_recover_s",
            "seeds": "5",
        },
    ),
    SweepIdea(
        "How many calls to judge by",
        "The dependency is well but for two errors in a hundred calls. With a handful of calls to judge by, the "
        "breaker opens on bad luck; from some fifty on it does not.",
        {
            "healthy_s": 80,
            "dead_s": 0,
            "recovered_s": 0,
            "failure_rate_threshold": 10,
            "sliding_window_size_calls": 200,
            "background_error_percent": 2,
        },
        {
            "x": "minimum_number_of_calls",
            "x_from": "5",
            "x_to": "200",
            "x_steps": "30",
            "x_spacing": "log",
            "metric": "availability",
            "seeds": "10",
        },
    ),
)
