"""What a person sees when too many runs wait or one visitor asks too much; and that a dragged slider is never that."""

import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from config import env
from sandboxes.queues import MOST_QUEUED_PER_PROCESS
from sandboxes.store import client
from tests import house
from tests.e2e.steps import SANDBOX, drawn
from tests.e2e.test_waiting import workers_stopped

MOST_QUEUED = 2 * MOST_QUEUED_PER_PROCESS
# How long the default run may stay in the queue once nobody turns any more.
EMPTY_WITHIN_S = 1.0


@pytest.fixture
def store(running_house):
    connection = client(f"unix://{env.redis_socket(running_house.data_dir)}")
    yield connection
    connection.close()


def statuses(url, seeds, **headers):
    """The answers to a script that asks for the runs of so many seeds, several at once and never twice the same."""

    def status(seed):
        asked = urllib.request.Request(f"{url}{SANDBOX}?seed={seed}&poll=1", headers={"HX-Request": "true", **headers})
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code if int(error.headers["Retry-After"]) >= 1 else 0

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(status, seeds))


def turn(page, name, value):
    page.locator(f"[data-knob={name}] input[type=number]").fill(value)


def test_a_full_queue_is_told_beside_the_last_result_and_the_page_tries_again(new_context, running_house, store, axe):
    page = new_context(refusing=("seed=1", "scope=run", "dead_s=29")).new_page()
    page.goto(SANDBOX)
    drawn(page)
    with workers_stopped(running_house):
        answers = statuses(running_house.url, range(500_000, 500_000 + MOST_QUEUED + 30))
        assert 503 in answers
        assert MOST_QUEUED <= store.llen("interactive") < MOST_QUEUED + 16  # those that looked at the same moment
        turn(page, "dead_s", "28")
        expect(page.locator("#run-problem")).to_contain_text("Too many runs are waiting")
        expect(page.locator("#run-result .js-plotly-plot")).to_have_count(3)
        assert page.url.endswith("?dead_s=28")
        assert axe(page) == []
        opened = page.context.new_page()
        assert opened.goto(f"{SANDBOX}?dead_s=29").status == 503
        assert opened.locator("[data-knob=dead_s] input[type=number]").input_value() == "29"

    for tab, query in ((page, "dead_s=28"), (opened, "dead_s=29")):
        expect(tab.locator("#run-problem")).to_be_empty(timeout=30_000)
        expect(tab.locator("#run-result .js-plotly-plot")).to_have_count(3, timeout=30_000)
        assert query in tab.locator("#run-result [data-address]").get_attribute("data-address")


def test_a_script_with_a_learners_session_is_refused_and_the_learner_told_until_there_are_tokens(
    new_context, running_house
):
    page = new_context(refusing=("seed=1", "scope=run")).new_page()
    page.goto("/practice/")
    page.locator("main").get_by_role("button", name="Start").click()
    expect(page.locator("#stem")).to_be_visible()
    session = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "sessionid")
    page.goto(SANDBOX)
    drawn(page)

    answers = []
    hammering = threading.Event()

    def hammer():
        seed = 600_000
        while not hammering.is_set() and seed < 603_000:
            answers.extend(statuses(running_house.url, range(seed, seed + 64), Cookie=f"sessionid={session}"))
            seed += 64

    script = threading.Thread(target=hammer)
    script.start()
    house.wait_for(lambda: 429 in answers, 60)
    assert 429 in answers
    for seconds in range(20, 34):
        turn(page, "dead_s", str(seconds))
        page.wait_for_timeout(250)
        if page.locator("#run-problem").inner_text():
            break
    expect(page.locator("#run-problem")).to_contain_text("You have asked for many runs in a short time")
    expect(page.locator("#run-result .js-plotly-plot")).to_have_count(3)
    hammering.set()
    script.join()

    expect(page.locator("#run-problem")).to_be_empty(timeout=30_000)
    shown = page.locator("#run-result [data-address]").get_attribute("data-address")
    assert f"dead_s={page.locator('[data-knob=dead_s] input[type=number]').input_value()}" in shown


def test_ten_settings_a_second_leave_the_queue_empty_within_a_second_of_stopping(page, store):
    answers = []
    page.on("response", lambda response: answers.append(response.status) if SANDBOX in response.url else None)
    page.goto(SANDBOX)
    drawn(page)
    slider = page.locator("[data-knob=arrival_rate_per_s] input[type=range]")
    slider.focus()
    for _ in range(50):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)

    page.wait_for_timeout(EMPTY_WITHIN_S * 1_000)

    assert store.llen("interactive") == 0
    last = f"arrival_rate_per_s={slider.input_value()}"
    page.wait_for_function(
        "last => document.querySelector('#run-result [data-address]').dataset.address.includes(last)", arg=last
    )
    assert last in page.url
    assert set(answers) == {200}
    assert len(answers) > 5
    expect(page.locator("#run-problem")).to_be_empty()
