"""The simulations there are."""

from __future__ import annotations

from typing import Any

from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.consistent_hashing.declaration import CONSISTENT_HASHING
from sandboxes.simulations.saga.declaration import SAGA
from sandboxes.simulations.spec import Simulation

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
