"""Keeping experiments in a real browser: saved beside their run, found again, changed, deleted."""

import re
from uuid import uuid4

from playwright.sync_api import expect

from tests.e2e.steps import SANDBOX, drawn, sign_up
from tests.e2e.test_waiting import workers_stopped

NOTEBOOK = "/sandboxes/experiments/"


def open_slip(page):
    page.get_by_text("Save this experiment").click()
    return page.locator(".save form")


def save(page, address=f"{SANDBOX}?dead_s=12", title="", note=""):
    page.goto(address)
    drawn(page)
    slip = open_slip(page)
    if title:
        slip.get_by_label("Title").fill(title)
    slip.get_by_label("Note").fill(note)
    slip.get_by_role("button", name="Save").click()
    expect(page.locator(".saved")).to_contain_text("Saved as")


def headline(page):
    return page.locator("#run-result .figures").first.inner_text()


def turn(page, name, value):
    page.locator(f"[data-knob={name}] input[type=number]").fill(value)


def test_a_guest_saves_reopens_edits_and_deletes_an_experiment(page):
    save(page, note="Shorter than the timeout allows for.")
    numbers = headline(page)
    expect(page.locator(".saved")).to_be_focused()

    page.get_by_role("link", name="See your experiments").click()
    entry = page.get_by_role("article", name="Then dead for 12 s")
    expect(entry).to_contain_text("Shorter than the timeout allows for.")
    entry.get_by_role("link", name="Open").click()
    drawn(page)
    assert page.url.endswith("?dead_s=12")
    assert headline(page) == numbers

    page.goto(NOTEBOOK)
    entry.locator("summary", has_text="Edit").click()
    entry.get_by_label("Title").fill("A short death")
    entry.get_by_role("button", name="Save").click()
    entry = page.get_by_role("article", name="A short death")
    expect(entry.get_by_role("status")).to_have_text("Your changes are saved.")

    entry.locator("summary", has_text="Delete").click()
    entry.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("“A short death” is deleted.")).to_be_focused()
    page.reload()
    expect(page.get_by_text("An empty notebook.")).to_be_visible()


def test_what_is_being_typed_outlives_redraws_and_the_run_on_show_is_saved(page):
    page.goto(SANDBOX)
    drawn(page)
    slip = open_slip(page)
    slip.get_by_label("Title").fill("My own title")
    slip.get_by_label("Note").fill("Half a thou")

    turn(page, "dead_s", "12")
    drawn(page, 2)
    slip.get_by_label("Note").press_sequentially("X")
    turn(page, "wait_duration_in_open_state_s", "30")
    drawn(page, 3)

    expect(slip.get_by_label("Title")).to_have_value("My own title")
    expect(slip.get_by_label("Note")).to_have_value(re.compile("X"))
    slip.get_by_role("button", name="Save").click()
    expect(page.locator(".saved")).to_contain_text("My own title")
    page.get_by_role("link", name="See your experiments").click()
    page.get_by_role("article", name="My own title").get_by_role("link", name="Open").click()
    assert "dead_s=12" in page.url
    assert "wait_duration_in_open_state_s=30" in page.url


def test_a_redraw_takes_neither_focus_nor_place_from_who_is_writing(page):
    page.goto(SANDBOX)
    drawn(page)
    slip = open_slip(page)
    note = slip.get_by_label("Note")
    note.press_sequentially("one three")
    note.press("Control+ArrowLeft")

    page.evaluate(
        "document.querySelector('form[data-knobs]').dispatchEvent(new CustomEvent('turned', {bubbles: true}))"
    )
    drawn(page, 2)
    page.keyboard.type("two ")

    expect(note).to_be_focused()
    expect(note).to_have_value("one two three")


def test_a_title_nobody_has_touched_follows_the_run_and_saving_is_offered_again(page):
    save(page)

    turn(page, "dead_s", "15")
    drawn(page, 2)

    expect(page.locator(".saved")).to_have_count(0)
    expect(open_slip(page).get_by_label("Title")).to_have_value("Then dead for 15 s")
    turn(page, "dead_s", "16")
    drawn(page, 3)
    expect(page.locator(".save form").get_by_label("Title")).to_have_value("Then dead for 16 s")


def test_what_is_being_typed_outlives_busy_workers(page, running_house):
    page.goto(f"{SANDBOX}?seed={uuid4().int % 2**32}")
    drawn(page)
    slip = open_slip(page)
    slip.get_by_label("Note").fill("Still here")

    with workers_stopped(running_house):
        turn(page, "dead_s", "12")
        expect(page.get_by_text("your run is in their queue")).to_be_visible()
        expect(slip.get_by_label("Note")).to_have_value("Still here")
    drawn(page, 2)

    expect(slip.get_by_label("Note")).to_have_value("Still here")


def test_a_title_too_long_is_told_in_place_and_escape_folds_the_slip_away(new_context):
    page = new_context(refusing=("scope=run",)).new_page()
    page.goto(SANDBOX)
    drawn(page)
    slip = open_slip(page)
    slip.get_by_label("Title").fill("t" * 121)
    slip.get_by_label("Note").fill("A thought")
    slip.get_by_role("button", name="Save").click()

    expect(slip.get_by_role("alert")).to_contain_text("The title has 121 characters; use at most 120.")
    expect(slip.get_by_label("Note")).to_have_value("A thought")
    slip.get_by_label("Note").press("Escape")
    expect(slip).to_be_hidden()
    expect(page.locator(".save summary")).to_be_focused()


def test_a_save_that_gets_no_answer_is_told_and_nothing_typed_is_lost(new_context):
    page = new_context(refusing=("scope=run",)).new_page()
    page.goto(SANDBOX)
    drawn(page)
    slip = open_slip(page)
    slip.get_by_label("Note").fill("A thought")
    page.context.clear_cookies()  # so the form is out of date: 403

    slip.get_by_role("button", name="Save").click()

    expect(page.locator("#trouble")).to_contain_text("That was not saved.")
    expect(slip.get_by_label("Note")).to_have_value("A thought")


def test_two_tabs_that_change_one_experiment_lose_nothing(new_context):
    context = new_context(refusing=("/",))
    page, older = context.new_page(), context.new_page()
    save(page, title="Shared")
    for tab in (page, older):
        tab.goto(NOTEBOOK)
        tab.locator("summary", has_text="Edit").click()
    page.get_by_label("Note").fill("From the newer tab")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()

    older.get_by_label("Note").fill("From the older tab")
    older.get_by_role("button", name="Save").click()

    expect(older.get_by_role("alert")).to_contain_text("Another tab has changed this experiment")
    expect(older.locator(".entry-note")).to_contain_text("From the newer tab")
    expect(older.get_by_label("Note")).to_have_value("From the older tab")
    older.get_by_role("button", name="Save").click()
    expect(older.locator(".entry-note")).to_contain_text("From the older tab")


def test_signing_up_keeps_the_experiments(page):
    save(page, title="Before I signed up")

    sign_up(page, f"{uuid4().hex}@example.org")
    page.goto(NOTEBOOK)

    expect(page.get_by_role("article", name="Before I signed up")).to_be_visible()


def test_experiments_work_without_scripts(new_context):
    page = new_context(refusing=(NOTEBOOK, "scope=run"), java_script_enabled=False).new_page()
    page.goto(f"{SANDBOX}?dead_s=12")
    slip = open_slip(page)
    slip.get_by_label("Title").fill("t" * 121)
    slip.get_by_label("Note").fill("By hand")
    slip.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not saved yet")
    expect(page.get_by_label("Note")).to_have_value("By hand")
    page.get_by_label("Title").fill("By hand")
    page.get_by_role("button", name="Save").click()

    entry = page.get_by_role("article", name="By hand")
    entry.locator("summary", has_text="Edit").click()
    entry.get_by_label("Note").fill("Changed by hand")
    entry.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    expect(page.locator(".entry-note")).to_have_text("Changed by hand")
    entry.get_by_role("link", name="Open").click()
    assert page.url.endswith("?dead_s=12")

    page.goto(NOTEBOOK)
    entry.locator("summary", has_text="Delete").click()
    entry.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("“By hand” is deleted.")).to_be_visible()


def test_on_a_phone_the_slip_and_the_notebook_fit(new_context):
    page = new_context(viewport={"width": 390, "height": 844}).new_page()
    save(page, title="A title of some length, so that it has to break into lines", note="w" * 200)
    page.goto(NOTEBOOK)
    page.locator("summary", has_text="Edit").click()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(SANDBOX)
    drawn(page)
    box = open_slip(page).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_an_experiment_on_a_patterns_page_can_be_saved_there(page):
    page.goto("/patterns/circuit-breaker/")
    page.locator("#try-1").get_by_role("link", name="Run it").click()
    drawn(page, scope="try-1")

    page.locator("#try-1").get_by_text("Save this experiment").click()
    page.locator("#try-1").get_by_role("button", name="Save", exact=True).click()

    expect(page.locator("#try-1-saved")).to_contain_text("Saved as")
    assert page.url.endswith("/patterns/circuit-breaker/")
