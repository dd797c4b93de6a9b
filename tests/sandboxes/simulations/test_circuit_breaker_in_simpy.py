"""The model written once more, in SimPy, as the benchmark measures it: it must be the same model."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.kernels import EVERYTHING, assert_same, drawn, played, with_simpy
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER

TIMERS = {
    "automatic_transition_from_open_to_half_open_enabled": True,
    "max_wait_duration_in_half_open_state_s": 1,
    "wait_duration_in_open_state_s": 2,
}


@pytest.mark.parametrize(
    "values",
    [
        {},
        *(scenario.params for scenario in CIRCUIT_BREAKER.scenarios),
        {"kind": "time", "failing_s": 20},
        {"kind": "consecutive", "failing_s": 20},
        {"kind": "none"},
        TIMERS,
        EVERYTHING,
        {**EVERYTHING, "store_writes": "conditional", "when_store_is_gone": "open"},
        {**EVERYTHING, "state_kept": "local", "pool_wait_s": 0, "retry_jitter": "none"},
        {**EVERYTHING, **TIMERS, "kind": "time", "arrival_rate_per_s": 50},
    ],
)
def test_simpy_and_the_kernel_end_all_requests_alike_and_change_state_at_the_same_moments(
    values: dict[str, Any],
) -> None:
    params = CIRCUIT_BREAKER.parse(values)

    theirs = with_simpy(params, drawn(params))

    assert_same(params, played(params), theirs)
