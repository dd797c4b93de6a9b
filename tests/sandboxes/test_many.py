"""The pages of many runs: what they show while it runs, when it is over, and when it cannot be."""

import csv
import json
import re
from dataclasses import replace
from html import unescape
from urllib.parse import urlencode

import numpy as np
import pytest
from celery import current_app

from sandboxes import batches, chains, plans, services
from sandboxes.presentation import present_mean
from sandboxes.simulations import catalogue
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.statistics import moments
from sandboxes.views import many

ADDRESS = "/sandboxes/circuit-breaker/"
SHORT = {"healthy_s": "2", "dead_s": "3", "recovered_s": "2", "arrival_rate_per_s": "20"}
SWEEP = {**SHORT, "x": "dead_s", "x_from": "1", "x_to": "4", "x_steps": "4", "seeds": "2", "metric": "availability"}
MAP = {**SWEEP, "y": "kind"}
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def queue(store, monkeypatch):
    # A kernel may have to be compiled first.
    monkeypatch.setattr(chains, "WANTED_KEPT_S", 600)
    waiting = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **options: waiting.append(args))
    return waiting


@pytest.fixture
def at_once(queue, monkeypatch):
    """Workers so quick that a batch is over as soon as it is asked for."""

    def finish(name, args, **options):
        while chains.work(*args) == "more":
            pass

    monkeypatch.setattr(current_app, "send_task", finish)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(many, "WAIT_S", 0.0)


def text(response):
    return unescape(response.content.decode())


def drawn(response):
    found = re.search(r'<script type="application/json">(.*?)</script>', response.content.decode())
    assert found
    return json.loads(found[1])


def measured(name, seeds, **changes):
    """The metric of runs made here."""
    simulation = catalogue.simulation("circuit-breaker")
    params = simulation.parse({**SHORT, **changes})
    values = [simulation.measure(simulation.run(params, seed))[name] for seed in seeds]
    return [value for value in values if value is not None]


def test_replications_show_means_with_intervals_bands_and_each_run(client, at_once):
    response = client.get(f"{ADDRESS}replications/", {**SHORT, "replications": "8"})
    page = text(response)

    assert "8 runs." in page
    assert re.search(r"95\s%: [\d.]+ to [\d.]+ %", page)
    charts = drawn(response)
    assert list(charts) == ["outcomes", "states", "latency", "runs"]
    assert any(trace.get("fill") == "toself" for trace in charts["outcomes"]["figure"]["data"])
    assert [row[0] for row in charts["runs"]["rows"]] == list(range(1, 9))


def test_the_mean_and_interval_of_the_page_are_those_of_its_runs(client, at_once):
    answer = client.get(f"{ADDRESS}replications/", {**SHORT, "replications": "8"}, headers=JSON).json()
    runs = measured("availability", range(1, 9))

    found = answer["metrics"]["availability"]
    assert answer["complete"]
    assert found["values"] == runs
    assert found["mean"] == pytest.approx(sum(runs) / 8)
    assert found["low"] < found["mean"] < found["high"]


def test_a_metric_that_some_runs_lack_says_from_how_many_it_is(client, at_once):
    page = text(client.get(f"{ADDRESS}replications/", {**SHORT, "minimum_number_of_calls": "55", "replications": "20"}))

    assert re.search(r"from the \d+ of 20 runs that have a value|in all 20 runs", page)


def test_one_replication_has_no_interval_and_says_so(client, at_once):
    page = text(client.get(f"{ADDRESS}replications/", {**SHORT, "replications": "1"}))

    assert "1 run." in page
    assert "one run" in page
    assert "nan" not in page.lower()


def test_a_sweep_over_one_knob_is_a_line_with_a_band(client, at_once):
    response = client.get(f"{ADDRESS}sweep/", SWEEP)
    chart = drawn(response)["sweep"]

    assert chart["figure"]["data"][0]["fill"] == "toself"
    assert [row[0] for row in chart["rows"]] == ["1", "2", "3", "4"]
    assert "highest at Then dead for 1\N{NO-BREAK SPACE}s" in text(response)


def test_a_sweep_over_two_knobs_is_a_map_whose_cells_open_their_run(client, at_once):
    response = client.get(f"{ADDRESS}sweep/", MAP)
    chart = drawn(response)["sweep"]
    heat = chart["figure"]["data"][0]

    assert heat["type"] == "heatmap"
    assert (len(heat["z"]), len(heat["z"][0])) == (4, 4)
    assert chart["opens"]["names"] == ["dead_s", "kind"]
    for column, dead_s in enumerate(heat["x"]):
        for row, kind in enumerate(heat["y"]):
            two = measured("availability", (1, 2), dead_s=dead_s, kind=kind)
            assert heat["z"][row][column] == pytest.approx(100 * sum(two) / 2, rel=1e-5)


def test_another_measure_of_the_same_sweep_computes_nothing_anew(client, at_once, monkeypatch):
    client.get(f"{ADDRESS}sweep/", SWEEP)
    monkeypatch.setattr(chains, "computed", lambda *args, **options: pytest.fail("computed again"))

    response = client.get(f"{ADDRESS}sweep/", {**SWEEP, "metric": "p95_ms"})

    assert "p95 latency" in drawn(response)["sweep"]["figure"]["layout"]["yaxis"]["title"]["text"]


def test_while_it_runs_a_sweep_shows_its_progress_a_stop_and_asks_again(client, queue, impatient):
    response = client.get(f"{ADDRESS}sweep/", SWEEP, headers=HTMX)
    page = text(response)

    assert '<progress class="bar" max="8" value="0"' in page
    assert "0 of 8 runs" in page
    assert 'hx-trigger="every 500ms"' in page
    assert "stopped=1" in page


def test_a_partial_picture_is_drawn_while_it_runs(client, queue, impatient):
    client.get(f"{ADDRESS}sweep/", SWEEP)
    chains._work_on(batches.batch_of(queue[0][0]), 0)

    response = client.get(f"{ADDRESS}sweep/", {**SWEEP, "poll": "1"}, headers=HTMX)

    mean = [row[1] for row in drawn(response)["sweep"]["rows"]]
    assert mean[0] is not None
    assert None in mean
    assert "So far:" in text(response)


def test_a_stopped_sweep_keeps_its_picture_asks_nobody_and_can_carry_on(client, queue, impatient):
    client.get(f"{ADDRESS}sweep/", SWEEP)
    chains._work_on(batches.batch_of(queue[0][0]), 0)
    queue.clear()

    page = text(client.get(f"{ADDRESS}sweep/", {**SWEEP, "stopped": "1"}, headers=HTMX))

    assert "stopped" in page
    assert "Carry on" in page
    assert "hx-trigger" not in page
    assert queue == []


def test_missing_points_are_told_and_do_not_cost_the_rest(client, at_once, monkeypatch):
    simulation = catalogue.simulation("circuit-breaker")

    def run(params, seed):
        if params.dead_s == 2:
            raise ZeroDivisionError
        return simulation.run(params, seed)

    monkeypatch.setattr(catalogue, "simulation", lambda slug: replace(simulation, run=run))

    response = client.get(f"{ADDRESS}sweep/", SWEEP)

    assert "1 of 4 points are missing" in text(response)
    assert [row[1] is None for row in drawn(response)["sweep"]["rows"]] == [False, True, False, False]


def test_without_a_knob_the_sweep_page_offers_some_worth_seeing(client, queue):
    response = client.get(f"{ADDRESS}sweep/", SHORT)

    for idea in catalogue.simulation("circuit-breaker").sweeps:
        assert idea.title in text(response)
    assert queue == []


def test_what_is_wrong_is_told_in_the_words_of_the_page_and_what_was_typed_is_kept(client, queue):
    response = client.get(f"{ADDRESS}sweep/", {**SWEEP, "x_to": "999", "x_steps": "7"})
    page = text(response)

    assert response.status_code == 400
    assert "“To (across)” is 999; use 0 to 300" in page
    assert 'name="x_to" type="number" step="any" inputmode="decimal" value="999"' in page
    assert re.search(r'name="x_steps"[^>]*value="7"', page)
    assert client.get(f"{ADDRESS}sweep/", {**SWEEP, "x_to": "999"}, headers=HTMX).status_code == 422
    assert queue == []


def test_the_address_bar_holds_the_batch(client, at_once):
    response = client.get(f"{ADDRESS}sweep/", SWEEP, headers=HTMX)

    address = response["HX-Replace-Url"]
    assert "x=dead_s" in address
    assert client.get(address, headers=HTMX)["HX-Replace-Url"] == address


def test_json_tells_the_points_and_whether_they_are_all(client, queue, impatient):
    waiting = client.get(f"{ADDRESS}sweep/", SWEEP, headers=JSON)
    while queue:
        chains.work(*queue.pop(0))
    ready = client.get(f"{ADDRESS}sweep/", SWEEP, headers=JSON)
    wrong = client.get(f"{ADDRESS}sweep/", {**SWEEP, "x": "wind"}, headers=JSON)
    empty = client.get(f"{ADDRESS}sweep/", SHORT, headers=JSON)

    assert (waiting.status_code, waiting["Retry-After"], waiting.json()["complete"]) == (202, "2", False)
    assert ready.status_code == 200
    assert [point["dead_s"] for point in ready.json()["points"]] == [1, 2, 3, 4]
    assert (wrong.status_code, wrong.json()["problems"][0]["name"]) == (422, "x")
    assert empty.status_code == 422


def test_every_picture_is_there_as_csv(client, at_once):
    page = client.get(f"{ADDRESS}replications/", {**SHORT, "replications": "4"})
    for name, chart in drawn(page).items():
        response = client.get(f"{ADDRESS}replications/{name}.csv", {**SHORT, "replications": "4"})
        lines = list(csv.reader(response.content.decode().splitlines()))
        assert len(lines) == 1 + len(chart["rows"])
        assert name in response["Content-Disposition"]
    assert client.get(f"{ADDRESS}sweep/sweep.csv", MAP).content.decode().count("\n") == 17
    assert client.get(f"{ADDRESS}sweep/moon.csv", MAP).status_code == 404
    assert client.get(f"{ADDRESS}dreams/sweep.csv", MAP).status_code == 404
    assert client.get(f"{ADDRESS}sweep/sweep.csv", {**MAP, "x": "wind"}).status_code == 400


def test_csv_of_a_batch_without_numbers_yet_says_when_to_ask_again(client, queue, impatient):
    response = client.get(f"{ADDRESS}sweep/sweep.csv", SWEEP)

    assert (response.status_code, response["Retry-After"]) == (503, "2")


def test_without_redis_the_page_says_so_keeps_what_was_typed_and_tries_again(client, monkeypatch):
    monkeypatch.setattr(chains, "look", lambda *args, **options: services.UNREACHABLE)

    page = text(client.get(f"{ADDRESS}sweep/", SWEEP))

    assert "The workers cannot be reached" in page
    assert 'hx-trigger="every 2s"' in page
    assert '<option value="dead_s" data-low="0" data-high="300" selected' in page


def test_the_run_page_leads_to_its_replications_and_its_sweep(client, queue, monkeypatch):
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor=None: services.Waiting())

    page = text(client.get(ADDRESS, SHORT))

    for kind in ("replications", "sweep"):
        assert re.search(rf'href="{ADDRESS}{kind}/\?[^"]*dead_s=3', page)


def test_a_baseline_is_compared_seed_by_seed(client, at_once):
    pinned = {**SHORT, "kind": "none"}
    query = {**SHORT, "replications": "6", "baseline": urlencode(pinned)}

    response = client.get(f"{ADDRESS}replications/", query)
    answer = client.get(f"{ADDRESS}replications/", query, headers=JSON).json()

    here, before = measured("availability", range(1, 7)), measured("availability", range(1, 7), kind="none")
    pairs = [a - b for a, b in zip(here, before, strict=True)]
    assert answer["differences"]["availability"]["values"] == pytest.approx(pairs)
    assert answer["baseline"]["params"]["kind"] == "none"
    assert "Compared with the baseline, seed by seed" in text(response)
    assert "12 runs." in text(response)
    dashed = [trace for trace in drawn(response)["outcomes"]["figure"]["data"] if "baseline" in trace.get("name", "")]
    assert len(dashed) == 4


def test_a_difference_that_chance_could_have_made_is_called_not_sure(client, at_once):
    query = {**SHORT, "replications": "8", "baseline": urlencode({**SHORT, "background_error_percent": "0.6"})}

    page = text(client.get(f"{ADDRESS}replications/", query))

    assert re.search(r"no sure difference|same", page)


def test_a_batch_can_be_kept_as_an_experiment_with_its_page(client, at_once):
    page = text(client.get(f"{ADDRESS}sweep/", MAP))

    kept = re.search(r'name="address" value="([^"]+)"', page)
    assert kept
    assert kept[1].startswith(f"{ADDRESS}sweep/?")
    assert "y=kind" in kept[1]


def told(client, values, metric="availability", seeds=1, **axes):
    """The sentence on a sweep whose runs come out as `values`, as shown, one list of seeds for each point."""
    simulation = catalogue.simulation("circuit-breaker")
    run = services.Run(simulation, simulation.parse({}))
    plan = plans.sweep(run, {"metric": metric, "seeds": str(seeds), **axes}, None)
    measures = np.full((len(values), seeds, len(simulation.metrics)), np.nan)
    measures[:, :, 0] = np.reshape(values, (len(values), seeds)) / simulation.metrics[0].scale
    look = batches.Look(plan.batches[0], measures, np.full((len(values), seeds), batches.DONE, np.uint8))
    return plan.explain(batches.Standing((look,))).replace("\N{NO-BREAK SPACE}", " ")


TWO = {"x": "dead_s", "x_from": "10", "x_to": "20", "x_steps": "2"}
BY_KIND = {**TWO, "y": "automatic_transition_from_open_to_half_open_enabled"}


def test_a_tie_is_told_by_what_its_points_share(client):
    shared = told(client, [50, 50, 60, 60], **BY_KIND)
    crossed = told(client, [50, 60, 60, 50], **BY_KIND)

    assert "highest at Then dead for 20 s (2 points): 60.0 %; lowest at Then dead for 10 s (2 points): 50.0 %" in shared
    assert "highest at 2 points, such as Then dead for 10 s, Half-open by timer “on”: 60.0 %" in crossed
    assert told(client, [50, 50], **TWO) == "“Available” is 50.0 % at 2 of 2 points."


def test_a_best_point_that_is_not_clearly_apart_says_so(client):
    near = told(client, [[50, 60], [51, 61]], seeds=2, **TWO)
    apart = told(client, [[50, 50.1], [90, 90.1]], seeds=2, **TWO)
    single = told(client, [50, 60], **TWO)

    assert "1 other point may be as high: the 95 % intervals overlap." in near
    assert "overlap" not in apart
    assert "Each point is one run, so a small difference may be chance." in single


def test_points_where_a_number_has_no_value_are_told(client):
    values = [10, np.nan, 30]

    sentence = told(client, values, **{**TWO, "x_steps": "3"})
    partly = told(client, [[90, np.nan], [50, 60]], seeds=2, **TWO)

    assert "highest at Then dead for 20 s: 30.0 %; lowest at Then dead for 10 s: 10.0 %" in sentence
    assert "At 1 point, left out here, some or all runs have no value" in sentence
    assert "“Available” is 55.0 % at 1 of 2 points." in partly


def test_what_the_pointer_reads_tells_not_yet_from_failed_and_from_never(client):
    simulation = catalogue.simulation("circuit-breaker")
    run = services.Run(simulation, simulation.parse({}))
    plan = plans.sweep(run, {"metric": "time_to_open_s", "seeds": "2", **TWO, "x_steps": "4"}, None)
    place = [metric.name for metric in simulation.metrics].index("time_to_open_s")
    values = np.full((4, 2, len(simulation.metrics)), np.nan)
    values[3, 0, place] = 2.5
    states = np.array([[0, 0], [2, 2], [1, 1], [1, 1]], np.uint8)
    look = batches.Look(plan.batches[0], values, states)

    said = plan.pictures(batches.Standing((look,)))[0]["figure"]["data"][1]["customdata"]

    assert [words.partition(": ")[2] for words in said] == [
        "not yet",
        "missing, because its runs failed",
        "never",
        "2.5 s, 1 of 2 runs; never in the others",
    ]


def test_an_interval_stays_within_what_a_number_can_be():
    metric = CIRCUIT_BREAKER.metrics[0]

    figure = present_mean(metric, moments(np.array([0.999, 1, 1, 0.96])), 4)

    assert figure.sure.endswith("to 100.0 %")
