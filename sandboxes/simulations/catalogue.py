"""The simulations there are."""

from __future__ import annotations

from typing import Any

from sandboxes.simulations.circuit_breaker import charts, checks, explain, measures, model, params, replay, scenarios
from sandboxes.simulations.spec import Simulation

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
