"""What a person sees when the workers are busy, and that it mends itself."""

import os
import signal
from contextlib import contextmanager

from playwright.sync_api import expect

from tests import house

SANDBOX = "/sandboxes/circuit-breaker/"


@contextmanager
def workers_stopped(running):
    """The interactive worker and its pool stand still, as if they were all busy."""
    processes = [
        process for process, words in house.processes_of(running.data_dir).items() if "--queues=interactive" in words
    ]
    assert processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def polls(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "poll=1" in request.url else None)
    return asked


def test_a_page_opened_while_the_workers_are_busy_asks_again_until_the_charts_come(page, running_house, axe):
    asked = polls(page)
    with workers_stopped(running_house):
        page.goto(f"{SANDBOX}?seed=81")
        expect(page.get_by_text("your run is in their queue")).to_be_visible()
        assert axe(page) == []
        house.wait_for(lambda: page.wait_for_timeout(100) or len(asked) >= 3, 15)
    assert len(asked) >= 3

    expect(page.locator("#run-result .js-plotly-plot")).to_have_count(3, timeout=30_000)


def test_a_knob_turned_while_waiting_ends_with_the_run_that_was_asked_for_last(page, running_house):
    page.goto(f"{SANDBOX}?seed=82")
    page.wait_for_selector("#run-result[data-drawn='1']")
    asked = polls(page)
    with workers_stopped(running_house):
        for seconds in ("31", "32"):
            page.locator("[data-knob=dead_s] input[type=number]").fill(seconds)
            expect(page.get_by_text("your run is in their queue")).to_be_visible()
            page.wait_for_timeout(2_500)
    assert asked

    expect(page.locator("#run-result .js-plotly-plot")).to_have_count(3, timeout=30_000)
    assert "dead_s=32" in page.url


def test_an_experiment_started_while_the_workers_are_busy_comes_too(page, running_house):
    page.goto("/patterns/circuit-breaker/")
    with workers_stopped(running_house):
        page.locator("#try-3").get_by_role("link", name="Run it").click()
        expect(page.locator("#try-3").get_by_text("your run is in their queue")).to_be_visible()
        page.wait_for_timeout(1_500)

    expect(page.locator("#try-3-result[data-drawn='1'] .js-plotly-plot").first).to_be_visible(timeout=30_000)
    assert page.locator("#try-3-result").count() == 1
