"""Keeping a run as the baseline and drawing others over it; taking charts away as pictures."""

import re
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.e2e.steps import SANDBOX, drawn
from tests.e2e.test_waiting import workers_stopped


def opened(page, query=""):
    page.goto(SANDBOX + query)
    drawn(page)


def turn(page, name, value):
    page.locator(f"[data-knob={name}] input[type=number]").fill(value)


def pinned(page):
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True).get("baseline")


def traces(page, chart="outcomes"):
    return page.evaluate(f"document.querySelector('#run-{chart}').data.length")


def changes(page):
    return page.locator("#run-result .change").all_inner_texts()


def test_a_baseline_is_kept_compared_with_and_dropped_in_place(page):
    opened(page, "?kind=none&seed=5")
    alone = traces(page)
    page.evaluate("document.querySelector('#run-outcomes').dataset.same = 'yes'; scrollTo(0, 200)")

    page.get_by_role("link", name="Keep as baseline").click()
    drawn(page, 2)
    expect(page.get_by_text("This run is the baseline")).to_be_visible()
    assert (pinned(page), traces(page), changes(page)) == (["kind=none"], alone, [])
    assert page.evaluate("scrollY") == 200

    page.locator("[data-knob=kind] select").select_option("count")
    drawn(page, 3)
    expect(page.locator(".compared li")).to_contain_text("Opens on No breaker")
    assert "never before" in changes(page)
    assert any("better than" in words for words in changes(page))
    assert traces(page) > alone
    assert "baseline" in page.locator("#run-states .ytick").all_text_contents()[-1]
    assert (pinned(page), "seed=5" in page.url) == (["kind=none"], True)
    assert page.locator("#run-outcomes").get_attribute("data-same") == "yes"

    page.get_by_role("link", name="Drop the baseline").click()
    drawn(page, 4)
    turn(page, "dead_s", "20")
    drawn(page, 5)
    assert (pinned(page), traces(page), changes(page)) == (None, alone, [])


def test_the_address_of_a_comparison_reopens_it(page, new_context):
    opened(page, "?baseline=kind%3Dnone&seed=5")
    turn(page, "dead_s", "20")
    drawn(page, 2)
    told = changes(page), page.locator(".compared").inner_text()

    other = new_context().new_page()
    other.goto(page.url)
    drawn(other)

    assert (changes(other), other.locator(".compared").inner_text()) == told
    assert traces(other) == traces(page)


def test_a_longer_baseline_widens_every_time_axis(page):
    opened(page, "?dead_s=10&baseline=dead_s%3D100")

    ranges = page.evaluate("[...document.querySelectorAll('[data-chart]')].map(plot => plot.layout.xaxis.range)")

    assert ranges == [[0, 145]] * 3


def test_a_seed_changes_both_runs(page):
    opened(page, "?baseline=kind%3Dnone")
    before = page.evaluate("document.querySelector('#run-outcomes').data.at(-1).y")

    turn(page, "seed", "9")
    drawn(page, 2)

    assert page.evaluate("document.querySelector('#run-outcomes').data.at(-1).y") != before


def test_scenarios_resets_and_the_way_back_keep_the_baseline(page):
    opened(page, "?baseline=dead_s%3D20")

    page.get_by_role("link", name="Slow, not dead").click()
    drawn(page)
    assert pinned(page) == ["dead_s=20"]
    page.get_by_role("link", name="Reset all").click()
    drawn(page, 2)
    assert page.url.endswith("?baseline=dead_s%3D20")
    page.get_by_role("link", name="Back to the baseline").click()
    drawn(page)

    expect(page.locator("[data-knob=dead_s] input[type=number]")).to_have_value("20")
    expect(page.get_by_text("This run is the baseline")).to_be_visible()


def test_the_baseline_is_kept_changed_and_dropped_by_keys_alone(page):
    opened(page)
    page.locator("#run-pin").focus()

    page.keyboard.press("Enter")
    drawn(page, 2)
    expect(page.locator("#run-pin")).to_be_focused()
    expect(page.locator("#run-pin")).to_have_text("Drop the baseline")
    turn(page, "dead_s", "12")
    drawn(page, 3)
    page.locator("#run-pin").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Make this the baseline")).to_be_focused()
    page.keyboard.press("Enter")
    drawn(page, 4)
    assert pinned(page) == ["dead_s=12"]
    expect(page.locator("#run-pin")).to_be_focused()
    page.keyboard.press("Enter")
    drawn(page, 5)

    expect(page.locator("#run-pin")).to_be_focused()
    assert pinned(page) is None


def test_comparing_works_without_scripts(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{SANDBOX}?kind=none")

    page.get_by_role("link", name="Keep as baseline").click()
    page.locator("[data-knob=kind] select").select_option("count")
    page.get_by_role("button", name="Run", exact=True).click()

    assert pinned(page) == ["kind=none"]
    assert any("better than" in words for words in changes(page))
    expect(page.get_by_role("button", name="What happened to each request, as PNG")).to_be_hidden()
    page.get_by_role("link", name="Drop the baseline").click()
    assert pinned(page) is None


def test_a_run_is_shown_while_its_baseline_is_computed_and_joined_by_it_later(page, running_house):
    opened(page, "?dead_s=21")
    with workers_stopped(running_house):
        page.goto(f"{SANDBOX}?dead_s=21&baseline=dead_s%3D22.5")
        drawn(page)
        expect(page.get_by_text("The baseline is still being computed")).to_be_visible()
        assert changes(page) == []
        page.evaluate("document.querySelector('#run-outcomes').dataset.same = 'yes'")

    expect(page.get_by_text("The baseline is still being computed")).to_have_count(0, timeout=30_000)
    expect(page.locator("#run-result .figures .change").first).to_be_visible()
    assert page.locator("#run-outcomes").get_attribute("data-same") == "yes"


def test_every_chart_comes_as_png_and_svg_with_its_title_and_legend(page):
    opened(page, "?baseline=kind%3Dnone")
    for title, name in (("What happened to each request", "outcomes"), ("Breaker state", "states")):
        with page.expect_download() as png:
            page.get_by_role("button", name=f"{title}, as PNG").click()
        with page.expect_download() as svg:
            page.get_by_role("button", name=f"{title}, as SVG").click()

        picture = png.value.path().read_bytes()
        assert png.value.suggested_filename == f"circuit-breaker-{name}.png"
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(picture[16:20]) == 2400
        drawing = ET.fromstring(svg.value.path().read_text())
        assert svg.value.suggested_filename == f"circuit-breaker-{name}.svg"
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        words = " ".join(drawing.itertext())
        assert title in words
        assert "A dead dependency" in words
        assert re.search(r"in the baseline|baseline closed", words)


def test_a_picture_is_light_in_the_dark_too_and_asks_nothing_of_the_page(new_context):
    page = new_context(color_scheme="dark").new_page()
    opened(page)

    with page.expect_download() as download:
        page.get_by_role("button", name="What happened to each request, as SVG").click()

    text = download.value.path().read_text()
    assert "rgb(15, 123, 108)" in text
    assert "rgb(62, 207, 184)" not in text
    assert "Instrument Sans" not in text
