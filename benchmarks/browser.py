"""What one person waits for in Chromium: a key press on a slider until the charts are repainted, and a cold page."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.targets import judged, percentile

# Without these, Chromium talks to its maker's servers at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WINDOW = {"width": 1360, "height": 900}
SLIDER = "[data-knob=arrival_rate_per_s] input[type=range]"
WARM_UP, PRESSES = 10, 80
# Longer than the page's pause between two settings, so that every press is sent at once.
BETWEEN_PRESSES_MS = 150
COLD_VISITS = 9

# From the key event's own time to the frame after the one in which the charts in view have been drawn: the message
# that a frame's callback posts arrives when that frame has been painted.
WATCH = """
() => {
  window.repainted = [];
  const afterPaint = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => then(performance.now());
    channel.port2.postMessage(0);
  });
  let pressed;
  document.addEventListener("keydown", (event) => (pressed = event.timeStamp), { capture: true });
  document.addEventListener("halfopen:drawn", () => {
    const since = pressed;
    pressed = undefined;
    if (since !== undefined) afterPaint((now) => window.repainted.push(now - since));
  });
}
"""
# The first chart's lines are there; the time is that of the frame which shows them.
FIRST_CHART = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-chart] .scatterlayer path")) return;
  observer.disconnect();
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => (window.firstChartAt = performance.now());
    channel.port2.postMessage(0);
  });
}).observe(document, { childList: true, subtree: true });
"""


def bench(url: str, slug: str) -> None:
    """Rows for the sandbox `slug` of the house at `url`, which must not have been asked for its runs before."""
    with chromium() as browser:
        for place, seed, is_scrolled in (("page as opened", 1, False), ("all charts in view", 2, True)):
            presses_ms = pressed(browser, f"{url}/sandboxes/{slug}/?seed={seed}", is_scrolled)
            judged(f"{slug}: key press to charts, {place}, median", statistics.median(presses_ms), 60)
            judged(f"{slug}: the same, p95 of {PRESSES} presses", percentile(presses_ms, 95), 120)
        visits = [visited(browser, f"{url}/sandboxes/{slug}/?seed={20_000 + visit}") for visit in range(COLD_VISITS)]
        painted_ms, transferred = zip(*visits, strict=True)
        judged(f"{slug}: cold page to first chart, median of {COLD_VISITS}", statistics.median(painted_ms), 1200)
        judged(f"{slug}: cold page, transferred until drawn", max(transferred) / 1000, 700, "kB")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium as the browser tests start it. Raises when there is none."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def pressed(browser: Browser, address: str, is_scrolled: bool) -> list[float]:
    """Milliseconds from each key press until the charts in view are repainted; no press asks for a kept run.

    Scrolled, the first chart is at the top of the window.
    """
    with context_of(browser) as page:
        page.goto(address)
        page.wait_for_selector("[data-result][data-drawn]")
        page.evaluate(WATCH)
        page.locator(SLIDER).focus()
        if is_scrolled:
            page.evaluate("document.querySelector('.chart').scrollIntoView()")
        for press in range(1, WARM_UP + PRESSES + 1):
            page.keyboard.press("ArrowRight")
            page.wait_for_function("presses => window.repainted.length >= presses", arg=press, timeout=10_000)
            page.wait_for_timeout(BETWEEN_PRESSES_MS)
        times_ms: list[float] = page.evaluate("() => window.repainted")
    return times_ms[WARM_UP:]


def visited(browser: Browser, address: str) -> tuple[float, int]:
    """Milliseconds from the start of the navigation to the first chart on screen, and bytes over the wire until drawn.

    The context is new, so its cache is empty; the run is one that a worker has to compute.
    """
    with context_of(browser) as page:
        received: list[int] = []
        network = page.context.new_cdp_session(page)
        network.on("Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"])))
        network.send("Network.enable")
        page.add_init_script(FIRST_CHART)
        page.goto(address)
        painted_ms = page.wait_for_function("() => window.firstChartAt").json_value()
        page.wait_for_selector("[data-result][data-drawn]")
        page.wait_for_load_state("networkidle")
    return float(painted_ms), sum(received)


@contextmanager
def context_of(browser: Browser) -> Iterator[Page]:
    options: Any = {"viewport": WINDOW, "locale": "en-GB"}
    context = browser.new_context(**options)
    try:
        yield context.new_page()
    finally:
        context.close()
