"""A run frame by frame over HTTP: a page without scripts, a player for htmx, computed by a worker and kept."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape

import pytest

from config.management.commands import prepare
from sandboxes import addresses, services
from sandboxes.services import Part, Run
from sandboxes.simulations.catalogue import CATALOGUE
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER

RUN = "/sandboxes/circuit-breaker/"
REPLAY = f"{RUN}replay/"
SHORT = {"healthy_s": "2", "dead_s": "3", "recovered_s": "2", "arrival_rate_per_s": "40"}
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """A request waits two seconds at most, and compiling takes longer."""
    services.compute(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse(SHORT), part=Part.REPLAY))


def text(response):
    return unescape(response.content.decode())


def test_a_plain_request_gets_a_page_that_tells_every_key_moment(client, worker):
    computed = services.compute(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse(SHORT), part=Part.REPLAY))

    page = text(client.get(REPLAY, SHORT))

    moments = [frame for frame in computed["frames"] if frame.get("key")]
    assert "<html" in page
    assert len(moments) > 4
    assert all(frame["say"] in page for frame in moments)
    assert f'href="{RUN}?healthy_s=2&dead_s=3&recovered_s=2&arrival_rate_per_s=40"' in page


def test_htmx_gets_the_player_alone_with_the_frames_of_this_run(client, worker):
    response = client.get(REPLAY, {**SHORT, "seed": "5", "scope": "try-2"}, headers=HTMX)

    computed = services.compute(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse(SHORT), 5, Part.REPLAY))
    found = re.search(r'<script type="application/json">(.*?)</script>', response.content.decode(), re.DOTALL)
    assert b"<html" not in response.content
    assert found
    assert json.loads(found[1]) == json.loads(json.dumps(computed["frames"]))
    assert "HX-Request" in response["Vary"]


def test_a_replay_is_computed_once_and_apart_from_its_run(client, worker):
    client.get(REPLAY, SHORT)
    client.get(REPLAY, SHORT, headers=HTMX)
    client.get(RUN, SHORT)

    assert worker.outcomes() == ["computed", "computed"]


def test_the_run_leads_to_its_replay_with_and_without_scripts(client, worker):
    page = text(client.get(RUN, SHORT))

    link = re.search(r'<a class="btn quiet" href="([^"]+)" data-replay-open hx-get="([^"]+)"', page)
    assert link
    assert link[1] == link[2] == f"{REPLAY}?healthy_s=2&dead_s=3&recovered_s=2&arrival_rate_per_s=40"
    assert 'id="run-replay"' in page


def test_settings_that_cannot_be_run_lead_to_the_sandbox_which_says_why(client, worker):
    response = client.get(REPLAY, {"dead_s": "-3"})

    assert response.status_code == 302
    assert response["Location"] == f"{RUN}?dead_s=-3"


def test_a_simulation_without_a_replay_offers_none(client, worker, monkeypatch):
    silent = replace(CIRCUIT_BREAKER, replay=None)
    monkeypatch.setattr(addresses, "simulation_or_404", lambda slug: silent)

    assert client.get(REPLAY, SHORT).status_code == 404
    assert "data-replay-open" not in text(client.get(RUN, SHORT))
    with pytest.raises(ValueError, match="circuit-breaker has no replay"):
        services.compute(Run(silent, silent.parse(SHORT), part=Part.REPLAY))


def test_while_workers_are_busy_the_player_asks_again_and_the_page_offers_to(client, asked, monkeypatch):
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor=None: services.Waiting())

    fragment = text(client.get(REPLAY, SHORT, headers=HTMX))
    page = text(client.get(REPLAY, SHORT))

    assert 'hx-trigger="every 500ms"' in fragment
    assert 'hx-target="#run-replay"' in fragment
    assert "this replay is in their queue" in page
    assert 'hx-trigger="load' not in page


def test_a_replay_that_failed_says_so(client, monkeypatch):
    monkeypatch.setattr(services, "run", lambda wanted, wait_s, visitor=None: services.Failed("It broke.", again=False))

    assert "It broke." in text(client.get(REPLAY, SHORT))


def test_a_key_moments_number_is_its_frames_place(client, worker):
    page = text(client.get(REPLAY, SHORT))

    computed = services.compute(Run(CIRCUIT_BREAKER, CIRCUIT_BREAKER.parse(SHORT), part=Part.REPLAY))
    for number, at_s in re.findall(r'<td data-moment="(\d+)">([\d.]+) s</td>', page):
        assert f"{computed['frames'][int(number)]['at_s']:.2f}" == at_s


def test_the_kernels_of_every_simulation_are_compiled_before_anybody_asks(monkeypatch):
    computed = []
    monkeypatch.setattr(services, "compute", lambda wanted: computed.append((wanted.simulation.slug, wanted.part)))
    monkeypatch.setattr(prepare, "ProcessPoolExecutor", lambda processes, initializer: ThreadPoolExecutor(processes))

    prepare.compile_kernels()

    assert set(computed) == {(simulation.slug, part) for simulation in CATALOGUE for part in (Part.RESULT, Part.REPLAY)}
