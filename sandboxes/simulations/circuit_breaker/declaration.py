"""The circuit breaker as the engine meets it."""

from __future__ import annotations

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
