"""The simulations there are."""

from __future__ import annotations

from typing import Any

from sandboxes.simulations.circuit_breaker import charts, checks, explain, measures, model, params, replay
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
    scenarios=(
        Scenario(
            "a-dead-dependency",
            "A dead dependency",
            "The dependency dies at 20 s and comes back at 55 s. For two seconds nobody knows, because nobody has "
            "timed out yet; then the breaker opens, and callers hear no at once instead of waiting for nothing.",
            {},
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
            "flapping",
            "Flapping",
            "Four calls in ten fail, close to the threshold of five in ten, so chance decides: the breaker opens on a "
            "run of bad luck and closes on two good trials. A failure rate threshold of 70 % leaves it closed; one of "
            "20 % with twenty half-open calls keeps it from closing until the dependency is well.",
            {
                "healthy_s": 15,
                "failing_s": 60,
                "dead_s": 0,
                "recovered_s": 15,
                "failing_error_percent": 40,
                "sliding_window_size_calls": 50,
                "wait_duration_in_open_state_s": 2,
                "permitted_number_of_calls_in_half_open_state": 2,
            },
        ),
        Scenario(
            "too-eager",
            "Too eager",
            "Nothing is wrong with the dependency beyond two errors in a hundred calls. But with five calls to judge "
            "by, one error is 20 %, and the breaker causes the only outage there is. Give it a window of 100 calls.",
            {
                "healthy_s": 80,
                "dead_s": 0,
                "recovered_s": 0,
                "failure_rate_threshold": 20,
                "sliding_window_size_calls": 10,
                "minimum_number_of_calls": 5,
                "background_error_percent": 2,
            },
        ),
        Scenario(
            "library-defaults",
            "Library defaults, little traffic",
            "Resilience4j's defaults at two requests a second: nearly half a minute passes before fifty of the last "
            "hundred calls have failed, and the wait of 60 s goes on long after the dependency is back.",
            {
                "arrival_rate_per_s": 2,
                "healthy_s": 60,
                "dead_s": 60,
                "recovered_s": 60,
                "slow_call_duration_threshold_s": 60,
                "minimum_number_of_calls": 100,
                "wait_duration_in_open_state_s": 60,
                "permitted_number_of_calls_in_half_open_state": 10,
            },
        ),
    ),
    sweeps=(
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
    ),
    checks=checks.CHECKS,
    replay=replay.replay,
)

CATALOGUE: tuple[Simulation[Any, Any], ...] = (CIRCUIT_BREAKER,)


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
