"""A newcomer's way through the house, in a real browser, with real workers."""

import json
import re

from playwright.sync_api import TimeoutError, expect

from tests.e2e import walk
from tests.e2e.steps import SANDBOX, answer, drawn, sign_up


def headline(page):
    return page.locator("#run-result .figures").first.inner_text()


def sideways_on_a_phone(page):
    """A line if the page does not fit into 360 pixels, once its charts have had time to."""
    wide = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 740})
    try:
        page.wait_for_function("() => document.documentElement.scrollWidth <= 360", timeout=2_000)
    except TimeoutError:
        return [f"is {page.evaluate('document.documentElement.scrollWidth')} pixels wide on a phone of 360"]
    finally:
        page.set_viewport_size(wide)
    return []


def test_a_newcomer_reads_predicts_runs_practises_and_signs_up(page):
    page.goto("/")
    page.get_by_role("link", name="Start with the circuit breaker").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Circuit breaker")

    page.locator("#try-1-guess").fill("about an hour")
    page.locator("#try-1").get_by_role("link", name="Run it").click()
    drawn(page, scope="try-1")
    expect(page.locator("#try-1-result .figures").first).to_contain_text("Caller time wasted")
    expect(page.locator("#try-1-guess")).to_have_value("about an hour")

    page.goto("/practice/?pattern=circuit-breaker")
    page.get_by_role("button", name="Start").click()
    answer(page, "Guessing")
    expect(page.locator(".opt .why")).to_have_count(page.locator(".opt").count())
    page.get_by_role("link", name="Next question").click()
    answer(page, "Sure")

    sign_up(page, "newcomer@example.org")
    page.goto("/account/")
    expect(page.locator("main")).to_contain_text("newcomer@example.org")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    kept = json.loads(download.value.path().read_text())
    assert [len(session["answers"]) for session in kept["quizzes"]["sessions"]] == [2]


def test_turning_a_knob_by_keyboard_redraws_in_place(page):
    page.goto(SANDBOX)
    drawn(page)
    page.evaluate("document.querySelector('#run-outcomes, .plot').dataset.same = 'yes'")
    before = headline(page)

    knob = page.locator("[data-knob=arrival_rate_per_s] input[type=range]")
    knob.focus()
    page.keyboard.press("End")
    drawn(page, 2)

    assert headline(page) != before
    assert page.locator(".plot").first.get_attribute("data-same") == "yes"
    assert "arrival_rate_per_s=" in page.url
    expect(knob).to_be_focused()


def test_the_address_reopens_the_same_run(page):
    page.goto(f"{SANDBOX}?dead_s=12&seed=9")
    drawn(page)
    first = headline(page)

    page.reload()
    drawn(page)

    assert headline(page) == first
    expect(page.locator("[data-knob=dead_s] input[type=number]")).to_have_value("12")


def test_a_value_out_of_bounds_is_named_and_the_last_charts_stay(page):
    page.goto(SANDBOX)
    drawn(page)

    page.locator("[data-knob=failure_rate_threshold] input[type=number]").fill("120")

    expect(page.locator("[data-knob=failure_rate_threshold] .error")).to_contain_text("120; use 1 to 100")
    assert page.locator(".js-plotly-plot").count() == 3


def test_knobs_without_effect_are_hidden(page):
    page.goto(SANDBOX)
    drawn(page)

    page.locator("[data-knob=kind] select").select_option("none")
    drawn(page, 2)

    expect(page.locator("[data-knob=failure_rate_threshold]")).to_be_hidden()
    expect(page.locator("[data-knob=arrival_rate_per_s]")).to_be_visible()


def test_the_sandbox_works_without_scripts(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(SANDBOX)

    page.locator("[data-knob=dead_s] input[type=number]").fill("12")
    page.get_by_role("button", name="Run", exact=True).click()

    assert "dead_s=12" in page.url
    expect(page.locator("#run-result .figures").first).to_contain_text("%")
    expect(page.locator("#run-result table").first).to_be_attached()


def test_practice_works_without_scripts(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/practice/")

    page.get_by_role("button", name="Start").click()
    answer(page, "Unsure")

    expect(page.locator(".opt .why").first).to_be_visible()


def test_a_theme_once_chosen_is_kept_and_the_charts_follow(page):
    page.goto(SANDBOX)
    drawn(page)

    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Theme").click()
    page.reload()
    drawn(page)

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    colours = page.evaluate("[...document.querySelectorAll('.plot')].map(p => JSON.stringify(p.data)).join('')")
    assert "#3ecfb8" in colours
    assert "#0f7b6c" not in colours


def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(new_context, running_house, axe, theme):
    page = new_context(walk.REFUSING, color_scheme=theme).new_page()

    complaints = {state: axe(page) + sideways_on_a_phone(page) for state in walk.every_state(page, running_house)}

    assert {state: found for state, found in complaints.items() if found} == {}


def test_a_sandbox_leads_to_its_pattern_and_its_questions(page):
    page.goto(SANDBOX)
    page.get_by_role("link", name="Read the pattern").click()
    expect(page).to_have_url(re.compile("/patterns/circuit-breaker/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Circuit breaker")

    page.goto(SANDBOX)
    page.get_by_role("link", name="Practise questions on it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Practice")
    expect(page.get_by_label("Questions on")).to_have_value("circuit-breaker")


def test_the_skip_link_leads_to_the_content(page):
    page.goto("/patterns/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()
