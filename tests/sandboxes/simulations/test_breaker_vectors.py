"""What holds inside the compiled breaker beyond the published vectors, which `vectors.py` of its simulation plays."""

from __future__ import annotations

import pytest

from sandboxes.simulations.circuit_breaker.breaker import (
    NONE,
    Rules,
    closed_breaker,
    permit,
    to_half_open,
)
from sandboxes.simulations.circuit_breaker.vectors import RULES, play


def test_no_breaker_never_opens() -> None:
    rules = Rules(kind=NONE, minimum_number_of_calls=1)

    words = play(rules, "F " * 50 + "state ask")

    assert words == ["−1"] * 50 + ["CLOSED", "permitted"]


def test_refused_calls_are_counted_until_the_next_state() -> None:
    breaker = closed_breaker(RULES)
    to_half_open(RULES, breaker, 0.0)

    for _ in range(6):
        permit(RULES, breaker, 0.0)

    assert breaker.refused == 2
    assert breaker.permits == 0


def test_half_open_measures_a_count_window_whose_minimum_fits_it() -> None:
    breaker = closed_breaker(RULES)

    to_half_open(RULES, breaker, 0.0)

    assert breaker.by_seconds == 0
    assert breaker.minimum == 4


def test_late_results_take_no_permit() -> None:
    words = play(RULES, "half-open late-F late-F ask ask ask ask ask")

    assert words == ["−1", "−1", *["permitted"] * 4, "refused"]


def test_a_step_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        play(RULES, "F X")
