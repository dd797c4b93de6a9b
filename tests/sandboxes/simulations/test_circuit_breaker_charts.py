from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.simulations.circuit_breaker import charts as drawing
from sandboxes.simulations.circuit_breaker import timeline
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, Stretch, run
from sandboxes.simulations.circuit_breaker.params import CircuitBreakerParams
from sandboxes.simulations.palette import PALETTE

FLAPPING = {
    "dead_s": 0,
    "failing_s": 300,
    "failing_error_percent": 50,
    "sliding_window_size_calls": 2,
    "minimum_number_of_calls": 2,
    "wait_duration_in_open_state_s": 0.1,
    "permitted_number_of_calls_in_half_open_state": 1,
}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"kind": "none"},
    {"dead_s": 0, "slow_s": 30, "failing_s": 10},
    {"healthy_s": 1, "dead_s": 0, "recovered_s": 0, "arrival_rate_per_s": 1},
    {"healthy_s": 300, "slow_s": 300, "failing_s": 300, "dead_s": 300, "recovered_s": 300, "arrival_rate_per_s": 5},
    FLAPPING,
    {"pool": "limited", "neighbour": "shares_pool", "kind": "none", "fallback": "substitute"},
    {"dependency_capacity": "limited", "retries": "backoff", "dead_s": 10},
    {"instances": 20},
    {**FLAPPING, "instances": 3, "arrival_rate_per_s": 300},
    {"instances": 5, "state_kept": "shared", "pool": "limited", "dependency_capacity": "limited"},
]


def result_of(**changes: Any) -> CircuitBreakerResult:
    return run(CircuitBreakerParams.model_validate(changes), 1)


@pytest.mark.parametrize("changes", VARIANTS)
def test_plotly_accepts_every_figure(changes: dict[str, Any]) -> None:
    for chart in drawing.charts(result_of(**changes)):
        checked = go.Figure(chart.figure)

        assert json.loads(checked.to_json()) == chart.figure


@pytest.mark.parametrize("changes", VARIANTS)
def test_every_colour_is_a_light_one_of_the_palette(changes: dict[str, Any]) -> None:
    allowed = {light for light, _ in PALETTE.values()}
    for chart in drawing.charts(result_of(**changes)):
        text = json.dumps(chart.figure, allow_nan=False)

        assert set(re.findall(r"#[0-9a-fA-F]+", text)) <= allowed
        assert set(re.findall(r"rgba?\([^)]*\)", text)) <= {"rgba(0,0,0,0)"}
        assert all(colour in PALETTE for _, colour in chart.keys)


@pytest.mark.parametrize("changes", VARIANTS)
def test_what_a_baseline_leaves_is_plain_and_plotly_and_the_palette_know_all_of_it(changes: dict[str, Any]) -> None:
    allowed = {light for light, _ in PALETTE.values()}
    for chart in drawing.charts(result_of(**changes)):
        assert chart.overlay
        overlay = chart.overlay()
        text = json.dumps([*overlay.traces, overlay.layout], allow_nan=False)

        go.Figure({"data": overlay.traces, "layout": overlay.layout})
        assert set(re.findall(r"#[0-9a-fA-F]+", text)) <= allowed
        assert all(colour in PALETTE for _, colour in overlay.keys)
        assert len(text) < 60_000


def test_a_baselines_good_answers_are_those_of_the_table_slow_ones_included() -> None:
    chart = drawing.charts(result_of(slow_s=30, dead_s=0))[0]
    assert chart.overlay

    dashed = chart.overlay().traces[-1]

    good = [(row[2] + row[3]) / (row[1] - row[0]) for row in chart.rows]  # type: ignore[operator]
    assert dashed["line"]["dash"]
    assert dashed["y"][:-1] == pytest.approx(good, abs=0.001)


def test_a_baselines_breaker_has_a_row_above_the_runs_own() -> None:
    chart = drawing.charts(result_of())[1]
    assert chart.overlay

    overlay = chart.overlay()

    bars = [bar for trace in overlay.traces for bar in zip(trace["base"], trace["x"], trace["y"], strict=True)]
    assert sum(length for _, length, _ in bars) == pytest.approx(80)
    assert min(place for _, _, place in bars) - 0.15 > timeline.BREAKER_PLACE + 0.27
    assert overlay.layout["yaxis"]["ticktext"][-1] == "baseline"


def test_a_baselines_p95_is_marked_only_where_no_line_would_show_it() -> None:
    chart = drawing.charts(result_of())[2]
    assert chart.overlay

    trace = chart.overlay().traces[0]

    p95 = [None, *trace["y"], None]
    alone = [x is not None and p95[i] is p95[i + 2] is None for i, x in enumerate(trace["y"])]
    marked = [size > 0 and y is not None for size, y in zip(trace["marker"]["size"], trace["y"], strict=True)]
    assert any(alone)
    assert marked == alone


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_figure_is_small_enough_to_send_at_every_turn_of_a_knob(changes: dict[str, Any]) -> None:
    for chart in drawing.charts(result_of(**changes)):
        assert len(json.dumps(chart.figure, allow_nan=False)) < 50_000
        assert len(chart.rows) <= timeline.MOST_STRETCHES + 5


@pytest.mark.parametrize("changes", VARIANTS)
def test_tables_have_a_value_for_every_column_and_charts_a_common_time_axis(changes: dict[str, Any]) -> None:
    result = result_of(**changes)

    pictures = drawing.charts(result)

    for chart in pictures:
        assert all(len(row) == len(chart.columns) for row in chart.rows)
        assert list(chart.figure["layout"]["xaxis"]["range"]) == [0, result.duration_s]


@pytest.mark.parametrize("changes", VARIANTS)
def test_the_table_of_outcomes_counts_every_request_once(changes: dict[str, Any]) -> None:
    result = result_of(**changes)

    rows = drawing.charts(result)[0].rows

    outcomes = drawing.outcomes_of(result)
    counted = [sum(row[column] for row in rows) for column in range(2, 2 + len(outcomes))]  # type: ignore[misc]
    assert counted == [int(np.count_nonzero(result.outcome == code)) for code, _, _ in outcomes]
    assert sum(counted) == result.outcome.size


def test_the_areas_hold_as_many_requests_as_the_table() -> None:
    chart = drawing.charts(result_of())[0]

    drawn = chart.figure["data"]

    for column, trace in enumerate(drawn, start=2):
        area = sum(rate * (row[1] - row[0]) for rate, row in zip(trace["y"], chart.rows, strict=False))  # type: ignore[operator]
        assert area == pytest.approx(sum(row[column] for row in chart.rows), abs=0.1)  # type: ignore[misc]


def test_the_last_bin_may_be_short() -> None:
    edges_s = drawing.bin_edges_s(151)

    assert edges_s[1] == 2
    assert edges_s[-2:].tolist() == [150, 151]


@pytest.mark.parametrize(("duration_s", "width_s"), [(1, 0.5), (75, 0.5), (76, 1), (80, 1), (150, 1), (1500, 10)])
def test_bins_widen_with_the_run(duration_s: float, width_s: float) -> None:
    edges_s = drawing.bin_edges_s(duration_s)

    assert edges_s[1] - edges_s[0] == width_s
    assert edges_s.size - 1 <= drawing.MOST_BINS


def test_states_are_drawn_where_they_were() -> None:
    result = result_of()

    chart = drawing.charts(result)[1]

    breaker = [row[1:] for row in chart.rows if row[0] == "Breaker"]
    dependency = [row[1:] for row in chart.rows if row[0] == "Dependency"]
    drawn = sum(length for trace in chart.figure["data"][:3] for length in trace["x"])
    assert [state for state, _, _ in breaker[:4]] == ["closed", "open", "half-open", "open"]
    assert dependency == [("healthy", 0, 20), ("dead", 20, 55), ("recovered", 55, 80)]
    assert drawn == pytest.approx(80)


def test_too_many_changes_are_drawn_as_the_longest_state_of_each_moment() -> None:
    result = result_of(**FLAPPING)

    shown = timeline.shown_stretches(result, result.stretches)

    assert len(result.stretches) > timeline.MOST_STRETCHES
    assert len(shown) == timeline.MOST_STRETCHES
    assert (shown[0].state, shown[0].start_s, shown[-1].end_s) == (0, 0, result.duration_s)
    assert "drawn as the longest state" in drawing.charts(result)[1].note


@given(values=st.lists(st.floats(0.01, 1e5), min_size=1, max_size=50))
def test_percentiles_are_numpys(values: list[float]) -> None:
    latency_ms = np.array(values)

    percentiles = drawing._percentiles(latency_ms)

    assert percentiles == pytest.approx(np.percentile(latency_ms, [50, 95, 99]).tolist())


@settings(max_examples=50)
@given(changes_s=st.lists(st.floats(0.01, 9.99), unique=True, max_size=30))
def test_time_held_in_all_states_fills_every_bin(changes_s: list[float]) -> None:
    moments_s = [0.0, *sorted(changes_s), 10.0]
    stretches = tuple(Stretch(place % 3, start_s, end_s) for place, (start_s, end_s) in enumerate(pairwise(moments_s)))
    edges_s = np.linspace(0, 10, 8)

    held_s = sum(timeline._held_s(stretches, state, edges_s) for state in range(3))

    assert held_s == pytest.approx(np.diff(edges_s))


def test_seconds_without_a_call_have_no_percentiles() -> None:
    rows = drawing.charts(result_of())[2].rows

    refused_second = next(row for row in rows if row[0] == 25)
    assert refused_second[2:] == (None, None, None)


def test_a_second_between_two_without_a_call_is_drawn_as_a_dot() -> None:
    chart = drawing.charts(result_of())[2]

    p50, dots = chart.figure["data"][0], chart.figure["data"][3]
    held = [row[2] is not None for row in chart.rows]
    alone = [i for i in range(1, len(held) - 1) if held[i] and not held[i - 1] and not held[i + 1]]
    assert alone
    assert dots["x"] == [p50["x"][i] for i in alone]
    assert dots["y"] == [p50["y"][i] for i in alone]


def test_each_of_several_breakers_has_a_row_and_all_of_them_the_room_of_one() -> None:
    chart = drawing.charts(result_of(instances=20))[1]

    bars = [
        bar for trace in chart.figure["data"][:3] for bar in zip(trace["base"], trace["x"], trace["y"], strict=True)
    ]
    places = sorted({place for _, _, place in bars})
    assert len(places) == timeline.MOST_ROWS
    assert {row[0] for row in chart.rows} == {"Dependency", *(f"Breaker {number}" for number in range(1, 13))}
    assert places[0] > timeline.BREAKER_PLACE - timeline.THICKNESS / 2
    assert places[-1] < timeline.BREAKER_PLACE + timeline.THICKNESS / 2
    for place in places:
        assert sum(length for _, length, at in bars if at == place) == pytest.approx(80)
    assert "first 12 of 20" in chart.note


def test_what_is_turned_on_has_a_chart_of_its_own() -> None:
    names = [chart.name for chart in drawing.charts(result_of())]
    turned_on = {"pool": "limited", "neighbour": "shares_pool", "dependency_capacity": "limited"}

    more = [chart.name for chart in drawing.charts(result_of(**turned_on))]

    assert names == ["outcomes", "states", "latency"]
    assert more == [*names, "neighbour", "pool", "queue"]


def test_the_neighbours_chart_shows_when_it_lost_what() -> None:
    result = result_of(kind="none", pool="limited", pool_size=100, neighbour="shares_pool")

    rows = drawing.charts(result)[3].rows

    assert all(share == 100 for at_s, share in rows if at_s < 20)  # type: ignore[operator]
    assert np.mean([share for at_s, share in rows if 22 < at_s < 55]) < 50  # type: ignore[operator, arg-type]
