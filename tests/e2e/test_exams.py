"""An exam in the browser: nothing lost without a connection, in two tabs, at a sign-in, or when the time runs out."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import sign_up

# What a page asks for by itself while there is no connection.
OFFLINE = ("changes/", "state/", "paper/")
PHONE = {"width": 360, "height": 740}
LOST = "Connection lost. Your answers are kept in this browser. They are sent as soon as it is back."
RESTORED = "Connection restored. Everything is saved."


@pytest.fixture
def sitting(new_context):
    """A context with a page that has begun a drill; what it cannot load without a connection is no complaint."""
    return begin(new_context(refusing=OFFLINE).new_page())


def begin(page: Page) -> Page:
    page.goto("/exams/?pattern=circuit-breaker")
    page.get_by_role("button", name="Start the drill").click()
    at(page, 1)
    return page


def begin_with_one_to_choose(page: Page) -> Page:
    """A drill whose first question takes one answer, so that a later choice takes the place of an earlier one."""
    begin(page)
    while page.locator("[data-question]").get_attribute("data-takes") != "1":
        page.get_by_role("button", name="Review and submit").click()
        page.get_by_role("button", name="Submit all the same").click()
        expect(page.locator("h1")).to_have_text(re.compile("% right"))
        begin(page)
    return page


def at(page: Page, number: int) -> None:
    expect(page).to_have_url(re.compile(rf"/{number}/$"))
    expect(page.locator("#question-number")).to_have_text(re.compile(rf"^Question {number} of 10$"))


def pick(page: Page, place: int) -> None:
    page.locator("label.opt").nth(place).click()


def picked(page: Page) -> list[int]:
    return [place for place, box in enumerate(page.locator("[name=chosen]").all()) if box.is_checked()]


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_have_text("Saved")


def answers(page: Page) -> dict[int, list[int]]:
    """Number of the question -> what the server holds, for those that have an answer."""
    state = page.request.get(f"{home(page)}state/").json()
    return {item["number"]: item["chosen"] for item in state["items"] if item["chosen"]}


def value(page: Page, place: int) -> int:
    return int(page.locator("[name=chosen]").nth(place).input_value())


def home(page: Page) -> str:
    return str(page.locator("[data-exam]").get_attribute("data-home"))


def attempt_of(page: Page) -> UUID:
    return UUID(page.url.split("/exams/")[1].split("/")[0])


def put_clock(running_house, page: Page, of_s: float, left_s: float) -> None:
    """As if the exam took `of_s` seconds in all and had `left_s` left now."""
    now = datetime.now(UTC).replace(tzinfo=None)
    moments = [now + timedelta(seconds=left_s - of_s), now + timedelta(seconds=left_s)]
    with closing(sqlite3.connect(running_house.data_dir / "halfopen.sqlite3", timeout=10)) as database, database:
        database.execute(
            "UPDATE quizzes_attempt SET started_at = ?, deadline_at = ? WHERE id = ?",
            [*(moment.isoformat(" ", "microseconds") for moment in moments), attempt_of(page).hex],
        )


# Keys and manners


def test_an_exam_is_sat_by_keys_alone(page):
    begin(page)

    page.keyboard.press("b")
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.keyboard.press("n")
    at(page, 2)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    at(page, 3)
    page.keyboard.press("p")
    at(page, 2)
    page.keyboard.press("?")
    expect(page.locator("[data-key-help]")).to_have_attribute("open", "")
    page.keyboard.press("p")
    at(page, 1)

    assert picked(page) == [1]
    assert page.get_by_label("Flag for review").is_checked()
    assert page.get_by_label("I am guessing").is_checked()
    expect(page.locator("[data-to='1']")).to_have_text("1, answered, flagged")
    expect(page.locator("[data-to='2']")).to_have_text("2, answered")
    expect(page.locator("[data-to='3']")).to_have_text("3")
    assert set(answers(page)) == {1, 2}


def test_every_page_of_an_exam_is_accessible_and_fits_a_phone(new_context, axe, theme):
    page = new_context(color_scheme=theme, viewport=PHONE, refusing=OFFLINE).new_page()

    def is_well() -> None:
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    page.goto("/exams/")
    is_well()
    begin(page)
    page.get_by_label("Flag for review").check()
    pick(page, 0)
    page.locator(".navigator summary").click()
    page.locator(".key-help summary").click()
    is_well()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-connection]")).to_have_text(LOST)
    is_well()
    page.context.set_offline(False)
    expect(page.locator("[data-saved]")).to_have_text(RESTORED)
    page.get_by_role("button", name="Review and submit").click()
    expect(page.get_by_text("9 questions have no answer.")).to_be_visible()
    is_well()
    page.get_by_role("button", name="Submit all the same").click()
    expect(page.locator("h1")).to_have_text(re.compile("% right"))
    is_well()
    page.locator(".exam-lines a").first.click()
    expect(page.locator("#verdict")).to_be_visible()
    is_well()
    page.keyboard.press("n")
    expect(page.get_by_text("You did not open this question")).to_be_visible()
    is_well()


def test_the_next_button_is_in_reach_of_a_thumb_whatever_is_in_sight(new_context):
    page = begin(new_context(viewport=PHONE).new_page())

    for place in ("0", "300"):
        page.evaluate(f"scrollTo(0, {place})")
        expect(page.get_by_role("button", name="Next", exact=True)).to_be_in_viewport()


def test_time_can_be_hidden_for_good_and_still_warns(running_house, page, axe):
    begin(page)
    page.get_by_role("button", name="Hide time").click()
    put_clock(running_house, page, of_s=40, left_s=9)

    page.reload()
    expect(page.locator("[data-clock]")).to_be_hidden()
    expect(page.locator("[data-announce]")).to_have_text("20 % of the time is left: 1 minute.")
    assert page.locator("[data-announce]").get_attribute("aria-live") == "polite"
    expect(page.locator("[data-announce]")).to_be_visible()
    assert axe(page) == []
    expect(page.locator("[data-announce]")).to_have_text("5 % of the time is left: 1 minute.", timeout=10_000)
    pick(page, 2)
    saved(page)

    expect(page.locator("h1")).to_have_text("Time is up")
    assert axe(page) == []
    page.get_by_role("button", name="Nothing is missing: show the result").click()
    expect(page.locator("h1")).to_have_text(re.compile("% right"))
    expect(page.locator(".exam-lines .outcome").first).not_to_contain_text("no answer")


def test_an_exam_is_sat_without_javascript(new_context):
    page = new_context(java_script_enabled=False).new_page()
    begin(page)

    pick(page, 1)
    page.get_by_label("Flag for review").check()
    page.get_by_role("button", name="Next", exact=True).click()
    at(page, 2)
    page.get_by_role("button", name="Previous", exact=True).click()
    at(page, 1)
    assert picked(page) == [1]
    page.locator(".exam-grid button").nth(9).click()
    at(page, 10)
    pick(page, 0)
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator("h1")).to_have_text("2 of 10 answered")
    expect(page.get_by_text("8 questions have no answer.")).to_be_visible()
    expect(page.get_by_text("You flagged 1.")).to_be_visible()
    page.get_by_role("button", name="Submit all the same").click()

    expect(page.locator("h1")).to_have_text(re.compile("% right"))


# Nothing lost


def test_answers_given_without_a_connection_arrive_when_it_is_back(sitting):
    first = value(sitting, 0)
    expect(sitting.locator("[data-to='1']")).to_be_visible()
    sitting.wait_for_load_state("networkidle")

    sitting.context.set_offline(True)
    pick(sitting, 0)
    expect(sitting.locator("[data-connection]")).to_have_text(LOST)
    sitting.keyboard.press("n")
    at(sitting, 2)
    pick(sitting, 3)
    second = value(sitting, 3)
    sitting.get_by_label("Flag for review").check()
    sitting.get_by_role("button", name="Review and submit").click()
    at(sitting, 2)
    assert answers(sitting) == {}

    sitting.context.set_offline(False)

    expect(sitting.locator("[data-saved]")).to_have_text(RESTORED)
    expect(sitting.locator("[data-connection]")).to_be_hidden()
    assert answers(sitting) == {1: [first], 2: [second]}


def test_what_waits_outlives_its_page_and_is_sent_by_the_next_one(sitting):
    first = value(sitting, 2)
    address = sitting.url
    sitting.context.set_offline(True)
    pick(sitting, 2)
    expect(sitting.locator("[data-connection]")).to_have_text(LOST)
    context = sitting.context
    sitting.close()

    context.set_offline(False)
    later = context.new_page()
    later.goto(address)

    saved(later)
    assert picked(later) == [2]
    assert answers(later) == {1: [first]}


def test_an_answer_made_before_the_deadline_counts_though_the_connection_came_back_after_it(running_house, sitting):
    put_clock(running_house, sitting, of_s=40, left_s=5)
    sitting.reload()
    sitting.wait_for_load_state("networkidle")
    sitting.context.set_offline(True)
    pick(sitting, 1)
    expect(sitting.locator("[data-connection]")).to_have_text(LOST)
    expect(sitting.locator("[data-announce]")).to_have_text("Time is up.")
    expect(sitting.locator("[name=chosen]").first).to_be_disabled()
    at(sitting, 1)

    sitting.context.set_offline(False)

    expect(sitting.locator("h1")).to_have_text("Time is up")
    sitting.get_by_role("button", name="Nothing is missing: show the result").click()
    expect(sitting.locator(".exam-lines .outcome").first).not_to_contain_text("no answer")


def test_what_comes_too_late_is_said_and_leads_to_the_result(running_house, sitting):
    sitting.context.set_offline(True)
    pick(sitting, 1)
    expect(sitting.locator("[data-connection]")).to_have_text(LOST)
    put_clock(running_house, sitting, of_s=40, left_s=-61)

    sitting.context.set_offline(False)

    expect(sitting.locator("[data-connection]")).to_contain_text("It does not count.")
    expect(sitting.locator("h1")).to_have_text("0 % right")
    expect(sitting.locator("main")).to_contain_text("The time ran out")


def test_two_tabs_are_one_exam(page):
    begin_with_one_to_choose(page)
    other = page.context.new_page()
    other.goto(page.url)
    at(other, 1)

    pick(page, 0)
    saved(page)
    expect(other.locator("[name=chosen]").first).to_be_checked()
    pick(other, 1)
    other.get_by_label("Flag for review").check()
    saved(other)

    expect(page.locator("[name=chosen]").nth(1)).to_be_checked()
    expect(page.get_by_label("Flag for review")).to_be_checked()
    assert answers(page) == {1: [value(page, 1)]}

    page.get_by_role("button", name="Review and submit").click()
    page.get_by_role("button", name="Submit all the same").click()
    expect(page.locator("h1")).to_have_text(re.compile("% right"))
    pick(other, 2)
    expect(other.locator("[data-connection]")).to_contain_text("It does not count.")
    expect(other.locator("h1")).to_have_text(re.compile("% right"))


def test_the_later_choice_of_two_devices_wins_though_the_earlier_one_arrives_last(new_context):
    page = begin_with_one_to_choose(new_context(refusing=OFFLINE).new_page())
    phone = new_context()
    phone.add_cookies([c for c in page.context.cookies() if c["name"] == "sessionid"])
    other = phone.new_page()
    other.goto(page.url)
    page.context.set_offline(True)
    pick(page, 0)
    expect(page.locator("[data-connection]")).to_have_text(LOST)
    pick(other, 2)
    saved(other)

    page.context.set_offline(False)

    expect(page.locator("[data-saved]")).to_have_text(RESTORED)
    expect(page.locator("[name=chosen]").nth(2)).to_be_checked()
    assert answers(page) == {1: [value(page, 2)]}


def test_back_and_refresh_keep_the_place_and_the_answers(page):
    begin(page)
    pick(page, 1)
    page.keyboard.press("n")
    at(page, 2)
    pick(page, 2)
    page.keyboard.press("n")
    at(page, 3)

    page.go_back()
    at(page, 2)
    assert picked(page) == [2]
    page.reload()
    at(page, 2)
    assert picked(page) == [2]
    page.go_back()
    at(page, 1)
    assert picked(page) == [1]
    page.goto("/practice/")
    page.go_back()
    at(page, 1)
    assert picked(page) == [1]


def test_signing_up_in_another_tab_in_the_middle_changes_nothing_for_the_first(new_context):
    page = begin(new_context().new_page())
    pick(page, 0)
    saved(page)

    sign_up(page.context.new_page(), f"{uuid4().hex}@example.org")
    page.keyboard.press("n")
    at(page, 2)
    pick(page, 1)
    saved(page)
    page.get_by_role("button", name="Review and submit").click()
    expect(page.locator("h1")).to_have_text("2 of 10 answered")
    page.get_by_role("button", name="Submit all the same").click()

    expect(page.locator("h1")).to_have_text(re.compile("% right"))


def test_signed_out_in_the_middle_the_page_says_who_must_sign_in_and_keeps_the_answers(new_context):
    page = begin(new_context(refusing=OFFLINE).new_page())
    page.context.clear_cookies()

    pick(page, 0)

    expect(page.locator("[data-connection]")).to_contain_text(re.compile("Your answers are kept in this browser."))
    waiting = page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('exam:')).length")
    assert waiting >= 1


def test_where_the_browser_keeps_nothing_the_page_asks_to_be_left_open(new_context):
    context = new_context(refusing=OFFLINE)
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('blocked', 'SecurityError') }})"
    )
    page = begin(context.new_page())
    context.set_offline(True)
    pick(page, 0)
    expect(page.locator("[data-connection]")).to_contain_text("Your answers are kept on this page: leave it open.")

    context.set_offline(False)

    expect(page.locator("[data-saved]")).to_have_text(RESTORED)
    assert answers(page) == {1: [value(page, 0)]}


def test_a_result_names_answers_whose_saving_was_never_confirmed(sitting):
    sitting.context.set_offline(True)
    pick(sitting, 0)
    expect(sitting.locator("[data-connection]")).to_have_text(LOST)
    result = home(sitting)
    token = sitting.locator("[data-exam]").get_attribute("data-csrf")
    context = sitting.context
    sitting.close()
    # As from another device: this browser hears of it only when it opens the result.
    done = context.request.post(f"{result}submit/", form={"csrfmiddlewaretoken": token})
    assert done.ok
    context.set_offline(False)

    page = context.new_page()
    page.goto(result)

    expect(page.locator("[data-left]")).to_contain_text("Look at question 1")
    page.reload()
    expect(page.locator("[data-left]")).to_be_hidden()
