"""The whole house runs as one: ready, answering, and traceable from the request to the worker."""

import json
import urllib.request

from playwright.sync_api import expect


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.headers, answer.read().decode()


def test_every_part_is_ready(base_url):
    _, body = get(f"{base_url}/readyz")

    assert json.loads(body) == {
        "ready": True,
        "database": "ok",
        "redis": "ok",
        "interactive": "ok",
        "sweeps": "ok",
    }


def test_a_requests_id_is_on_the_workers_lines_too(running_house):
    headers, _ = get(
        f"{running_house.url}/sandboxes/circuit-breaker/?seed=4711", **{"X-Request-ID": "from-the-proxy.1"}
    )

    lines = [json.loads(line) for line in running_house.log.splitlines() if line.startswith("{")]
    mine = {line["logger"] for line in lines if line.get("request_id") == "from-the-proxy.1"}
    assert headers["X-Request-ID"] == "from-the-proxy.1"
    assert {"config.web", "sandboxes.tasks"} <= mine


def test_home_is_shown_with_its_style_and_without_complaints(page, axe):
    page.goto("/")

    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.styleSheets.length") >= 1
    assert axe(page) == []
