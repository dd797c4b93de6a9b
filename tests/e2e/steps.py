"""What browser tests do again and again."""

import re

from playwright.sync_api import Page, expect

SANDBOX = "/sandboxes/circuit-breaker/"
PASSWORD = "a-long-enough-phrase"


def drawn(page: Page, times: int = 1, scope: str = "run") -> None:
    """Wait until the charts have been drawn (so many times)."""
    page.wait_for_selector(f"#{scope}-result[data-drawn='{times}']")


def options_asked_for(page: Page) -> int:
    several = re.search(r"Select (TWO|THREE)", page.locator("#stem").inner_text())
    return {"TWO": 2, "THREE": 3}[several[1]] if several else 1


def answer(page: Page, certainty: str) -> None:
    """Choose as many options as are asked for, the first ones, and say how sure."""
    for place in range(options_asked_for(page)):
        page.locator("label.opt").nth(place).click()
    page.get_by_role("button", name=certainty, exact=True).click()
    expect(page.locator("#verdict")).to_be_visible()


def sign_up(page: Page, address: str) -> None:
    page.goto("/account/signup/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign up").click()
    expect(page).to_have_url(re.compile("/progress/$"))


def sign_in(page: Page, address: str, password: str) -> int:
    """The status of the answer."""
    page.goto("/account/login/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(password)
    with page.expect_response("**/account/login/") as answered:
        page.locator("main").get_by_role("button", name="Sign in").click()
    return answered.value.status
