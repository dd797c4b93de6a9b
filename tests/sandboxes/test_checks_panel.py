"""What a simulation was checked against, as a page, a fragment, JSON and a command."""

import json
import re
from dataclasses import replace
from html import unescape
from io import StringIO

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command

from sandboxes import services
from sandboxes.presentation import Words, facts
from sandboxes.services import Failed, Part, Ready, Run, Waiting
from sandboxes.simulations import catalogue
from sandboxes.simulations.checks import Check, Source, exact
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.views import checks as view

SANDBOX = "/sandboxes/circuit-breaker/"
ADDRESS = f"{SANDBOX}checks/"
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
RIGHT = Check("Right", "vectors", "It is so.", Source("A paper"), lambda: exact(["a", "b"], ["a", "b"]))
WRONG = Check(
    "Wrong", "vectors", "It is <so>.", Source("A page", "https://a.example/"), lambda: exact(["OPEN"], ["CLOSED"])
)


def raising():
    raise ZeroDivisionError("nothing came")


BROKEN = Check("Broken", "closed forms", "It counts.", Source("A book"), raising)


@pytest.fixture
def declared(monkeypatch):
    """Declares other checks for the circuit breaker."""

    def declare(*checks):
        simulation = replace(CIRCUIT_BREAKER, checks=checks)
        monkeypatch.setattr(catalogue, "CATALOGUE", (simulation,))
        monkeypatch.setattr(view, "WAIT_S", 30)

    return declare


def test_a_plain_request_gets_a_page_with_every_check_folded_out(client, worker, declared):
    declared(RIGHT)

    page = unescape(client.get(ADDRESS).content.decode())

    assert "<html" in page
    assert "✓ checked" in page
    assert "1 of 1 vectors" in page
    assert re.search(r'<details class="checks" id="checks" open>', page)
    for words in ("It is so.", "a, b", "exact", "A paper", "✓ passed"):
        assert words in page


def test_htmx_gets_the_panel_folded_with_a_link_to_the_page(client, worker, declared):
    declared(RIGHT)

    response = client.get(ADDRESS, headers=HTMX)
    panel = response.content.decode()

    assert "<html" not in panel
    assert '<details class="checks" id="checks"><summary>' in panel
    assert f'href="{ADDRESS}"' in panel
    assert {"HX-Request", "Accept"} <= set(re.split(r",\s*", response["Vary"]))


def test_json_has_every_check_with_its_finding(client, worker, declared):
    declared(RIGHT, WRONG)

    answer = client.get(ADDRESS, headers=JSON).json()

    assert (answer["simulation"], answer["passed"]) == ("circuit-breaker", False)
    assert answer["groups"] == [{"name": "vectors", "passed": 1, "checks": 2}]
    assert answer["checks"][1]["measured"] == "CLOSED"
    assert answer["checks"][1]["source"] == {"title": "A page", "url": "https://a.example/"}


def test_a_failed_check_is_shown_as_failed_in_plain_words(client, worker, declared):
    declared(RIGHT, WRONG, BROKEN)

    panel = unescape(client.get(ADDRESS, headers=HTMX).content.decode())

    assert "✗ not as it should be" in panel
    assert "✓ checked" not in panel
    assert "1 of 2 vectors · 0 of 1 closed forms" in panel
    assert "<strong>Wrong</strong>: expected OPEN; measured CLOSED." in panel
    assert "it stopped with ZeroDivisionError: nothing came" in panel
    assert (panel.count("✓ passed"), panel.count("✗ failed")) == (1, 2)


def test_what_a_check_says_is_shown_as_text(client, worker, declared):
    declared(WRONG)

    assert b"It is &lt;so&gt;." in client.get(ADDRESS).content


@pytest.mark.parametrize(
    ("outcome", "status", "words", "delay"),
    [
        (Waiting(), 202, "A worker is carrying the checks out.", "1s"),
        (Failed("The workers cannot be reached just now.", again=True), 503, "cannot be reached", "2s"),
    ],
)
def test_while_there_is_no_answer_the_line_says_so_and_asks_again(client, monkeypatch, outcome, status, words, delay):
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor=None: outcome)

    panel = client.get(ADDRESS, headers=HTMX).content.decode()
    answer = client.get(ADDRESS, headers=JSON)

    assert words in panel
    assert f'hx-trigger="every {delay}"' in panel
    assert "checked</strong>" not in panel
    assert (answer.status_code, answer["Retry-After"]) == (status, "2")


def test_what_will_not_mend_itself_is_not_asked_for_again(client, monkeypatch):
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor=None: Failed("It failed.", again=False))

    panel = client.get(ADDRESS, headers=HTMX).content.decode()

    assert "Not checked just now." in panel
    assert "hx-trigger" not in panel


def test_the_checks_go_to_the_queue_for_long_work_and_runs_do_not(store, asked):
    simulation = CIRCUIT_BREAKER

    services.run(view.wanted(simulation), wait_s=0.01)
    services.run(Run(simulation, simulation.parse({})), wait_s=0.01)

    assert [options["queue"] for _, _, options in asked] == ["sweeps", "interactive"]


def test_the_checks_are_a_part_of_their_own_and_computed_once(store, worker, declared):
    declared(RIGHT)
    simulation = catalogue.simulation("circuit-breaker")
    wanted = view.wanted(simulation)

    first, second = services.run(wanted, wait_s=30), services.run(wanted, wait_s=0)

    assert isinstance(first, Ready)
    assert second == first
    assert wanted.key != Run(simulation, simulation.parse({})).key
    assert worker.outcomes() == ["computed"]


def test_a_worker_out_of_time_has_found_nothing_on_the_model():
    def late():
        raise SoftTimeLimitExceeded

    simulation = replace(CIRCUIT_BREAKER, checks=(replace(RIGHT, measure=late),))

    with pytest.raises(SoftTimeLimitExceeded):
        services.compute(Run(simulation, simulation.parse({}), part=Part.CHECKS))


def test_the_sandbox_leads_there_without_scripts_and_asks_for_it_with_them(client, worker):
    page = client.get(SANDBOX, {"healthy_s": "2", "dead_s": "1", "recovered_s": "1"}).content.decode()

    assert f'<a href="{ADDRESS}">What this simulation was checked against</a>' in page
    assert f'hx-get="{ADDRESS}" hx-trigger="intersect once"' in page


def test_an_unknown_simulation_has_no_checks(client):
    assert client.get("/sandboxes/perpetual-motion/checks/").status_code == 404


def check(*arguments):
    out = StringIO()
    call_command("simulate", "circuit-breaker", "--check", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_every_check_with_its_finding(declared):
    declared(RIGHT, replace(RIGHT, group="rules"))

    printed = check()

    assert printed.startswith("Vectors\n\n  passed  Right. It is so.\n")
    assert "          expected  a, b  (exact)\n          measured  a, b\n          source    A paper\n" in printed
    assert "\nRules\n" in printed


def test_the_command_prints_json(declared):
    declared(RIGHT)

    assert json.loads(check("--json"))["passed"] is True


def test_a_failed_check_ends_the_command_with_code_1_after_all_were_printed(declared, capsys):
    declared(WRONG, BROKEN, RIGHT)

    with pytest.raises(CommandError, match="2 of 3 checks failed") as stopped:
        call_command("simulate", "circuit-breaker", "--check")

    printed = capsys.readouterr().out
    assert stopped.value.returncode == 1
    assert "FAILED  Wrong." in printed
    assert "ZeroDivisionError" in printed
    assert "passed  Right." in printed


@pytest.mark.parametrize("given", [["--seed", "1"], ["--set", "dead_s=3"]])
def test_checks_choose_their_own_settings(given):
    with pytest.raises(CommandError, match="--check takes no --set and no --seed") as stopped:
        check(*given)

    assert stopped.value.returncode == 2


def test_a_source_with_an_address_becomes_a_link(monkeypatch):
    words = "Nygard, 2007; a library, for its rules\n          <https://a.example/b>; other <https://c.example/>."
    model = CIRCUIT_BREAKER.model
    monkeypatch.setattr(model, "__doc__", f"A model.\n\nModel     It works.\nSource    {words}\n")

    assert facts(CIRCUIT_BREAKER) == [
        ("Model", [Words("It works.")]),
        (
            "Source",
            [
                Words("Nygard, 2007; "),
                Words("a library, for its rules", "https://a.example/b"),
                Words("; "),
                Words("other", "https://c.example/"),
                Words("."),
            ],
        ),
    ]


def test_the_circuit_breakers_sources_are_links(client, worker):
    page = client.get(SANDBOX).content.decode()

    assert '<a href="https://github.com/danielfm/pybreaker">pybreaker</a>' in page
    assert "&lt;https" not in page


def test_all_the_checks_have_more_time_than_a_run(asked):
    for part in (Part.RESULT, Part.CHECKS):
        services.run(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse({}), part=part), wait_s=0)

    limits_s = [(kept["soft_time_limit"], kept["time_limit"]) for _, _, kept in asked]
    assert limits_s == [(10, 15), (60, 65)]


def test_checks_that_took_too_long_do_not_ask_for_a_smaller_run(client, worker, monkeypatch):
    def give_up(run):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(services, "compute", give_up)
    services.run(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse({}), part=Part.CHECKS), wait_s=30)

    assert "took longer than 60 s and were stopped" in client.get("/sandboxes/circuit-breaker/checks/").content.decode()
