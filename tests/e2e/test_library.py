"""The library in a browser: found while typing, mapped, explained in place, printed, marked as read."""

import re

import pytest
from playwright.sync_api import expect

TERM = "a[data-term=term-choreography]"
CARD = "#term-choreography"
PAGE = "/patterns/event-driven-architecture/"


def pages_in(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_typing_finds_at_once_and_the_address_follows(page):
    page.goto("/patterns/")
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()

    page.keyboard.type("curcuit")

    expect(page.get_by_role("status")).to_contain_text("so it was read as “circuit”")
    expect(page.locator(".card h2").first).to_have_text("Circuit breaker")
    expect(page).to_have_url(re.compile(r"/patterns/\?q=curcuit$"))
    expect(search).to_be_focused()
    expect(search).to_have_value("curcuit")


def test_a_slash_in_the_search_is_a_letter(page):
    page.goto("/patterns/")
    search = page.get_by_role("searchbox")
    search.focus()

    page.keyboard.type("pub/sub")

    expect(search).to_have_value("pub/sub")
    expect(page.locator(".card h2").first).to_have_text("Publish/subscribe")


def test_filters_work_while_typing_and_without_scripts(page, new_context):
    page.goto("/patterns/")
    page.get_by_label("Category").select_option("Coordination")
    expect(page.locator("#shelves h2")).to_have_text(["Coordination"])

    plain = new_context(java_script_enabled=False).new_page()
    plain.goto("/patterns/")
    plain.get_by_label("Exam task").select_option("3.4")
    plain.get_by_label("With a sandbox").check()
    plain.get_by_role("button", name="Find").click()
    expect(plain).to_have_url(re.compile("task=3.4&sandbox=on"))
    expect(plain.get_by_label("With a sandbox")).to_be_checked()


def test_the_map_shows_the_relations_of_a_pattern_and_leads_to_it(page):
    page.goto("/patterns/map/")
    node = page.locator("[data-node=saga]")

    node.focus()

    lit = page.locator(".map-edge.lit[data-ends]")
    assert lit.count() >= 5
    assert all("saga" in ends.split() for ends in lit.evaluate_all("paths => paths.map(path => path.dataset.ends)"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/patterns/saga/$"))


def test_a_phone_gets_the_list_instead_of_the_picture(new_context):
    page = new_context(viewport={"width": 390, "height": 800}).new_page()
    page.goto("/patterns/map/")

    expect(page.locator(".map-picture")).to_be_hidden()
    expect(page.locator(".relations").first).to_be_visible()


def test_a_term_is_explained_to_a_mouse_and_stays_while_it_is_over_the_card(page):
    page.goto(PAGE)
    page.locator(TERM).hover()
    expect(page.locator(CARD)).to_be_visible()

    page.locator(CARD).hover()
    page.wait_for_timeout(400)
    expect(page.locator(CARD)).to_be_visible()
    page.mouse.move(2, 2)
    expect(page.locator(CARD)).to_be_hidden()


def test_a_term_is_explained_to_the_keyboard_and_escape_closes_it(page):
    page.goto(PAGE)
    page.keyboard.press("Tab")
    page.locator(TERM).focus()
    expect(page.locator(CARD)).to_be_visible()
    expect(page.locator(TERM)).to_have_accessible_description(re.compile("Services react to each other"))

    page.keyboard.press("Escape")
    expect(page.locator(CARD)).to_be_hidden()
    expect(page.locator(TERM)).to_be_focused()


def test_a_tap_explains_a_term_and_another_closes_it(new_context):
    page = new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True).new_page()
    page.goto(PAGE)
    page.locator(TERM).tap()
    expect(page.locator(CARD)).to_be_visible()
    box = page.locator(CARD).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390

    page.locator(TERM).tap()
    expect(page.locator(CARD)).to_be_hidden()
    expect(page).to_have_url(re.compile(f"{PAGE}$"))


def test_a_term_is_a_link_to_the_glossary_without_scripts(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(PAGE)
    page.locator(TERM).click()

    expect(page).to_have_url(re.compile("/glossary/#choreography$"))
    expect(page.locator("#choreography")).to_be_visible()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_cheat_sheet_prints_on_one_sheet(page, paper):
    for slug in ("saga", "circuit-breaker", "consistent-hashing", "serverless", "load-balancing"):
        page.goto(f"/patterns/{slug}/cheat-sheet/")

        assert pages_in(page.pdf(format=paper)) == 1, slug


def test_marking_a_page_as_read_keeps_the_focus_and_shows_on_the_path(page):
    page.goto("/patterns/timeouts/")
    page.get_by_role("button", name="Mark as read").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Not read after all")).to_be_focused()

    page.goto("/paths/weekend/")
    expect(page.locator("main")).to_contain_text("You have read 1 of them.")
    expect(
        page.locator(".steps-of-path li", has=page.get_by_role("link", name="Timeouts and deadlines"))
    ).to_contain_text("✓ Read")


def test_marking_a_page_works_without_scripts(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/patterns/timeouts/")
    page.get_by_role("button", name="Mark as read").click()

    expect(page).to_have_url(re.compile("/patterns/timeouts/#read$"))
    expect(page.get_by_role("button", name="Not read after all")).to_be_visible()
