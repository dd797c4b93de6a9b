"""A walk past every page in every state a person may see it in, for tests of what must hold everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.sync_api import Page, expect

from patterns.catalogue import TITLES
from sandboxes.simulations.catalogue import CATALOGUE
from tests import house
from tests.e2e.steps import SANDBOX, answer, drawn, sign_in, sign_up
from tests.e2e.test_waiting import workers_stopped

# Addresses that answer with a 4xx status on this walk.
REFUSING = ("scope=run", "threshold=120", "/no-such-page/", "/account/login/", "/1/", "/report/")
PAGES = house.ROOT / "patterns" / "content"
NONCE = "for-an-accident"
# A page each for what there are more and more of.
FOR_STRANGERS = {
    **{f"/patterns/{slug}/": title for slug, title in TITLES.items() if (PAGES / f"{slug}.md").exists()},
    **{f"/sandboxes/{simulation.slug}/": simulation.title for simulation in CATALOGUE},
    "/": "Know what a system will do before it does it.",
    "/patterns/": "Patterns",
    "/patterns/?q=curcuit": "Patterns",
    "/patterns/?category=Coordination&task=1.1": "Patterns",
    "/patterns/map/": "How the patterns relate",
    "/patterns/services/": "AWS services",
    "/patterns/saga/cheat-sheet/": "Saga",
    "/glossary/": "Glossary",
    "/paths/": "Learning paths",
    "/paths/weekend/": "Task 2.2 in a weekend",
    "/sandboxes/": "Sandboxes",
    f"{SANDBOX}checks/": "Checked against",
    f"{SANDBOX}?failure_rate_threshold=120": "Circuit breaker",
    "/sandboxes/experiments/": "Your experiments",
    f"{SANDBOX}replay/": "A run, step by step",
    "/practice/": "Practice",
    "/practice/about/circuit-breaker/": "Questions on Circuit breaker",
    "/exams/": "Exams",
    "/progress/": "Progress",
    "/progress/mastery/": "Mastery",
    "/progress/reviews/": "Reviews",
    "/progress/reviews/settings/": "How you study",
    "/account/": "You are new here",
    "/account/login/": "Sign in",
    "/account/signup/": "Sign up",
    "/account/inactive/": "This account is switched off",
    "/account/confirm-email/": "Look at your mail",
    "/account/confirm-email/not-a-key/": "This link does not work any more",
    "/account/password/reset/": "Reset your password",
    "/account/password/reset/done/": "Look at your mail",
    "/account/password/reset/key/1-not-a-key/": "This link does not work any more",
    "/account/password/reset/key/done/": "Your new password is set",
    "/no-such-page/": "Nothing answers here",
}
FOR_GUESTS = {"/account/": "You are a guest", "/account/delete/": "Forget everything?"}
FOR_ACCOUNTS = {
    "/account/": "Your account",
    "/account/delete/": "Delete your account?",
    "/account/password/change/": "Change your password",
    "/account/reauthenticate/": "Your password, please",
    "/account/logout/": "Sign out?",
}


def every_state(page: Page, running: house.House) -> Iterator[str]:
    """Brings the page into one state after another, beginning as a stranger; yields what it shows."""
    yield from _addresses(page, FOR_STRANGERS)
    yield from _opened(page)
    yield from _library(page)
    yield from _while_workers_are_busy(page, running)
    yield from _practice(page)
    yield from _exam(page)
    yield from _experiments(page)
    yield from _addresses(page, FOR_GUESTS)
    yield from _account(page, running)
    yield from _refusals(page)
    yield from _pages_that_need_an_accident(page)


def _addresses(page: Page, headings: dict[str, str]) -> Iterator[str]:
    for address, heading in headings.items():
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        if page.locator("[data-chart]").count():
            drawn(page)
        yield address


def _opened(page: Page) -> Iterator[str]:
    """A sandbox with its tables, and a pattern's page with an experiment running and everything folded out."""
    page.goto(SANDBOX)
    drawn(page)
    page.locator(".checked").scroll_into_view_if_needed()
    expect(page.locator(".checked")).to_contain_text("✓ checked", timeout=60_000)
    _fold_out(page)
    yield "sandbox, folded out"
    page.goto(f"{SANDBOX}?baseline=kind%3Dnone")
    drawn(page)
    _fold_out(page)
    yield "sandbox, over a baseline"
    page.get_by_role("link", name="Replay", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    _fold_out(page)
    yield "sandbox, with its replay"
    page.goto("/patterns/circuit-breaker/")
    page.locator("#try-1").get_by_role("link", name="Run it").click()
    drawn(page, scope="try-1")
    _fold_out(page)
    yield "experiment, folded out"


def _library(page: Page) -> Iterator[str]:
    """Pages read and practised, a term explained, a pattern pointed at on the map."""
    page.goto("/patterns/event-driven-architecture/")
    page.locator("[data-term]").first.hover()
    expect(page.locator(".term-card:popover-open")).to_be_visible()
    yield "page, a term explained"
    page.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_text("✓ Read on")).to_be_visible()
    yield "page, read"
    page.get_by_role("button", name="Not read after all").click()
    expect(page.get_by_text("Not marked as read any more.")).to_be_visible()
    yield "page, not read after all"
    page.goto("/patterns/timeouts/")
    page.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_text("✓ Read on")).to_be_visible()
    for address in ("/patterns/", "/paths/", "/paths/weekend/"):
        page.goto(address)
        expect(page.locator(".read-mark").first).to_be_visible()
        yield f"{address}, with a page read"
    page.goto("/patterns/map/")
    page.locator("[data-node=saga]").focus()
    yield "map, a pattern in focus"


def _fold_out(page: Page) -> None:
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")


def _while_workers_are_busy(page: Page, running: house.House) -> Iterator[str]:
    with workers_stopped(running):
        page.goto(f"{SANDBOX}?seed={uuid4().int % 2**32}")
        expect(page.get_by_text("your run is in their queue")).to_be_visible()
        yield "sandbox, waiting"


def _practice(page: Page) -> Iterator[str]:
    page.goto("/practice/")
    page.get_by_label("5, a short break").check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#stem")).to_be_visible()
    yield "question"
    page.get_by_role("button", name="Sure", exact=True).click()
    expect(page.locator("#answer-error")).to_be_visible()
    yield "question, nothing chosen"
    answer(page, "Sure")
    yield "question, answered"
    _fold_out(page)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#report-problem")).to_be_visible()
    yield "question, a report without a kind"
    page.locator(".crumbs a").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 5 answered")
    yield "session, half-way"
    page.goto("/practice/")
    expect(page.get_by_role("link", name="Carry on there")).to_be_visible()
    yield "practice, with a session to finish"
    page.get_by_role("link", name="Carry on there").click()
    for _ in range(3):
        answer(page, "Guessing")
        page.get_by_role("link", name="Next question").click()
    answer(page, "Unsure")
    page.get_by_role("link", name="See how it went").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("of 5 right"))
    yield "session, finished"
    page.goto("/progress/")
    expect(page.locator(".evidence li").first).to_be_visible()
    yield "progress, with answers"
    for address in ("/progress/mastery/", "/progress/reviews/"):
        page.goto(address)
        _fold_out(page)
        yield f"{address}, with answers"
    page.goto("/practice/?history=flagged")
    expect(page.locator("#matching")).to_contain_text("No question matches")
    _fold_out(page)
    yield "practice, nothing matches"


def _exam(page: Page) -> Iterator[str]:
    page.goto("/exams/")
    page.get_by_role("button", name="Start the drill").click()
    expect(page.locator("#stem")).to_be_visible()
    yield "exam, first question"
    page.locator("label.opt").first.click()
    for name in ("Flag for review", "I am guessing"):
        page.get_by_label(name).check()
    yield "exam, answered and flagged"
    _fold_out(page)
    page.get_by_role("button", name="Review and submit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("1 of .* answered"))
    yield "exam, review"
    page.goto("/exams/")
    expect(page.get_by_role("link", name="Carry on")).to_be_visible()
    yield "exams, one running"
    page.go_back()
    page.get_by_role("button", name="Submit all the same").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("% right"))
    _fold_out(page)
    yield "exam, result"
    for line in (0, 1):
        page.locator(".exam-lines a").nth(line).click()
        expect(page.locator(".stem")).to_be_visible()
        yield "exam, a question reviewed" if line == 0 else "exam, a question never opened"
        page.get_by_role("link", name="All results").click()


def _experiments(page: Page) -> Iterator[str]:
    page.goto(f"{SANDBOX}?dead_s=12")
    drawn(page)
    page.get_by_text("Save this experiment").click()
    slip = page.locator(".save form")
    yield "sandbox, about to save"
    title = slip.get_by_label("Title").input_value()
    slip.get_by_label("Title").fill("")
    slip.get_by_role("button", name="Save").click()
    expect(slip.get_by_role("alert")).to_contain_text("Give this experiment a title.")
    yield "sandbox, not saved"
    slip.get_by_label("Title").fill(title)
    slip.get_by_label("Note").fill("What did I expect?")
    slip.get_by_role("button", name="Save").click()
    expect(page.locator(".saved")).to_be_visible()
    yield "sandbox, saved"
    page.goto("/sandboxes/experiments/")
    expect(page.get_by_role("article")).to_have_count(1)
    yield "notebook"
    page.locator("summary", has_text="Edit").click()
    yield "notebook, editing"
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    yield "notebook, changed"
    page.locator("summary", has_text="Delete").click()
    yield "notebook, about to delete"


def _account(page: Page, running: house.House) -> Iterator[str]:
    page.goto("/account/signup/")
    page.locator("main").get_by_role("button", name="Sign up").click()
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Please fill this in.")
    yield "sign-up, empty"
    address = f"{uuid4().hex}@example.org"
    sign_up(page, address)
    yield "signed up, with messages"
    yield from _addresses(page, FOR_ACCOUNTS)
    page.goto(_link_in_mail(running, address, "/account/confirm-email/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this your address?")
    yield "confirm the address"
    page.goto("/account/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.goto("/account/password/reset/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name="Send the link").click()
    page.goto(_link_in_mail(running, address, "/account/password/reset/key/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Set a new password")
    yield "set a new password"


def _link_in_mail(running: house.House, address: str, path: str) -> str:
    """The first link below `path` mailed to an address. The house prints its mails where it logs."""
    mail = re.compile(rf"^To: {re.escape(address)}$.*?http://[^/\s]+({path}\S+)", re.MULTILINE | re.DOTALL)
    house.wait_for(lambda: mail.search(running.log), 10)
    found = mail.search(running.log)
    assert found, f"no mail with {path} to {address}"
    return found[1]


def _refusals(page: Page) -> Iterator[str]:
    statuses = (sign_in(page, "guessed-at@example.org", "not the password") for _ in range(6))
    assert 429 in statuses
    expect(page.get_by_role("heading", level=1)).to_have_text("One moment, please")
    yield "429, sign-in"
    page.goto("/account/login/")
    page.get_by_label("E-mail address").fill("guessed-at@example.org")
    page.get_by_label("Password").fill("not the password")
    page.context.clear_cookies()
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Please try once more")
    yield "403, out of date"


def _pages_that_need_an_accident(page: Page) -> Iterator[str]:
    """Rendered here and shown in the place of a page of the house, whose style sheet and scripts they use."""
    request = RequestFactory().get("/practice/")
    request.csp_nonce = NONCE  # type: ignore[attr-defined]
    accidents = {
        "500": render_to_string("500.html"),
        "429, practice": render_to_string("quizzes/too_many.html", {"most": 60}, request),
    }
    for name, html in accidents.items():
        _show(page, html)
        yield name


def _show(page: Page, html: str) -> None:
    headers = {"Content-Type": "text/html", "Content-Security-Policy": f"script-src 'self' 'nonce-{NONCE}'"}
    page.route("**/accident/", lambda route: route.fulfill(body=html, headers=headers))
    page.goto("/accident/")
    page.unroute("**/accident/")
    assert page.evaluate("document.styleSheets.length") >= 1
