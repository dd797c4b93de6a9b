"""Replaying a run in a browser: the picture, the charts' cursor and the keys move together."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import SANDBOX, drawn

PHONE = {"width": 390, "height": 844}


def opened(page: Page, address: str = SANDBOX, paused: bool = True) -> None:
    page.goto(address)
    drawn(page)
    page.get_by_role("link", name="Replay", exact=True).click()
    expect(page.locator("[data-player]")).to_be_visible()
    if paused and page.locator("[data-do=play]").inner_text() == "Pause":
        page.locator("[data-do=play]").click()


def frame(page: Page) -> int:
    return int(page.locator("[data-scrub]").input_value())


def scrub(page: Page, number: int) -> None:
    page.locator("[data-scrub]").fill(str(number))


def at_s(page: Page) -> float:
    return float(page.locator("[data-at]").inner_text().removesuffix(" s"))


def cursors_s(page: Page) -> list[float]:
    """The moments at which the charts' cursors stand, as their own axes read them."""
    found: list[float] = page.evaluate(
        """() => [...document.querySelectorAll('#run-result .plot')].map(plot => {
             const line = plot.querySelector('.cursor'), axis = plot._fullLayout.xaxis;
             if (!line || line.hidden) return null;
             return axis.p2l(line.getBoundingClientRect().left - plot.getBoundingClientRect().left - axis._offset);
           })"""
    )
    return found


def state(page: Page, part: str) -> str | None:
    return page.locator(f"[data-part={part}]").get_attribute("data-state")


def test_it_plays_by_itself_and_stops_when_asked(page):
    opened(page, paused=False)
    expect(page.locator("[data-do=play]")).to_have_text("Pause")
    page.wait_for_function("() => document.querySelector('[data-scrub]').value > 5")

    page.locator("[data-do=play]").click()
    stopped = frame(page)
    page.wait_for_timeout(400)

    assert frame(page) == stopped
    expect(page.locator("[data-do=play]")).to_have_text("Play")


def test_it_plays_to_the_end_and_from_there_again(page):
    opened(page)
    scrub(page, 590)
    page.locator("[data-speed]").select_option("8")

    page.locator("[data-do=play]").click()

    expect(page.locator("[data-say]")).to_have_text("The run ends with the breaker closed.")
    expect(page.locator("[data-do=play]")).to_have_text("Play")
    page.locator("[data-do=play]").click()
    page.wait_for_function("() => document.querySelector('[data-scrub]').value < 500")


def test_eight_times_the_speed_is_eight_times_as_fast(page):
    opened(page)
    went = {}
    for speed in ("1", "8"):
        scrub(page, 5)
        page.locator("[data-speed]").select_option(speed)
        page.locator("[data-do=play]").click()
        page.wait_for_timeout(1_000)
        page.locator("[data-do=play]").click()
        went[speed] = frame(page) - 5

    assert 5 < went["1"] < 40
    assert went["8"] > 3 * went["1"]


def test_picture_sentence_and_all_charts_show_the_same_moment(page):
    opened(page)

    page.locator("[data-do=next]").click()
    page.locator("[data-do=next]").click()

    expect(page.locator("[data-say]")).to_contain_text("The breaker opens: 50 of 100 calls failed")
    assert state(page, "is-open") == "open"
    assert state(page, "is-closed") == "off"
    assert state(page, "to-open") == "open"
    expect(page.locator("[data-part=cells] [data-state=X]")).to_have_count(50)
    assert len(cursors_s(page)) == 3
    assert cursors_s(page) == [pytest.approx(at_s(page), abs=0.15)] * 3


def test_going_back_shows_what_going_forward_showed(page):
    opened(page)
    picture = "[...document.querySelectorAll('.pictures [data-part]')].map(part => part.outerHTML).join()"
    scrub(page, 200)
    before = page.evaluate(picture)

    scrub(page, 420)
    assert page.evaluate(picture) != before
    scrub(page, 200)

    assert page.evaluate(picture) == before


def test_the_keys_step_jump_play_and_set_the_speed(page):
    opened(page)
    scrub(page, 100)
    page.locator("[data-do=play]").focus()

    for key, number in (("ArrowRight", 101), (".", 102), ("ArrowLeft", 101), (",", 100), ("End", 599), ("Home", 0)):
        page.keyboard.press(key)
        assert frame(page) == number, key
    page.keyboard.press("n")
    assert at_s(page) == 20
    page.keyboard.press("+")
    assert page.locator("[data-speed]").input_value() == "2"
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert page.locator("[data-speed]").input_value() == "0.5"
    page.locator("[data-scrub]").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-do=play]")).to_have_text("Pause")
    page.keyboard.press("Space")
    expect(page.locator("[data-do=play]")).to_have_text("Play")


def test_with_no_focus_space_and_arrows_are_heard_and_signs_are_not(page):
    opened(page)
    scrub(page, 100)
    page.evaluate("document.activeElement.blur()")

    page.keyboard.press("ArrowRight")
    page.keyboard.press(".")

    assert frame(page) == 101
    page.keyboard.press("Space")
    expect(page.locator("[data-do=play]")).to_have_text("Pause")


def test_a_knob_keeps_its_arrow_keys(page):
    opened(page)
    scrub(page, 100)
    knob = page.locator("[data-knob=failure_rate_threshold] input[type=range]")
    knob.focus()

    page.keyboard.press("ArrowRight")

    assert frame(page) == 100
    assert knob.input_value() == "51"


def test_a_step_is_announced_and_playing_is_not(page):
    opened(page)
    scrub(page, 30)
    page.locator("[data-do=on]").click()
    announced = page.locator("[data-announce]")
    expect(announced).to_have_text(re.compile(rf"^{at_s(page):.2f} s: .+\."))

    page.locator("[data-do=play]").click()
    page.wait_for_timeout(500)

    expect(announced).to_be_empty()


def test_dragging_on_a_chart_leads_to_that_moment(page):
    opened(page)
    page.locator("#run-latency").scroll_into_view_if_needed()
    box = page.locator("#run-latency .nsewdrag").first.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2

    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    assert at_s(page) == pytest.approx(20, abs=0.5)
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
    page.mouse.up()

    assert at_s(page) == pytest.approx(40, abs=0.5)
    assert page.evaluate("document.querySelector('#run-latency')._fullLayout.xaxis.range") == [0, 80]


def test_another_run_makes_the_replay_stale_without_asking_for_it(page):
    opened(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/replay/" in request.url else None)

    page.locator("[data-knob=dead_s] input[type=number]").fill("15")
    drawn(page, 2)

    expect(page.locator("[data-stale]")).to_be_visible()
    assert cursors_s(page) == [None] * 3
    assert asked == []
    page.get_by_role("button", name="Replay this run").click()
    expect(page.locator("[data-stale]")).to_be_hidden()
    expect(page.locator("[data-replay]")).to_have_attribute("data-run", re.compile("dead_s=15"))
    assert len(asked) == 1


def test_opening_a_replay_draws_no_chart_again_and_closing_it_leaves_nothing(page):
    opened(page)
    assert page.locator("#run-result").get_attribute("data-drawn") == "1"

    page.get_by_role("button", name="Close").click()

    expect(page.locator("[data-replay]")).to_have_count(0)
    assert cursors_s(page) == [None] * 3
    expect(page.get_by_role("link", name="Replay", exact=True)).to_be_focused()


def test_who_wants_less_motion_gets_no_playing_unasked_and_nothing_that_flies(new_context):
    page = new_context(reduced_motion="reduce").new_page()
    opened(page, paused=False)
    page.wait_for_timeout(300)
    assert frame(page) == 0

    page.locator("[data-do=on]").click()
    page.locator("[data-do=play]").click()
    page.wait_for_function("() => document.querySelector('[data-scrub]').value > 5")

    assert page.locator(".r-dot").count() == 0
    assert page.evaluate("document.querySelector('.replay').getAnimations({subtree: true}).length") == 0


def test_with_motion_calls_fly_along_their_ways(page):
    opened(page, paused=False)

    page.wait_for_selector(".r-dot-through", state="attached")


def test_without_scripts_the_replay_is_a_list_of_moments(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(SANDBOX)

    page.get_by_role("link", name="Replay", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("A run, step by step")
    expect(page.locator(".replay-moments tr").nth(2)).to_contain_text("The dependency dies")
    expect(page.locator("[data-player]")).to_be_hidden()


def test_a_moment_of_the_list_leads_to_its_frame(page):
    opened(page)
    page.get_by_text("What happens when").click()

    page.get_by_role("button", name="55.00 s").click()

    expect(page.locator("[data-say]")).to_contain_text("The dependency is well again.")


def test_the_replays_own_page_has_the_player_too(page):
    page.goto(f"{SANDBOX}replay/?seed=4")

    page.locator("[data-do=next]").click()

    assert at_s(page) == 20


def test_on_a_phone_picture_and_buttons_fit_the_screen_together(new_context):
    page = new_context(viewport=PHONE).new_page()
    opened(page)
    page.locator("[data-replay]").evaluate("element => element.scrollIntoView()")

    expect(page.locator(".pictures svg").first).to_be_in_viewport()
    expect(page.locator("[data-do=play]")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_an_experiment_inside_a_page_is_replayed_beside_its_own_charts(page):
    page.goto("/patterns/circuit-breaker/")
    page.locator("#try-1").get_by_role("link", name="Run it").click()
    drawn(page, scope="try-1")

    page.locator("#try-1").get_by_role("link", name="Replay", exact=True).click()

    expect(page.locator("#try-1-replay [data-player]")).to_be_visible()


def test_the_player_is_accessible_in_both_themes(new_context, axe, theme):
    page = new_context(color_scheme=theme).new_page()
    opened(page)
    page.evaluate("for (const details of document.querySelectorAll('.replay details')) details.open = true")
    scrub(page, 300)

    assert axe(page) == []


def test_a_baseline_changes_nothing_about_which_run_is_replayed(page):
    page.goto(f"{SANDBOX}?baseline=kind%3Dnone")
    drawn(page)

    page.get_by_role("link", name="Replay", exact=True).click()

    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_text("The charts below are of another run now")).to_be_hidden()
