"""The model written once more, in SimPy, as the benchmark measures it: it must be the same model."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.kernels import assert_same, inputs, played, with_simpy
from sandboxes.simulations.catalogue import CIRCUIT_BREAKER

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
    ],
)
def test_simpy_and_the_kernel_let_the_same_calls_through_and_change_state_at_the_same_moments(
    values: dict[str, Any],
) -> None:
    rules, calls = inputs(CIRCUIT_BREAKER.parse(values))

    permitted, changes = with_simpy(rules, calls)

    assert_same(played(rules, calls), permitted, changes)
