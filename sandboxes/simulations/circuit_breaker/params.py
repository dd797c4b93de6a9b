"""The knobs of the circuit breaker: the breaker's rules, the traffic, and the script of the dependency's health."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from sandboxes.simulations.spec import Choice, Params, knob


class Kind(Choice):
    COUNT = "count", "Share of the last calls"
    TIME = "time", "Share of the last seconds"
    CONSECUTIVE = "consecutive", "Failures in a row"
    NONE = "none", "No breaker"


WINDOWED = {"kind": (Kind.COUNT, Kind.TIME)}
ANY_BREAKER = {"kind": (Kind.COUNT, Kind.TIME, Kind.CONSECUTIVE)}


class CircuitBreakerParams(Params):
    kind: Kind = knob(
        Kind.COUNT,
        label="Opens on",
        group="Breaker",
        help="What the breaker looks at. Resilience4j offers the two windows, pybreaker the failures in a row.",
    )
    failure_rate_threshold: float = knob(
        50,
        label="Failure rate threshold",
        group="Breaker",
        unit="%",
        low=1,
        high=100,
        step=1,
        shown_when=WINDOWED,
        help="Opens when this share of the window failed. Resilience4j's default is 50.",
    )
    slow_call_rate_threshold: float = knob(
        100,
        label="Slow call rate threshold",
        group="Breaker",
        unit="%",
        low=1,
        high=100,
        step=1,
        shown_when=WINDOWED,
        help="Opens when this share of the window was slow, even if it succeeded. Resilience4j's default is 100.",
    )
    slow_call_duration_threshold_s: float = knob(
        1,
        label="A call is slow above",
        group="Breaker",
        unit="s",
        low=0.05,
        high=60,
        step=0.05,
        help="A call that takes longer than this is slow. Resilience4j's default is 60.",
    )
    sliding_window_size_calls: int = knob(
        100,
        label="Window",
        group="Breaker",
        unit="calls",
        low=1,
        high=1000,
        step=1,
        shown_when={"kind": (Kind.COUNT,)},
        help="How many of the last calls the rates are taken over. Resilience4j's default is 100.",
    )
    sliding_window_size_s: int = knob(
        10,
        label="Window",
        group="Breaker",
        unit="s",
        low=1,
        high=120,
        step=1,
        shown_when={"kind": (Kind.TIME,)},
        help="How many seconds, the current one included, the rates are taken over.",
    )
    minimum_number_of_calls: int = knob(
        20,
        label="Minimum calls",
        group="Breaker",
        unit="calls",
        low=1,
        high=1000,
        step=1,
        shown_when=WINDOWED,
        help="With fewer calls than this in the window the breaker does not judge. Resilience4j's default is 100.",
    )
    consecutive_failures: int = knob(
        5,
        label="Failures in a row",
        group="Breaker",
        unit="calls",
        low=1,
        high=100,
        step=1,
        shown_when={"kind": (Kind.CONSECUTIVE,)},
        help="Opens after this many failures without a success between them. pybreaker's default is 5.",
    )
    wait_duration_in_open_state_s: float = knob(
        10,
        label="Wait while open",
        group="Breaker",
        unit="s",
        low=0.1,
        high=120,
        step=0.1,
        shown_when=ANY_BREAKER,
        help="How long the breaker refuses every call before it lets a trial through. The libraries' default is 60.",
    )
    permitted_number_of_calls_in_half_open_state: int = knob(
        5,
        label="Half-open calls",
        group="Breaker",
        unit="calls",
        low=1,
        high=100,
        step=1,
        shown_when=WINDOWED,
        help="How many trial calls decide whether to close again. Resilience4j's default is 10.",
    )
    max_wait_duration_in_half_open_state_s: float = knob(
        0,
        label="Longest half-open",
        group="Breaker",
        unit="s",
        low=0,
        high=60,
        step=0.1,
        shown_when=WINDOWED,
        help="Opens again if the trials have not decided by then; 0 waits for ever, which is Resilience4j's default.",
    )
    automatic_transition_from_open_to_half_open_enabled: bool = knob(
        False,
        label="Half-open by timer",
        group="Breaker",
        shown_when=WINDOWED,
        help="Leaves the open state when the wait is over instead of at the next call. Resilience4j's default is off.",
    )
    arrival_rate_per_s: float = knob(
        200,
        label="Arrivals",
        group="Traffic",
        unit="req/s",
        low=1,
        high=2000,
        step=1,
        help="Requests per second on average, at random moments, however the earlier ones fared.",
    )
    call_timeout_s: float = knob(
        2,
        label="Call timeout",
        group="Traffic",
        unit="s",
        low=0.05,
        high=30,
        step=0.05,
        help="How long a caller waits for an answer before the call counts as failed.",
    )
    healthy_s: float = knob(
        20, label="Healthy for", group="Dependency", unit="s", low=1, high=300, step=1, help="All is well at first."
    )
    slow_s: float = knob(
        0,
        label="Then slow for",
        group="Dependency",
        unit="s",
        low=0,
        high=300,
        step=1,
        help="Answers come, but late; 0 leaves this phase out.",
    )
    failing_s: float = knob(
        0,
        label="Then failing for",
        group="Dependency",
        unit="s",
        low=0,
        high=300,
        step=1,
        help="Answers come in time, but many are errors; 0 leaves this phase out.",
    )
    dead_s: float = knob(
        35,
        label="Then dead for",
        group="Dependency",
        unit="s",
        low=0,
        high=300,
        step=1,
        help="No answer at all, so each call lasts until its timeout; 0 leaves this phase out.",
    )
    recovered_s: float = knob(
        25,
        label="Then recovered for",
        group="Dependency",
        unit="s",
        low=0,
        high=300,
        step=1,
        help="Healthy again until the end of the run; 0 leaves this phase out.",
    )
    healthy_median_ms: float = knob(
        40,
        label="Median latency",
        group="Dependency",
        unit="ms",
        low=1,
        high=2000,
        step=1,
        help="Half of the calls to a healthy dependency are faster than this.",
    )
    healthy_p99_to_median: float = knob(
        4,
        label="p99 to median",
        group="Dependency",
        unit="×",
        low=1,
        high=50,
        step=0.5,
        help="How many medians the slowest call in a hundred takes.",
    )
    background_error_percent: float = knob(
        0.5,
        label="Errors when healthy",
        group="Dependency",
        unit="%",
        low=0,
        high=100,
        step=0.1,
        help="The share of calls that fail although the dependency is well.",
    )
    slow_factor: float = knob(
        30,
        label="Slower by",
        group="Dependency",
        unit="×",
        low=1,
        high=200,
        step=1,
        help="In the slow phase every answer takes this many times as long.",
    )
    failing_error_percent: float = knob(
        60,
        label="Errors when failing",
        group="Dependency",
        unit="%",
        low=0,
        high=100,
        step=1,
        help="The share of calls that fail in the failing phase.",
    )

    @model_validator(mode="after")
    def minimum_fits_the_window(self) -> Self:
        if self.kind is Kind.COUNT and self.minimum_number_of_calls > self.sliding_window_size_calls:
            raise ValueError(
                f"minimum_number_of_calls is {self.minimum_number_of_calls}; use 1 to "
                f"{self.sliding_window_size_calls}, the window in calls (sliding_window_size_calls)"
            )
        return self
