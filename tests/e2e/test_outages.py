"""What a person sees when a part of the house is killed, stops or comes back empty: told, kept, mended by itself."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from django.conf import settings
from playwright.sync_api import expect

from sandboxes.store import client
from tests import house
from tests.e2e.steps import SANDBOX, drawn
from tests.servers import OwnRedis

# Near the bound on the size of a run: long enough to be killed in the middle of it.
LARGE = "arrival_rate_per_s=2000&healthy_s=300&dead_s=300&recovered_s=300&slow_s=70"
UNREACHABLE = "The workers cannot be reached just now. Your settings are kept"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = OwnRedis(tmp_path_factory.mktemp("own-redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def frail_house(tmp_path_factory, redis):
    """A house whose Redis the tests own: its supervisor does not watch it, so the house outlives it."""
    folder = tmp_path_factory.mktemp("frail-house")
    kernels = str(settings.DATA_DIR / "kernels")  # compiled once for all sessions of tests
    running = house.start(
        folder / "var", folder / "log", LOG_FORMAT="json", REDIS_URL=redis.url, NUMBA_CACHE_DIR=kernels
    )
    try:
        running.wait_until_ready()
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.log


@pytest.fixture(scope="module")
def base_url(frail_house):
    """Contexts of this module open the frail house; no other one is started for it."""
    return frail_house.url


@pytest.fixture
def page(new_context):
    """A page that must not be reloaded; `shows` holds it to that."""
    page = new_context(refusing=("seed=1", "seed=71", "seed=72", "scope=run")).new_page()
    page.goto(SANDBOX)
    drawn(page)
    page.evaluate("window.notReloaded = true")
    return page


def turn(page, name, value):
    page.locator(f"[data-knob={name}] input[type=number]").fill(value)


def shows(page, query):
    """The page has mended itself, without a reload, and shows the run that was asked for."""
    page.wait_for_function("query => location.search.includes(query)", arg=query, timeout=40_000)
    expect(page.locator("#run-problem")).to_be_empty(timeout=40_000)
    address = page.locator("#run-result [data-address]")
    page.wait_for_function(
        "query => document.querySelector('#run-result [data-address]')?.dataset.address.includes(query)",
        arg=query,
        timeout=40_000,
    )
    assert query in address.get_attribute("data-address")
    assert page.evaluate("window.notReloaded")
    expect(page.locator("#run-result .js-plotly-plot")).to_have_count(3)


def is_told(page, words):
    expect(page.locator("#run-problem")).to_contain_text(words)
    expect(page.locator("#run-result .js-plotly-plot")).to_have_count(3)


def pool_children(running):
    """The processes that execute interactive tasks: all of its worker's but the oldest, which is their parent."""
    return sorted(house.processes_with(running.data_dir, "--queues=interactive"))[1:]


@contextmanager
def stopped(processes):
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def ready(running):
    try:
        with urllib.request.urlopen(f"{running.url}/readyz", timeout=5) as answer:
            return bool(json.load(answer)["ready"])
    except urllib.error.HTTPError:
        return False


def test_redis_killed_and_started_again(page, frail_house, redis, axe):
    redis.kill()
    turn(page, "dead_s", "33")
    is_told(page, UNREACHABLE)
    assert axe(page) == []
    turn(page, "dead_s", "34")
    page.wait_for_timeout(3_000)
    is_told(page, UNREACHABLE)
    assert page.locator("[data-knob=dead_s] input[type=number]").input_value() == "34"

    redis.start()

    shows(page, "dead_s=34")
    house.wait_for(lambda: ready(frail_house), 40)
    assert ready(frail_house)


def test_a_page_opened_while_redis_is_gone_has_its_form_and_mends_itself(new_context, redis):
    page = new_context(refusing=("dead_s=27", "scope=run")).new_page()
    redis.kill()
    answer = page.goto(f"{SANDBOX}?dead_s=27")
    assert answer.status == 503
    expect(page.locator("#run-problem")).to_contain_text(UNREACHABLE)
    assert page.locator("[data-knob=dead_s] input[type=number]").input_value() == "27"
    page.evaluate("window.notReloaded = true")

    redis.start()

    shows(page, "dead_s=27")


def test_redis_that_stands_still_and_goes_on(page, redis):
    with stopped([redis.process.pid]):
        turn(page, "dead_s", "38")
        is_told(page, UNREACHABLE)

    shows(page, "dead_s=38")


def test_redis_that_comes_back_empty(page, redis):
    redis.kill()
    for file in (redis.folder / "redis" / "appendonlydir").iterdir():
        file.unlink()
    redis.start()
    turn(page, "dead_s", "36")
    shows(page, "dead_s=36")

    client(redis.url).flushall()
    turn(page, "dead_s", "37")

    shows(page, "dead_s=37")


def in_the_middle_of_a_run(page, redis, running, query):
    """Ask for a large run and return once a process of the pool computes it, together with those processes."""
    children = pool_children(running)
    page.evaluate(
        """query => {
          const form = document.querySelector("#run-form");
          for (const [name, value] of new URLSearchParams(query)) form.elements[name].value = value;
          form.querySelector("[name=seed]").dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        query,
    )
    store = client(redis.url)
    house.wait_for(lambda: store.keys("claim:*") and not store.llen("interactive"), 10)
    time.sleep(0.1)
    assert store.keys("claim:*"), "the run ended before it could be disturbed"
    return children


def test_a_process_killed_in_the_middle_of_a_run_is_replaced_and_the_run_comes(page, frail_house, redis):
    for process in in_the_middle_of_a_run(page, redis, frail_house, f"{LARGE}&seed=71"):
        os.kill(process, signal.SIGKILL)
    killed = time.monotonic()

    shows(page, "seed=71")

    # Well before its claim runs out: the worker noticed.
    assert time.monotonic() - killed < 15
    assert "WorkerLostError" in frail_house.log


def test_a_run_that_takes_too_long_says_so_and_how_to_make_it_smaller(page, frail_house, redis):
    children = in_the_middle_of_a_run(page, redis, frail_house, f"{LARGE}&seed=72")
    with stopped(children):
        time.sleep(11)

    expect(page.locator("#run-notice")).to_contain_text("took longer than 10 s and was stopped. Make it smaller")
    page.locator("[data-knob=arrival_rate_per_s] input[type=number]").fill("100")
    shows(page, "seed=72")


def test_an_exam_goes_on_and_ends_while_redis_is_gone(new_context, redis):
    page = new_context().new_page()
    page.goto("/exams/?pattern=circuit-breaker")
    redis.kill()
    try:
        page.get_by_role("button", name="Start the drill").click()
        for number in (1, 2):
            expect(page.locator("#question-number")).to_contain_text(f"Question {number} of")
            page.locator("label.opt").first.click()
            expect(page.locator("[data-saved]")).to_have_text("Saved")
            page.get_by_role("button", name="Next", exact=True).click()
        page.get_by_role("button", name="Review and submit").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("2 of 10 answered")
        page.get_by_role("button", name="Submit all the same").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text("% right")
    finally:
        redis.start()
