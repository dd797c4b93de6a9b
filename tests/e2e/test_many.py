"""Replications and sweeps in a browser, with real workers."""

import json
import os
import re
import signal
import urllib.request

from playwright.sync_api import expect

from tests import house

ADDRESS = "/sandboxes/circuit-breaker/"
LONG = "x=dead_s&x_from=30&x_to=60&x_steps=60&seeds=40&arrival_rate_per_s=300"


def test_one_setting_over_many_seeds_is_drawn_with_bands_and_a_run_can_be_opened(page):
    page.goto(f"{ADDRESS}?dead_s=10")
    page.wait_for_selector("#run-result[data-drawn='1']")
    page.get_by_role("link", name="Many seeds").click()

    expect(page.get_by_text("30 runs.")).to_be_visible(timeout=60_000)

    expect(page.locator(".sure").first).to_contain_text("95 %")
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    assert "dead_s=10" in page.url
    page.locator("#run-runs-numbers summary").click()
    page.locator("[data-table=runs]").get_by_role("link", name="7", exact=True).click()
    expect(page).to_have_url(re.compile("seed=7"))
    assert "dead_s=10" in page.url


def test_a_map_fills_while_it_runs_and_a_cell_opens_its_run(page):
    page.goto(f"{ADDRESS}sweep/")
    page.get_by_label("Across").select_option(label="Then dead for (s)")
    page.locator("[name=x_from]").fill("10")
    page.locator("[name=x_to]").fill("50")
    page.locator("[name=x_steps]").fill("3")
    page.get_by_label("Upwards").select_option(label="Opens on")
    expect(page.locator("[name=y_from]")).to_be_hidden()
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("60 runs.")).to_be_visible(timeout=60_000)
    expect(page.locator(".say")).to_contain_text("“Available” is highest at")
    plot = page.locator("#run-sweep")
    expect(plot).to_have_class(re.compile("js-plotly-plot"))
    box = plot.locator(".nsewdrag").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 7 / 8)

    expect(page).to_have_url(re.compile(r"dead_s=30(&|$)"))
    page.wait_for_selector("#run-result[data-drawn='1']")


def test_another_measure_is_drawn_at_once(page):
    page.goto(f"{ADDRESS}sweep/?x=dead_s&x_from=10&x_to=20&x_steps=2&seeds=2")
    expect(page.get_by_text("4 runs.")).to_be_visible(timeout=60_000)

    page.get_by_label("Measure").select_option("p95_ms")

    expect(page).to_have_url(re.compile("metric=p95_ms"))
    expect(page.locator("#run-sweep-title")).to_have_text("p95 latency by Then dead for")


def test_a_sweep_is_stopped_keeps_what_it_has_and_carries_on(page, running_house):
    page.goto(f"{ADDRESS}sweep/?{LONG}&seed={77}")
    expect(page.get_by_text(re.compile(r"[1-9][\d,]* of 2,400 runs"))).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Stop").click()
    expect(page.get_by_text("stopped.")).to_be_visible()
    assert "stopped=1" in page.url
    page.wait_for_timeout(3_000)  # what was begun is finished
    page.reload()
    kept = runs_over(page)
    page.wait_for_timeout(2_000)
    page.reload()

    assert runs_over(page) == kept < 2400
    page.get_by_role("link", name="Carry on").click()
    expect(page.get_by_text("2,400 runs.", exact=True)).to_be_visible(timeout=120_000)


def test_a_sweep_outlives_a_killed_worker_process(page, running_house):
    page.goto(f"{ADDRESS}sweep/?{LONG}&seed={78}")
    expect(page.get_by_text(re.compile(r"[1-9][\d,]* of 2,400 runs"))).to_be_visible(timeout=60_000)
    children = house.processes_with(running_house.data_dir, "--queues=sweeps")
    os.kill(max(children), signal.SIGKILL)

    expect(page.get_by_text("2,400 runs.", exact=True)).to_be_visible(timeout=180_000)


def test_a_slider_is_not_delayed_by_a_sweep(page, new_context, running_house):
    page.goto(f"{ADDRESS}sweep/?{LONG}&seed={79}")
    expect(page.get_by_text(re.compile("of 2,400 runs"))).to_be_visible(timeout=60_000)

    request = urllib.request.Request(
        f"{running_house.url}{ADDRESS}?dead_s=33.25", headers={"Accept": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200  # not 202: it was computed within its two seconds
        assert json.load(answer)["params"]["dead_s"] == 33.25
    page.get_by_role("link", name="Stop").click()
    expect(page.get_by_text("stopped.")).to_be_visible()


def test_without_scripts_a_sweep_is_asked_for_and_told_as_a_table(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{ADDRESS}sweep/?x=dead_s&x_from=10&x_to=20&x_steps=2&seeds=2")
    page.wait_for_timeout(3_000)
    page.reload()

    expect(page.get_by_text("4 runs.")).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.locator("[data-table=sweep] tbody tr")).to_have_count(2)


def runs_over(page):
    found = re.search(r"([\d,]+) of 2,400 runs", page.locator(".progress-line").inner_text())
    assert found
    return int(found[1].replace(",", ""))


def test_the_seeds_slider_the_other_pages_and_reset_follow_what_is_shown(page):
    page.goto(f"{ADDRESS}replications/?replications=5")
    expect(page.get_by_text("5 runs.")).to_be_visible(timeout=60_000)
    page.get_by_role("slider", name="Seeds").press("ArrowRight")
    expect(page.locator("[name=replications]")).to_have_value("6")
    page.locator("[data-knob=dead_s] input[type=number]").fill("12")
    expect(page.get_by_text("What is shown is of other settings.")).to_be_visible()

    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_text("6 runs.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("What is shown is of other settings.")).to_be_hidden()
    expect(page.get_by_role("link", name="One run")).to_have_attribute("href", re.compile("dead_s=12"))
    page.get_by_role("link", name="Reset all").click()
    expect(page.locator("[name=replications]")).to_have_value("30")
    expect(page.locator("[data-knob=dead_s] input[type=number]")).to_have_value("35")
