"""A run over its baseline: addresses, differences, figures, and what a page shows of them."""

import copy
import json
import re
import threading
from html import unescape
from types import SimpleNamespace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.http import QueryDict

from sandboxes import addresses, services
from sandboxes.comparison import Comparison, compared, differences_in_metrics, overlaid, turns
from sandboxes.presentation import Change, change
from sandboxes.services import Failed, Part, Ready, Run, Waiting
from sandboxes.simulations import catalogue
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.spec import Better, Metric
from sandboxes.views import sandbox

ADDRESS = "/sandboxes/circuit-breaker/"
SHORT = {"healthy_s": "3", "dead_s": "6", "recovered_s": "3", "arrival_rate_per_s": "50"}
BASELINE = urlencode({**SHORT, "kind": "none"})
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
SIMULATION = catalogue.simulation("circuit-breaker")


def run_of(**values):
    return Run(SIMULATION, SIMULATION.parse({**SHORT, **values}))


def text_of(response):
    return unescape(response.content.decode())


def first(pattern, text):
    found = re.search(pattern, text, re.DOTALL)
    assert found, pattern
    return found[1]


def figures(text):
    return json.loads(first(r'<script type="application/json">(.*?)</script>', text))


def link(words, text):
    return first(rf'href="([^"]*)"[^>]*>{words}</a>', text)


# Addresses


def test_an_address_without_a_baseline_pins_none():
    assert addresses.baseline(SIMULATION, QueryDict("dead_s=3")) == (None, None)


def test_an_empty_baseline_is_the_defaults():
    assert addresses.baseline(SIMULATION, QueryDict("baseline=")) == (SIMULATION.params(), None)


@pytest.mark.parametrize("values", [{}, {"kind": "none"}, {"dead_s": 3.5, "kind": "time"}])
def test_a_pinned_baseline_is_read_back_from_the_address(values):
    params = SIMULATION.parse(values)
    address = addresses.address(run_of(), **addresses.pin(SIMULATION, params))

    assert addresses.baseline(SIMULATION, QueryDict(urlsplit(address).query)) == (params, None)


def test_a_baseline_names_only_what_differs_from_the_defaults():
    assert addresses.pin(SIMULATION, SIMULATION.parse({"kind": "none", "dead_s": 35})) == {"baseline": "kind=none"}
    assert addresses.pin(SIMULATION, SIMULATION.parse({})) == {"baseline": ""}
    assert addresses.pin(SIMULATION, None) == {}


@pytest.mark.parametrize("text", ["dead_s=x", "dead_s=301", "colour=red", "seed=3", "kind="])
def test_a_baseline_that_cannot_be_run_is_told_and_none_is_pinned(text):
    params, problem = addresses.baseline(SIMULATION, QueryDict(urlencode({"baseline": text})))

    assert params is None
    assert text.split("=")[0] in str(problem)


# Words


@pytest.mark.parametrize(
    ("value", "before", "expected"),
    [
        (0.983, 0.702, Change("+28.1 points", "better", "70.2 %")),
        (0.702, 0.983, Change("−28.1 points", "worse", "98.3 %")),
        (0.702, 0.702, Change("same")),
        (0.7021, 0.702, Change("almost the same")),
        (None, 0.702, Change("was 70.2 %")),
        (0.702, None, Change("never before")),
        (None, None, Change("same")),
    ],
)
def test_a_share_differs_in_points(value, before, expected):
    share = Metric("available", "Available", "%", "", Better.HIGHER, digits=1, undefined="never")

    assert change(share, value, before) == expected


@pytest.mark.parametrize(
    ("value", "before", "expected"),
    [
        (118, 2000, Change("−1.88 s", "better", "2 s")),
        (2000, 118, Change("+1.88 s", "worse", "118 ms")),
        (0, 3_600_000, Change("−60 min", "better", "60 min")),
        (118.2, 118, Change("almost the same")),
        (118, None, Change("no value before")),
    ],
)
def test_a_time_differs_in_the_unit_that_fits(value, before, expected):
    assert change(Metric("p95_ms", "p95", "ms", "", Better.LOWER, digits=0), value, before) == expected


def test_where_neither_way_is_good_nothing_is_called_better():
    metric = Metric("times", "Times", "", "", Better.NEITHER, digits=0)

    assert change(metric, 12_005, 3) == Change("+12,002", "", "3")


def test_the_knobs_in_which_two_runs_differ_are_told_as_the_form_tells_them():
    before = SIMULATION.parse({"kind": "none"})
    now = SIMULATION.parse(
        {"wait_duration_in_open_state_s": 30, "automatic_transition_from_open_to_half_open_enabled": True}
    )

    told = [(turn.label, turn.before, turn.now) for turn in turns(CIRCUIT_BREAKER, before, now)]

    assert told == [
        ("Opens on", "No breaker", "Rates over the last calls"),
        ("Wait while open", "10 s", "30 s"),
        ("Half-open by timer", "off", "on"),
    ]
    assert turns(CIRCUIT_BREAKER, now, now) == []


def test_differences_in_metrics_are_the_run_minus_its_baseline():
    assert differences_in_metrics({"a": 3.0, "b": None, "c": 1.0}, {"a": 5.0, "b": 1.0, "c": None}) == {
        "a": -2.0,
        "b": None,
        "c": None,
    }


# Figures


def test_axes_grow_to_hold_both_runs_and_everything_else_replaces():
    figure = {
        "data": [{"y": [1]}],
        "layout": {"template": {"x": 1}, "xaxis": {"range": [0, 80], "ticksuffix": " s"}, "yaxis": {"range": [1, 3]}},
    }
    overlay = {
        "traces": [{"y": [2]}],
        "layout": {"xaxis": {"range": [0, 120]}, "yaxis": {"range": [0.5, 2], "tickvals": [1]}},
        "keys": [],
    }
    kept = copy.deepcopy((figure, overlay))

    merged = overlaid(figure, overlay)

    assert merged == {
        "data": [{"y": [1]}, {"y": [2]}],
        "layout": {
            "template": {"x": 1},
            "xaxis": {"range": [0, 120], "ticksuffix": " s"},
            "yaxis": {"range": [0.5, 3], "tickvals": [1]},
        },
    }
    assert (figure, overlay) == kept


def test_an_axis_without_a_range_of_its_own_takes_the_baselines():
    merged = overlaid({"data": [], "layout": {}}, {"traces": [], "layout": {"xaxis": {"range": [0, 5]}}})

    assert merged["layout"] == {"xaxis": {"range": [0, 5]}}


# Both runs together


def test_the_baseline_runs_with_the_seed_of_the_run(store, worker):
    run = Run(SIMULATION, SIMULATION.parse(SHORT), seed=77)
    pinned = SIMULATION.parse({**SHORT, "kind": "none"})

    _, comparing = compared(run, pinned, wait_s=30)

    assert comparing.before is not None
    alone = services.compute(Run(SIMULATION, pinned, seed=77))
    other_seed = services.compute(Run(SIMULATION, pinned, seed=78))
    assert comparing.before["metrics"] == alone["metrics"] != other_seed["metrics"]


def test_both_runs_are_asked_for_before_either_is_waited_for(store, asked):
    waiting = threading.Thread(target=lambda: compared(run_of(), run_of(kind="none").params, wait_s=1.0))
    waiting.start()
    waiting.join(0.7)

    assert waiting.is_alive()
    assert {task[1][4] for task in asked} == {Part.RESULT, Part.BASELINE}
    waiting.join()


def test_both_runs_share_one_wait(monkeypatch):
    waited = []
    clock = iter([100.0, 101.5])
    monkeypatch.setattr("sandboxes.comparison.time", SimpleNamespace(monotonic=lambda: next(clock)))

    def answer(wanted, wait_s, visitor=None):
        waited.append((wanted.part, wait_s))
        return Waiting() if wanted.part is Part.BASELINE else Ready({})

    monkeypatch.setattr(services, "run", answer)

    outcome, comparing = compared(run_of(), run_of(kind="none").params, wait_s=2.0)

    assert waited == [(Part.BASELINE, 0), (Part.RESULT, 2.0), (Part.BASELINE, 0.5)]
    assert (outcome, comparing.outcome, comparing.before) == (Ready({}), Waiting(), None)


def test_a_run_without_a_baseline_asks_for_itself_alone(monkeypatch):
    wanted = []

    def answer(run, wait_s, visitor=None):
        wanted.append((run, wait_s))
        return Waiting()

    monkeypatch.setattr(services, "run", answer)

    _, comparing = compared(run_of(), None, wait_s=2.0)

    assert wanted == [(run_of(), 2.0)]
    assert comparing == Comparison(run_of())


# The page


def test_keep_as_baseline_is_a_link_to_the_same_run_with_itself_as_baseline(client, worker):
    page = text_of(client.get(ADDRESS, {**SHORT, "seed": "4"}))
    query = parse_qs(urlsplit(link("Keep as baseline", page)).query)

    assert query["seed"] == ["4"]
    assert parse_qs(query["baseline"][0]) == {name: value for name, value in query.items() if name in SHORT}
    pinned = text_of(client.get(link("Keep as baseline", page)))
    assert "This run is the baseline" in pinned
    assert 'class="meaning change' not in pinned
    assert [len(chart["figure"]["data"]) for chart in figures(pinned).values()] == [
        len(chart["figure"]["data"]) for chart in figures(page).values()
    ]


def test_a_run_over_a_baseline_tells_the_turned_knobs_the_differences_and_draws_both(client, worker):
    alone = figures(text_of(client.get(ADDRESS, SHORT)))

    page = text_of(client.get(ADDRESS, {**SHORT, "baseline": BASELINE}))

    assert re.search(r"Opens on <span class=\"turn\">No breaker .*Rates over the last calls", page)
    assert page.count('class="meaning change') == len(SIMULATION.metrics)
    assert re.search(r"(better|worse) than", page)
    assert "good answers in the baseline" in page
    for name, chart in figures(page).items():
        assert len(chart["figure"]["data"]) > len(alone[name]["figure"]["data"])
        assert chart["rows"] == alone[name]["rows"]


def test_the_baselines_links_lead_out_back_and_on(client, worker):
    page = text_of(client.get(ADDRESS, {**SHORT, "seed": "4", "baseline": BASELINE}))

    dropped = link("Drop the baseline", page)
    back = parse_qs(urlsplit(link("Back to the baseline", page)).query)
    made = parse_qs(urlsplit(link("Make this the baseline", page)).query)

    assert "baseline" not in dropped
    assert "seed=4" in dropped
    assert (back["kind"], back["seed"]) == (["none"], ["4"])
    assert "kind=none" in back["baseline"][0]
    assert "kind" not in made
    assert "kind" not in made["baseline"][0]


def test_a_turned_knob_keeps_the_baseline_in_the_form_and_in_the_address(client, worker):
    response = client.get(ADDRESS, {**SHORT, "dead_s": "5", "baseline": BASELINE}, headers=HTMX)
    page = text_of(response)

    kept = first(r'<hx-partial hx-target="#run-pinned".*?name="baseline" value="([^"]*)"', page)
    assert parse_qs(kept)["kind"] == ["none"]
    replaced = QueryDict(urlsplit(response["HX-Replace-Url"]).query)
    assert addresses.baseline(SIMULATION, replaced)[0] == run_of(kind="none").params


def test_without_a_baseline_the_form_carries_none(client, worker):
    page = text_of(client.get(ADDRESS, SHORT, headers=HTMX))

    assert 'hx-target="#run-pinned"' in page
    assert 'name="baseline"' not in page


def test_the_form_scenarios_and_reset_keep_the_baseline_without_scripts(client, worker):
    page = text_of(client.get(ADDRESS, {**SHORT, "baseline": "kind=none"}))

    form = first(r"(<form class=\"knob-form\".*?</form>)", page)
    assert '<input type="hidden" name="baseline" value="kind=none">' in form
    assert parse_qs(urlsplit(link("Reset all", form)).query) == {"baseline": ["kind=none"]}
    scenarios = re.findall(r'<a class="scene" href="([^"]*)"', page)
    assert len(scenarios) == len(SIMULATION.scenarios)
    assert all("baseline=kind%3Dnone" in address for address in scenarios)


def test_a_baseline_that_cannot_be_run_is_told_once_and_left_aside(client, worker):
    response = client.get(ADDRESS, {**SHORT, "baseline": "dead_s=301&<b>=1"})
    page = text_of(response)

    assert response.status_code == 200
    assert page.count("cannot be run, so it is left aside") == 1
    assert "“Then dead for” is 301; use 0 to 300" in page
    assert b"<b>" not in response.content
    assert figures(page)
    assert "Keep as baseline" in page
    assert 'name="baseline"' not in page


def test_a_refused_run_keeps_the_baseline_for_the_next_try(client, asked):
    response = client.get(ADDRESS, {"dead_s": "x", "baseline": "kind=none"})

    assert response.status_code == 400
    assert 'name="baseline" value="kind=none"' in text_of(response)


def test_while_only_the_baseline_is_computed_the_run_is_shown_and_the_page_asks_again(client, worker, monkeypatch):
    run = services.run
    monkeypatch.setattr(
        services,
        "run",
        lambda wanted, wait_s, visitor=None: Waiting() if wanted.part is Part.BASELINE else run(wanted, wait_s),
    )

    page = text_of(client.get(ADDRESS, {**SHORT, "baseline": BASELINE}, headers=HTMX))

    assert figures(page)
    assert "The baseline is still being computed" in page
    assert 'hx-trigger="every 500ms"' in page
    assert 'hx-sync="#run-form:abort"' in page
    assert 'class="meaning change' not in page


def test_a_baseline_that_failed_is_told_beside_the_run(client, worker, monkeypatch):
    run = services.run
    failed = Failed("It is too large.", again=False)
    monkeypatch.setattr(
        services,
        "run",
        lambda wanted, wait_s, visitor=None: failed if wanted.part is Part.BASELINE else run(wanted, wait_s),
    )

    page = text_of(client.get(ADDRESS, {**SHORT, "baseline": BASELINE}, headers=HTMX))

    assert figures(page)
    assert "It is too large." in page
    assert "hx-trigger" not in page


def test_an_embedded_sandbox_has_no_baseline(client, worker):
    page = text_of(client.get(ADDRESS, {**SHORT, "baseline": BASELINE, "embed": "new", "scope": "try-1"}, headers=HTMX))

    assert figures(page)
    assert "aseline" not in page.replace("baseline_keys", "")


def test_json_tells_the_baseline_and_the_differences(client, worker):
    answer = client.get(ADDRESS, {**SHORT, "baseline": BASELINE}, headers=JSON).json()

    assert list(answer)[-2:] == ["baseline", "differences"]
    assert answer["baseline"]["params"]["kind"] == "none"
    assert answer["baseline"]["metrics"] == services.compute(run_of(kind="none"))["metrics"]
    for name, difference in answer["differences"].items():
        now, before = answer["metrics"][name], answer["baseline"]["metrics"][name]
        assert difference == (None if now is None or before is None else now - before)


def test_json_of_a_bad_or_unfinished_baseline_says_so(client, worker, monkeypatch):
    bad = client.get(ADDRESS, {**SHORT, "baseline": "dead_s=x"}, headers=JSON)
    monkeypatch.setattr(sandbox, "WAIT_S", 0.05)
    monkeypatch.setattr(
        services, "run", lambda wanted, wait_s, visitor=None: Waiting() if wanted.part is Part.BASELINE else Ready({})
    )
    unfinished = client.get(ADDRESS, {**SHORT, "baseline": BASELINE}, headers=JSON)

    assert (bad.status_code, bad.json()["problems"][0]["name"]) == (422, "baseline")
    assert (unfinished.status_code, unfinished["Retry-After"]) == (202, "2")
