"""The knobs of the breaker's own rules."""

from __future__ import annotations

from sandboxes.simulations.spec import Choice, Params, knob


class Kind(Choice):
    COUNT = "count", "Rates over the last calls"
    TIME = "time", "Rates over the last seconds"
    CONSECUTIVE = "consecutive", "Failures in a row"
    NONE = "none", "No breaker"


BREAKER = "Breaker"

WINDOWED = {"kind": (Kind.COUNT, Kind.TIME)}
ANY_BREAKER = {"kind": (Kind.COUNT, Kind.TIME, Kind.CONSECUTIVE)}


class BreakerParams(Params):
    kind: Kind = knob(
        Kind.COUNT,
        label="Opens on",
        group=BREAKER,
        help="What makes the breaker open. Resilience4j watches rates over a window, pybreaker failures in a row.",
    )
    failure_rate_threshold: float = knob(
        50,
        label="Failure rate threshold",
        group=BREAKER,
        unit="%",
        low=1,
        high=100,
        step=1,
        shown_when=WINDOWED,
        help="Opens when at least this share of the window's calls failed. Resilience4j's default is 50.",
    )
    consecutive_failures: int = knob(
        5,
        label="Failures in a row",
        group=BREAKER,
        unit="calls",
        low=1,
        high=100,
        step=1,
        shown_when={"kind": (Kind.CONSECUTIVE,)},
        help="Opens after this many failures with no success between them. pybreaker's default is 5.",
    )
    sliding_window_size_calls: int = knob(
        100,
        label="Window",
        group=BREAKER,
        unit="calls",
        low=1,
        high=1000,
        step=1,
        shown_when={"kind": (Kind.COUNT,)},
        help="How many of the last calls the breaker judges by. Resilience4j's default is 100.",
    )
    sliding_window_size_s: int = knob(
        10,
        label="Window",
        group=BREAKER,
        unit="s",
        low=1,
        high=120,
        step=1,
        shown_when={"kind": (Kind.TIME,)},
        help="The breaker judges by the calls that ended in this many seconds, the current one included.",
    )
    minimum_number_of_calls: int = knob(
        20,
        label="Minimum calls",
        group=BREAKER,
        unit="calls",
        low=1,
        high=1000,
        step=1,
        shown_when=WINDOWED,
        help="With fewer calls than this the breaker cannot open; at most the window. Resilience4j's default is 100.",
    )
    wait_duration_in_open_state_s: float = knob(
        10,
        label="Wait while open",
        group=BREAKER,
        unit="s",
        low=0.1,
        high=120,
        step=0.1,
        shown_when=ANY_BREAKER,
        help="How long the breaker refuses every call before it tries again. Both libraries' default is 60.",
    )
    permitted_number_of_calls_in_half_open_state: int = knob(
        5,
        label="Half-open calls",
        group=BREAKER,
        unit="calls",
        low=1,
        high=100,
        step=1,
        shown_when=WINDOWED,
        help="How many trial calls decide whether it may close again. Resilience4j's default is 10.",
    )
    slow_call_rate_threshold: float = knob(
        100,
        label="Slow call rate threshold",
        group=BREAKER,
        unit="%",
        low=1,
        high=100,
        step=1,
        shown_when=WINDOWED,
        help="Opens when at least this share of the window's calls was slow. Resilience4j's default is 100.",
    )
    slow_call_duration_threshold_s: float = knob(
        1,
        label="A call is slow above",
        group=BREAKER,
        unit="s",
        low=0.05,
        high=60,
        step=0.05,
        help="A call that takes longer than this counts as slow. Resilience4j's default is 60.",
    )
    max_wait_duration_in_half_open_state_s: float = knob(
        0,
        label="Longest half-open",
        group=BREAKER,
        unit="s",
        low=0,
        high=60,
        step=0.1,
        shown_when=WINDOWED,
        help="Opens again if the trials take longer than this. Resilience4j's default is 0, which waits for ever.",
    )
    automatic_transition_from_open_to_half_open_enabled: bool = knob(
        False,
        label="Half-open by timer",
        group=BREAKER,
        shown_when=WINDOWED,
        help="Turns half-open the moment the wait is over, not at the next call. Resilience4j's default is off.",
    )
