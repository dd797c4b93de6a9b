"""The published vectors of Resilience4j and pybreaker, played through the compiled breaker."""

from __future__ import annotations

import pytest

from sandboxes.simulations.circuit_breaker.breaker import (
    CLOSED,
    CONSECUTIVE,
    COUNT_WINDOW,
    FAILURE,
    HALF_OPEN,
    IGNORED,
    NONE,
    OPEN,
    SUCCESS,
    TIME_WINDOW,
    Breaker,
    Rules,
    closed_breaker,
    failure_rate,
    fire_timer,
    permit,
    record,
    release,
    slow_call_rate,
    timer_due_s,
    to_half_open,
    to_open,
)

# Failure 50 %, slow 50 % above 4 s, four calls in half-open, a window of 20 s, at least 5 calls, 5 s open.
RULES = Rules(
    kind=TIME_WINDOW,
    failure_rate_threshold=50.0,
    slow_call_rate_threshold=50.0,
    slow_call_duration_threshold_s=4.0,
    window=20,
    minimum_number_of_calls=5,
    wait_duration_in_open_state_s=5.0,
    permitted_calls_in_half_open=4,
)
PYBREAKER = Rules(kind=CONSECUTIVE, permitted_calls_in_half_open=1)
OUTCOMES = {"F": FAILURE, "S": SUCCESS, "I": IGNORED}


def play(rules: Rules, breaker: Breaker, letters: str, at_s: float = 0.0) -> list[float]:
    """Permit and record one call per letter at one moment; the failure rate after each."""
    rates = []
    for letter in letters:
        assert permit(rules, breaker, at_s)
        record(rules, breaker, at_s, OUTCOMES[letter], 0.1)
        rates.append(failure_rate(breaker, at_s))
    return rates


def half_open(rules: Rules, at_s: float = 0.0) -> Breaker:
    breaker = closed_breaker(rules)
    to_half_open(rules, breaker, at_s)
    return breaker


VECTORS = [
    ("three failures of five open at 60 %", RULES, CLOSED, "FFFSS", [-1, -1, -1, -1, 60], OPEN),
    ("two failures of five stay closed at 40 %", RULES, CLOSED, "SSSFF", [-1, -1, -1, -1, 40], CLOSED),
    ("a third failure of six opens at exactly 50 %", RULES, CLOSED, "SSSFFF", [-1, -1, -1, -1, 40, 50], OPEN),
    ("three failed trials of four open at 75 %", RULES, HALF_OPEN, "FFSF", [-1, -1, -1, 75], OPEN),
    ("one failed trial of four closes, cleared", RULES, HALF_OPEN, "FSSS", [-1, -1, -1, -1], CLOSED),
    ("five failures in a row open the simple breaker", PYBREAKER, CLOSED, "FFFFF", [-1] * 5, OPEN),
    ("a success between starts the count anew", PYBREAKER, CLOSED, "FFFFSFFFF", [-1] * 9, CLOSED),
    ("one good trial closes the simple breaker", PYBREAKER, HALF_OPEN, "S", [-1], CLOSED),
    ("one bad trial opens the simple breaker", PYBREAKER, HALF_OPEN, "F", [-1], OPEN),
    ("pybreaker takes an ignored error for a success", PYBREAKER, CLOSED, "FFFFIFFFF", [-1] * 9, CLOSED),
    ("no breaker never opens", Rules(kind=NONE, minimum_number_of_calls=1), CLOSED, "F" * 50, [-1] * 50, CLOSED),
]


@pytest.mark.parametrize(
    ("rules", "start", "letters", "rates", "end"),
    [vector[1:] for vector in VECTORS],
    ids=[vector[0] for vector in VECTORS],
)
def test_vector(rules: Rules, start: int, letters: str, rates: list[float], end: int) -> None:
    breaker = half_open(rules) if start == HALF_OPEN else closed_breaker(rules)

    seen = play(rules, breaker, letters)

    assert seen == rates
    assert breaker.state == end


def test_an_open_breaker_refuses_the_next_call() -> None:
    breaker = closed_breaker(RULES)
    play(RULES, breaker, "FFFSS")

    permitted = permit(RULES, breaker, 0.0)

    assert not permitted
    assert breaker.refused == 1
    assert failure_rate(breaker, 0.0) == 60


def test_three_slow_calls_of_five_open_at_a_slow_rate_of_60_percent() -> None:
    breaker = closed_breaker(RULES)

    for duration_s in (5, 5, 0.1, 0.1, 5):
        record(RULES, breaker, 0.0, SUCCESS, float(duration_s))

    assert slow_call_rate(breaker, 0.0) == 60
    assert failure_rate(breaker, 0.0) == 0
    assert breaker.state == OPEN


def test_a_call_as_long_as_the_threshold_is_not_slow() -> None:
    breaker = closed_breaker(RULES)

    for _ in range(5):
        record(RULES, breaker, 0.0, SUCCESS, 4.0)

    assert slow_call_rate(breaker, 0.0) == 0


def test_open_refuses_at_3_s_and_is_half_open_at_6_s_with_cleared_measurements() -> None:
    breaker = closed_breaker(RULES)
    play(RULES, breaker, "FFFSS")

    early = permit(RULES, breaker, 3.0)
    late = permit(RULES, breaker, 6.0)

    assert (early, late) == (False, True)
    assert breaker.state == HALF_OPEN
    assert failure_rate(breaker, 6.0) == -1
    assert breaker.calls == 0
    assert breaker.refused == 0


def test_resilience4j_waits_strictly_longer_and_pybreaker_just_as_long() -> None:
    resilience4j, simple = closed_breaker(RULES), closed_breaker(PYBREAKER)
    to_open(resilience4j, 0.0)
    to_open(simple, 0.0)

    permitted = permit(RULES, resilience4j, 5.0), permit(PYBREAKER, simple, 60.0)

    assert permitted == (False, True)


def test_half_open_gives_four_permits_and_one_more_after_a_release() -> None:
    breaker = half_open(RULES)

    first_five = [permit(RULES, breaker, 0.0) for _ in range(5)]
    release(breaker)
    sixth, seventh = permit(RULES, breaker, 0.0), permit(RULES, breaker, 0.0)

    assert first_five == [True, True, True, True, False]
    assert (sixth, seventh) == (True, False)
    assert breaker.refused == 2


def test_half_open_opens_after_its_maximum_wait() -> None:
    rules = RULES._replace(max_wait_in_half_open_s=8.0)
    breaker = half_open(rules, at_s=2.0)

    due_s = timer_due_s(rules, breaker)
    fire_timer(rules, breaker, due_s)

    assert due_s == 10.0
    assert breaker.state == OPEN
    assert not permit(rules, breaker, 12.0)


def test_half_open_without_a_maximum_waits_for_ever() -> None:
    breaker = half_open(RULES)

    assert timer_due_s(RULES, breaker) == float("inf")


def test_an_automatic_breaker_leaves_open_by_its_timer_and_another_waits_for_a_call() -> None:
    automatic = RULES._replace(automatic_transition=True)
    breaker = closed_breaker(automatic)
    to_open(breaker, 1.0)

    due_s = timer_due_s(automatic, breaker)
    due_without_s = timer_due_s(RULES, breaker)
    fire_timer(automatic, breaker, due_s)

    assert (due_s, due_without_s) == (6.0, float("inf"))
    assert breaker.state == HALF_OPEN
    assert breaker.permits == 4


def test_an_ignored_error_counts_neither_way_and_gives_the_permit_back() -> None:
    breaker = half_open(RULES)
    for _ in range(4):
        permit(RULES, breaker, 0.0)

    record(RULES, breaker, 0.0, IGNORED, 0.1)

    assert breaker.calls == 0
    assert permit(RULES, breaker, 0.0)


def test_half_open_measures_a_count_window_whose_minimum_fits_it() -> None:
    breaker = half_open(RULES)

    assert breaker.by_seconds == 0
    assert breaker.minimum == 4


def test_the_minimum_of_a_count_window_is_at_most_the_window() -> None:
    rules = Rules(kind=COUNT_WINDOW, window=10, minimum_number_of_calls=100)
    breaker = closed_breaker(rules)

    rates = play(rules, breaker, "S" * 10)

    assert rates == [-1] * 9 + [0]


def test_a_count_window_forgets_the_oldest_call() -> None:
    rules = Rules(kind=COUNT_WINDOW, window=4, minimum_number_of_calls=4, failure_rate_threshold=75.0)
    breaker = closed_breaker(rules)

    rates = play(rules, breaker, "FFSSSS")

    assert rates == [-1, -1, -1, 50, 25, 0]


def test_a_time_window_of_20_s_forgets_the_21st_second() -> None:
    breaker = closed_breaker(RULES)
    play(RULES, breaker, "FFSSSSS", at_s=0.5)

    kept, gone = failure_rate(breaker, 19.9), failure_rate(breaker, 20.0)

    assert kept == pytest.approx(200 / 7)
    assert gone == -1


def test_a_late_result_is_measured_in_open_and_moves_nothing() -> None:
    breaker = closed_breaker(RULES)
    play(RULES, breaker, "FFFSS")

    record(RULES, breaker, 1.0, FAILURE, 0.1)

    assert breaker.state == OPEN
    assert breaker.since_s == 0.0
    assert failure_rate(breaker, 1.0) == pytest.approx(400 / 6)


def test_late_results_of_closed_calls_decide_half_open_like_trials() -> None:
    breaker = half_open(RULES)

    for _ in range(4):
        record(RULES, breaker, 0.0, FAILURE, 0.1)

    assert breaker.state == OPEN
    assert breaker.permits == 4


def test_a_window_beyond_the_room_there_is_is_refused_by_its_size() -> None:
    with pytest.raises(ValueError, match="a window has 1001 slots; use at most 1000"):
        closed_breaker(RULES._replace(window=1001))
