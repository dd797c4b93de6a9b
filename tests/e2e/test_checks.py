"""What a simulation was checked against, as somebody who scrolls down a sandbox meets it."""

import os
import signal
from contextlib import contextmanager

from playwright.sync_api import expect

from config.env import redis_socket
from sandboxes.store import client
from tests import house
from tests.e2e.steps import SANDBOX, drawn

CHECKS = f"{SANDBOX}checks/"


@contextmanager
def sweeps_stopped(running):
    """The worker for long work and its pool stand still, as if they were all busy; what it has found is forgotten."""
    processes = house.processes_with(running.data_dir, "--queues=sweeps")
    assert processes
    with client(f"unix://{redis_socket(running.data_dir)}") as store:
        for key in store.scan_iter("run:*"):
            store.delete(key)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_a_page_opened_while_the_worker_is_busy_waits_and_then_shows_the_checks(page, running_house, axe):
    with sweeps_stopped(running_house):
        page.goto(CHECKS)
        expect(page.get_by_text("A worker is carrying the checks out.")).to_be_visible()
        assert axe(page) == []

    expect(page.locator(".checked")).to_contain_text("✓ checked", timeout=60_000)


def test_the_line_appears_on_scrolling_down_and_folds_out_into_the_table(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if CHECKS in request.url else None)
    page.goto(SANDBOX)
    drawn(page)
    assert asked == []

    page.locator(".checked").scroll_into_view_if_needed()
    expect(page.locator(".check-line")).to_contain_text("9 of 9 Resilience4j vectors", timeout=60_000)
    expect(page.locator("#checks table")).to_be_hidden()
    page.locator("#checks summary").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#checks table")).to_be_visible()
    expect(page.locator("#checks").get_by_text("✗ failed")).to_have_count(0)
    assert page.locator("#checks").get_by_text("✓ passed").count() == page.locator("#checks th[scope=row]").count()


def test_the_table_stays_open_while_a_knob_is_turned(page):
    page.goto(SANDBOX)
    drawn(page)
    page.locator(".checked").scroll_into_view_if_needed()
    page.locator("#checks summary").click(timeout=60_000)

    page.locator("[data-knob=dead_s] input[type=number]").fill("31")
    drawn(page, 2)

    expect(page.locator("#checks table")).to_be_visible()


def test_without_scripts_a_link_leads_to_the_checks(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(SANDBOX)

    page.get_by_role("link", name="What this simulation was checked against").click()
    link = page.get_by_role("link", name="Look again")
    for _ in range(30):
        if not link.count():
            break
        link.click()

    expect(page.locator("#checks table")).to_be_visible()
    expect(page.get_by_text("pybreaker vectors", exact=True)).to_be_visible()
