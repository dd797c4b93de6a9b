"""Practice by history, marks and reviews in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import answer

pytestmark = pytest.mark.e2e


def test_what_matches_is_counted_as_it_is_chosen(page: Page):
    page.goto("/practice/")
    before = page.locator("#matching").inner_text()

    page.get_by_label("Which of them").select_option(label="Flagged")

    expect(page.locator("#matching")).to_contain_text("No question matches “Flagged”.")
    page.get_by_label("Which of them").select_option(label="Not met yet")
    expect(page.locator("#matching")).to_have_text(before)
    assert page.url.endswith("/practice/")


def test_a_flag_by_key_and_a_note_are_found_again_in_practice_and_review(page: Page):
    page.goto("/practice/?pattern=circuit-breaker")
    page.get_by_role("button", name="Start").click()
    answer(page, "Sure")

    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Flagged")).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Note to self").click()
    page.get_by_label("What to remember next time").fill("Probe before closing, f and all")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("status")).to_have_text("Kept.")

    page.goto("/practice/?history=flagged")
    expect(page.locator("#matching")).to_have_text("1 question matches.")
    page.goto("/progress/reviews/")
    expect(page.get_by_role("button", name="Ten minutes")).to_be_visible()
