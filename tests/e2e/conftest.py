"""Browser tests: the real thing, a real Chromium, and axe."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests import house

AXE = Path(__file__).with_name("axe.min.js")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
REFUSED = re.compile(r"responded with a status of (4\d\d|503) |net::ERR_INTERNET_DISCONNECTED")
# Without these, Chromium talks to its maker's servers at every start.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def running_house(tmp_path_factory) -> Iterator[house.House]:
    """Redis, both workers and the web server under their supervisor; nothing of it is left afterwards."""
    folder = tmp_path_factory.mktemp("house")
    kernels = str(settings.DATA_DIR / "kernels")  # compiled once for all sessions of tests
    running = house.start(folder / "var", folder / "log", LOG_FORMAT="json", NUMBA_CACHE_DIR=kernels)
    try:
        running.wait_until_ready()
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.log


@pytest.fixture(scope="session")
def base_url(running_house: house.House) -> str:
    return running_house.url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


NewContext = Callable[..., BrowserContext]


@pytest.fixture
def new_context(chromium: Browser, base_url: str) -> Iterator[NewContext]:
    """Makes browser contexts (`color_scheme="dark"`, `java_script_enabled=False`...) that are closed after the test.

    `refusing` names how addresses end that are to be answered with a 4xx status or 503, or cannot be reached because
    the context is offline, which the browser logs as an error.
    The test fails if a page of them logs another error, breaks the Content-Security-Policy or throws.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        address = message.location["url"]
        if not address:
            return  # from a script that the test itself put in, such as axe
        if REFUSED.search(message.text) and address.endswith(tuple(refused)):
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            complaints.append(f"{address}: {message.text}")

    def make(refusing: Collection[str] = (), **options: Any) -> BrowserContext:
        refused.extend(refusing)
        context = chromium.new_context(**{"base_url": base_url, "locale": "en-GB", **options})
        context.set_default_timeout(15_000)
        context.on("console", note)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(params=["light", "dark"])
def theme(request) -> str:
    """Runs a test in both themes: hand it to `new_context(color_scheme=theme)`."""
    name: str = request.param
    return name


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A page in a context of its own."""
    return new_context().new_page()


Axe = Callable[[Page], list[str]]


@pytest.fixture
def axe() -> Axe:
    """Violations of WCAG 2.2 AA on the page as it is now, one line each: `assert axe(page) == []`.

    The page's own policy stays in force: the script comes in by the debugging protocol, not as an element.
    """

    def violations(page: Page) -> list[str]:
        page.evaluate(AXE.read_text() + "; 0")
        # Colours in the middle of a transition are not the page's colours.
        page.wait_for_function("() => document.getAnimations().every(a => a.playState !== 'running')")
        result = page.evaluate(
            "options => axe.run(document, options)",
            {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"], "preload": False},
        )
        return [
            f"{violation['id']} at {' '.join(map(str, node['target']))}: {node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]

    return violations
