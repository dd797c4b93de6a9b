from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from sandboxes.simulations.consistent_hashing import circle
from sandboxes.simulations.consistent_hashing.books import Books
from sandboxes.simulations.consistent_hashing.charts import bin_edges_s, charts
from sandboxes.simulations.consistent_hashing.measures import measure
from sandboxes.simulations.consistent_hashing.model import ConsistentHashingResult, run
from sandboxes.simulations.consistent_hashing.params import ConsistentHashingParams
from sandboxes.simulations.palette import PALETTE
from sandboxes.simulations.spec import Chart

VARIANTS: list[dict[str, Any]] = [
    {},
    {"algorithm": "modulo", "replicas": 2},
    {"algorithm": "bounded_ring", "balance_factor": 1.1, "virtual_nodes": 1, "nodes": 2, "change": "remove"},
    {"nodes": 100, "virtual_nodes": 200, "change": "fail"},
    {"hash_function": "ketama", "weights": "1,2", "change": "remove", "leaving_node": 10},
    {"algorithm": "maglev", "change": "none", "keys": 100},
    {"nodes": 1000, "algorithm": "jump"},
    {"request_rate_per_s": 1, "before_s": 1, "after_s": 300, "keys": 100},
]


def result_of(**changes: Any) -> ConsistentHashingResult:
    return run(ConsistentHashingParams.model_validate({"keys": 20_000, "request_rate_per_s": 300, **changes}), 1)


def chart_of(name: str, **changes: Any) -> Chart:
    return next(chart for chart in charts(result_of(**changes)) if chart.name == name)


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_plotly_accepts_every_figure_and_its_colours_are_the_palettes(changes: dict[str, Any]) -> None:
    allowed = {light for light, _ in PALETTE.values()}
    for chart in charts(result_of(**changes)):
        text = json.dumps(chart.figure, allow_nan=False)

        assert json.loads(go.Figure(chart.figure).to_json()) == json.loads(text)
        assert set(re.findall(r"#[0-9a-fA-F]+", text)) <= allowed
        assert all(colour in PALETTE for _, colour in chart.keys)
        assert {len(row) for row in chart.rows} == {len(chart.columns)}
        assert len(text) < 60_000


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_what_a_baseline_leaves_is_plain_and_plotly_knows_it(changes: dict[str, Any]) -> None:
    for chart in charts(result_of(**changes)):
        assert chart.overlay
        overlay = chart.overlay()
        text = json.dumps([*overlay.traces, overlay.layout], allow_nan=False)

        go.Figure({"data": overlay.traces, "layout": overlay.layout})
        assert all(colour in PALETTE for _, colour in overlay.keys)
        assert len(text) < 60_000


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_arcs_of_the_circle_are_the_nodes_shares_of_it(changes: dict[str, Any]) -> None:
    """Whatever was joined, what is drawn of a node is as long as its keys are many."""
    result = result_of(**changes)
    ring = circle.widest_ring(result)
    if ring is None:
        assert "ring" not in changes.get("algorithm", "ring")
        return

    ends, nodes = circle.stretches(ring, circle.bits(result))
    spans = np.diff(np.append(ends[-1] - 1, ends))

    assert spans.sum() == pytest.approx(1)
    assert np.all(spans > 0)
    if result.params.change != "add" and result.params.algorithm == "ring":
        keys = np.bincount(result.before[:, 0], minlength=result.weights.size)
        drawn = np.bincount(nodes, spans, minlength=result.weights.size)
        assert drawn == pytest.approx(keys / result.params.keys, abs=0.02)


def test_a_ring_shows_its_points_while_they_can_be_told_apart() -> None:
    few, many = (
        {trace.get("name") for trace in chart_of("circle", virtual_nodes=points).figure["data"]}
        for points in (20, 1000)
    )

    assert {"points", "arcs of nodes"} <= few
    assert not {"points", "arcs of nodes"} & many
    assert "the new node's arcs" in few & many


def test_the_circle_has_equal_axes() -> None:
    shape = chart_of("circle").figure["layout"]

    assert shape["yaxis"]["scaleanchor"] == "x"
    assert shape["xaxis"]["range"] == shape["yaxis"]["range"]


def test_keys_stand_at_their_hashes_clockwise_from_the_top() -> None:
    x, y = circle._places(np.array([0, 0.25, np.nan, 0.5]), 2.0)

    assert x == pytest.approx([0, 2, None, 0])
    assert y == pytest.approx([2, 0, None, -2], abs=1e-9)


@pytest.mark.parametrize("algorithm", ["modulo", "ring", "maglev"])
def test_the_sample_on_the_circle_moves_as_all_keys_do(algorithm: str) -> None:
    result = result_of(algorithm=algorithm)
    found = measure(result)

    fates = circle.fates_of(result, result.params.keys)

    assert np.mean(fates != circle.STAYED) == pytest.approx(found["moved_fraction"])
    assert np.mean(fates == circle.MISPLACED) == pytest.approx(found["misplaced_fraction"])


def test_what_came_and_left_is_all_that_moved() -> None:
    chart, result = chart_of("moved", algorithm="modulo"), result_of(algorithm="modulo")

    came, left, from_stayers, for_stayers = np.array(chart.rows, float)[:, 3:].sum(axis=0)

    assert came == left == Books(result).moved
    assert from_stayers == for_stayers == Books(result).misplaced
    bars = [sum(trace["y"]) for trace in chart.figure["data"]]
    assert sum(bars) == pytest.approx(0, abs=0.01)
    assert bars[0] + bars[1] == pytest.approx(100 * came / 20_000, abs=0.01)


def test_the_loads_are_those_of_the_numbers() -> None:
    chart, found = chart_of("load", weights="1,2"), measure(result_of(weights="1,2"))

    assert max(row[4] for row in chart.rows) == pytest.approx(found["max_over_mean"], abs=1e-4)  # type: ignore[type-var]
    assert max(row[5] for row in chart.rows) == pytest.approx(found["busiest_over_mean"], abs=1e-4)  # type: ignore[type-var]
    assert sum(row[2] for row in chart.rows) == 20_000  # type: ignore[misc]


@pytest.mark.parametrize(("before_s", "after_s"), [(10, 40), (2.5, 7), (1, 300), (0.5 + 1, 1)])
def test_the_change_is_on_the_edge_of_a_bin(before_s: float, after_s: float) -> None:
    edges_s = bin_edges_s(result_of(before_s=before_s, after_s=after_s)).tolist()

    assert before_s in edges_s
    assert (edges_s[0], edges_s[-1]) == (0, before_s + after_s)
    assert edges_s == sorted(set(edges_s))


def test_every_request_is_in_a_bin() -> None:
    result = result_of(database_capacity_per_s=10)
    hits, reads = chart_of("hits", database_capacity_per_s=10), chart_of("database", database_capacity_per_s=10)

    assert sum(row[2] for row in hits.rows) == result.arrival_s.size  # type: ignore[misc]
    misses = sum((row[2] + row[3]) * (row[1] - row[0]) for row in reads.rows)  # type: ignore[operator,misc]
    assert misses == pytest.approx(np.count_nonzero(result.outcome), abs=0.5)


def test_load_curves_have_the_fullest_node_first() -> None:
    curves = chart_of("load").curves
    assert curves

    for line in curves().lines:
        assert list(line.y) == sorted(line.y, reverse=True)  # type: ignore[type-var]
    assert curves().x_column == "Node, fullest first"
    assert "ticksuffix" not in curves().xaxis
