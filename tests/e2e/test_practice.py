"""Practice by keyboard alone, with feedback in place; and the same without JavaScript."""

import re

from playwright.sync_api import expect

from tests.e2e.steps import answer, options_asked_for


def begin(page):
    page.goto("/practice/?pattern=circuit-breaker")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/1/$"))


def choose_as_many_as_asked(page):
    for key in ["a", "2", "c"][: options_asked_for(page)]:
        page.keyboard.press(key)


def test_a_question_is_answered_and_left_by_keys_alone(page, axe):
    begin(page)
    assert axe(page) == []

    choose_as_many_as_asked(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="How sure are you?")).to_be_focused()
    # Nobody is taken to be guessing because they pressed Enter once more.
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_have_count(0)
    page.keyboard.press("u")

    expect(page.locator("#verdict")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/1/$"))
    assert axe(page) == []
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(r"/2/$"))


def test_single_keys_can_be_switched_off_for_good(page):
    begin(page)
    page.locator(".key-help summary").click()
    page.get_by_label("Single keys are on").uncheck()

    page.reload()
    page.keyboard.press("a")

    expect(page.locator("#question :checked")).to_have_count(0)


def test_keys_work_and_can_be_switched_off_where_the_browser_keeps_nothing(new_context):
    context = new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('blocked', 'SecurityError') }})"
    )
    page = context.new_page()
    begin(page)

    page.keyboard.press("a")
    expect(page.locator("#question :checked")).to_have_count(1)
    page.locator(".key-help summary").click()
    page.get_by_label("Single keys are on").uncheck()
    page.keyboard.press("u")

    expect(page.get_by_label("Single keys are on")).not_to_be_checked()
    expect(page.locator("#verdict")).to_have_count(0)


def test_a_question_is_answered_without_javascript(new_context):
    page = new_context(java_script_enabled=False).new_page()
    begin(page)

    answer(page, "Sure")

    expect(page).to_have_url(re.compile(r"/1/#verdict$"))
    expect(page.locator(".why").first).to_be_visible()
