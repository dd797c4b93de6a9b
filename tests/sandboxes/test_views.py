"""The sandbox page: its address is the run, with and without scripts."""

import csv
import json
import re
from html import unescape

import pytest
from django.core.management import call_command

from sandboxes import services
from sandboxes.forms import plain
from sandboxes.simulations import catalogue
from sandboxes.simulations.spec import knobs
from sandboxes.views import sandbox

ADDRESS = "/sandboxes/circuit-breaker/"
SHORT = {"healthy_s": "2", "dead_s": "3", "recovered_s": "2", "arrival_rate_per_s": "20"}
HTMX = {"HX-Request": "true"}


def figures(response):
    """The figures a page carries for the browser to draw."""
    return json.loads(first(r'<script type="application/json">(.*?)</script>', response.content.decode()))


def first(pattern, text):
    found = re.search(pattern, text, re.DOTALL)
    assert found, pattern
    return found[1]


def test_every_parameter_is_a_labelled_control_with_unit_bounds_and_help(client, worker):
    page = unescape(client.get(ADDRESS, SHORT).content.decode())

    for name, knob in knobs(catalogue.simulation("circuit-breaker").params).items():
        assert f'name="{name}"' in page
        assert f">{knob.label}<" in page
        assert knob.help in page
        assert knob.help, name
        if knob.low is not None:
            control = first(rf'<input ([^>]*name="{name}"[^>]*)>', page)
            assert f'min="{knob.low:g}"' in control
            assert f'max="{knob.high:g}"' in control


def test_a_plain_request_answers_the_whole_page_with_the_result(client, worker):
    response = client.get(ADDRESS, SHORT)

    assert response.status_code == 200
    assert b"<html" in response.content
    assert set(figures(response)) == {chart["name"] for chart in _computed()["charts"]}
    assert _computed()["explanation"] in unescape(response.content.decode())


def test_htmx_gets_the_result_alone_and_the_address_bar_holds_the_run(client, worker):
    response = client.get(ADDRESS, {**SHORT, "failure_rate_threshold": "50"}, headers=HTMX)

    assert b"<html" not in response.content
    assert figures(response)
    assert "HX-Request" in response["Vary"]
    address = response["HX-Replace-Url"]
    assert client.get(address, headers=HTMX)["HX-Replace-Url"] == address


def test_the_address_names_only_what_differs_from_the_defaults(client, worker):
    response = client.get(ADDRESS, {"dead_s": "30", "seed": "1"}, headers=HTMX)

    assert response["HX-Replace-Url"] == f"{ADDRESS}?dead_s={plain(30.0)}"


def test_the_same_address_gives_the_same_numbers(client, worker, store):
    first = figures(client.get(ADDRESS, SHORT))
    store.flushall()
    second = figures(client.get(ADDRESS, SHORT))

    assert first == second


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"failure_rate_threshold": "120"}, "“Failure rate threshold” is 120; use 1 to 100"),
        ({"failure_rate_threshold": ""}, "“Failure rate threshold” is empty; use 1 to 100"),
        ({"kind": "magic"}, "“Opens on” is magic; use one of"),
        ({"seed": "-1"}, "“Seed” is -1; use a whole number from 0 to 4294967295"),
        ({"seed": "4294967296"}, "“Seed” is 4294967296; use"),
        ({"arrival_rate_per_s": "nan"}, "“Arrivals” is nan; use"),
    ],
)
def test_a_bad_value_is_named_with_its_range_and_what_was_typed_is_kept(client, asked, query, says):
    response = client.get(ADDRESS, {"dead_s": "17", **query})
    page = unescape(response.content.decode())

    assert response.status_code == 400
    assert says in page
    assert asked == []
    assert re.search(r'name="dead_s"[^>]*value="17"', page)


def test_a_hostile_value_is_shown_as_text(client, asked):
    response = client.get(ADDRESS, {"kind": "<script>alert(1)</script>"})

    assert b"<script>alert" not in response.content


def test_a_run_that_takes_longer_is_polled_and_asked_for_once(client, asked, monkeypatch):
    monkeypatch.setattr(sandbox, "WAIT_S", 0.05)
    monkeypatch.setattr(sandbox, "POLL_WAIT_S", 0.05)

    first = client.get(ADDRESS, SHORT, headers=HTMX)
    second = client.get(ADDRESS, {**SHORT, "poll": "1"}, headers=HTMX)

    for response in (first, second):
        assert 'hx-trigger="every 500ms"' in response.content.decode()
        assert "&quot;poll&quot;" in response.content.decode() or '"poll"' in response.content.decode()
    assert len(asked) == 1


def test_without_redis_the_page_says_so_keeps_the_settings_and_tries_again(client, monkeypatch):
    gone = services.Failed("The workers cannot be reached just now.", again=True)
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor: gone)

    page = client.get(ADDRESS, {"dead_s": "17"}).content.decode()

    assert "The workers cannot be reached" in page
    assert 'hx-trigger="every 2s"' in page
    assert re.search(r'name="dead_s"[^>]*value="17"', page)


def test_an_embedded_sandbox_has_ids_of_its_own_and_leaves_the_address_bar_alone(client, worker):
    response = client.get(ADDRESS, {**SHORT, "embed": "new", "scope": "try-2"}, headers=HTMX)
    page = response.content.decode()

    assert "<html" not in page
    assert 'id="try-2-result"' in page
    assert 'id="run-' not in page
    assert "HX-Replace-Url" not in response


def test_each_scenario_is_a_link_to_its_run_and_the_current_one_says_what_to_look_for(client, worker):
    for scenario in catalogue.simulation("circuit-breaker").scenarios:
        page = unescape(client.get(ADDRESS, scenario.params).content.decode())
        current = first(r'<a class="scene" href="([^"]*)" aria-current="true">' + scenario.title, page)

        assert scenario.look_for in page
        assert client.get(current).status_code == 200


def test_turning_a_knob_away_from_a_scenario_takes_its_mark_away(client, worker):
    response = client.get(ADDRESS, {"dead_s": "17"}, headers=HTMX)
    page = response.content.decode()

    assert 'hx-target="#run-scenes"' in page
    assert 'aria-current="true"' not in page


def test_a_name_picked_up_on_the_way_is_told_and_left_aside(client, worker):
    response = client.get(ADDRESS, {**SHORT, "utm_source": "<mail>"})
    page = response.content.decode()

    assert response.status_code == 200
    assert "left aside: utm_source" in page
    assert figures(response)


def test_htmx_is_told_what_is_wrong_beside_the_last_result(client, asked):
    response = client.get(ADDRESS, {"failure_rate_threshold": "120"}, headers=HTMX)

    assert response.status_code == 422
    assert "“Failure rate threshold” is 120; use 1 to 100" in response.content.decode()
    assert "HX-Replace-Url" not in response


def test_a_run_too_large_says_how_to_make_it_smaller(client, asked):
    response = client.get(
        ADDRESS, {"arrival_rate_per_s": "2000", **dict.fromkeys(["healthy_s", "slow_s", "dead_s", "failing_s"], "300")}
    )
    page = unescape(response.content.decode())

    assert response.status_code == 400
    assert "use at most 2,000,000: fewer arrivals, or a shorter run" in page


def test_only_a_whole_page_carries_filled_tables(client, worker):
    rows = b"<tbody><tr>"

    assert rows in client.get(ADDRESS, SHORT).content
    assert rows not in client.get(ADDRESS, SHORT, headers=HTMX).content


def test_an_experiments_knobs_come_first_and_lead_back_to_what_it_set(client, worker):
    response = client.get(ADDRESS, {**SHORT, "kind": "none", "embed": "new", "scope": "try-1"}, headers=HTMX)
    page = unescape(response.content.decode())

    assert first(r'data-knob="kind" data-default="([a-z]+)"', page) == "none"
    assert first(r'data-knob="dead_s" data-default="([0-9]+)"', page) == "3"
    assert page.index('data-knob="kind"') < page.index("All other knobs") < page.index('data-knob="call_timeout_s"')


def test_an_unknown_sandbox_is_not_found(client):
    assert client.get("/sandboxes/perpetual-motion/").status_code == 404


def test_the_library_lists_every_sandbox(client):
    page = client.get("/sandboxes/").content.decode()

    for simulation in catalogue.CATALOGUE:
        assert f"/sandboxes/{simulation.slug}/" in page


def _computed():
    simulation = catalogue.simulation("circuit-breaker")
    return services.compute(services.Run(simulation, simulation.parse(SHORT)))


def test_the_same_address_answers_json_to_who_asks_for_it(client, worker):
    response = client.get(ADDRESS, {**SHORT, "seed": "3"}, headers={"Accept": "application/json"})
    answer = response.json()

    assert list(answer) == ["simulation", "version", "params", "seed", "metrics", "explanation"]
    assert (answer["seed"], answer["params"]["dead_s"]) == (3, 3.0)
    assert "Accept" in response["Vary"]


def test_a_browser_gets_the_page(client, worker):
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

    assert b"<html" in client.get(ADDRESS, SHORT, headers={"Accept": accept}).content
    assert b"<html" in client.get(ADDRESS, SHORT, headers={"Accept": "*/*"}).content


def test_json_says_what_is_wrong_and_when_to_ask_again(client, asked, monkeypatch):
    monkeypatch.setattr(sandbox, "WAIT_S", 0.05)
    json_please = {"Accept": "application/json"}

    wrong = client.get(ADDRESS, {"dead_s": "x"}, headers=json_please)
    waiting = client.get(ADDRESS, SHORT, headers=json_please)
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor: services.Failed("Gone.", again=True))
    gone = client.get(ADDRESS, SHORT, headers=json_please)

    assert wrong.status_code == 422
    assert wrong.json()["problems"][0]["name"] == "dead_s"
    assert (waiting.status_code, waiting["Retry-After"]) == (202, "2")
    assert (gone.status_code, gone["Retry-After"]) == (503, "2")


def test_every_chart_is_there_as_csv_with_the_numbers_of_its_table(client, worker):
    for chart in _computed()["charts"]:
        response = client.get(f"{ADDRESS}{chart['name']}.csv", SHORT)
        lines = list(csv.reader(response.content.decode().splitlines()))

        assert response["Content-Type"].startswith("text/csv")
        assert tuple(lines[0]) == chart["columns"]
        assert lines[1:] == [["" if cell is None else str(cell) for cell in row] for row in chart["rows"]]


def test_csv_of_an_unknown_chart_or_bad_settings_or_busy_workers_says_so(client, worker, monkeypatch):
    unknown = client.get(f"{ADDRESS}weather.csv", SHORT)
    wrong = client.get(f"{ADDRESS}outcomes.csv", {"dead_s": "x"})
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor: services.Waiting())
    busy = client.get(f"{ADDRESS}outcomes.csv", SHORT)

    assert unknown.status_code == 404
    assert (wrong.status_code, "dead_s is x" in wrong.content.decode()) == (400, True)
    assert (busy.status_code, busy["Retry-After"]) == (503, "2")


def test_the_command_of_a_page_makes_the_same_run(client, worker, capsys):
    page = unescape(client.get(ADDRESS, {**SHORT, "seed": "9"}).content.decode())
    command = first(r"<code[^>]*>\.venv/bin/python manage\.py ([^<]+)</code>", page)
    metrics = client.get(ADDRESS, {**SHORT, "seed": "9"}, headers={"Accept": "application/json"}).json()["metrics"]

    call_command(*command.split(), "--json")

    assert json.loads(capsys.readouterr().out)["metrics"] == metrics
