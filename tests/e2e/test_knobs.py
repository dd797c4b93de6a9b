"""Turning knobs: charts that follow, refusals that cost nothing, drawers and experiments."""

from playwright.sync_api import expect

SANDBOX = "/sandboxes/circuit-breaker/"


def drawn(page, scope="run"):
    return int(page.locator(f"#{scope}-result").get_attribute("data-drawn") or 0)


def opened(page, address=SANDBOX):
    page.goto(address)
    page.wait_for_selector("#run-result[data-drawn='1']")


def test_the_charts_follow_a_slider_while_it_is_dragged_and_end_at_its_value(page):
    opened(page)
    slider = page.locator("[data-knob=arrival_rate_per_s] input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 20, middle)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(box["x"] + 20 + step, middle)
        page.wait_for_timeout(40)
    while_dragged = drawn(page)
    page.mouse.up()
    page.wait_for_timeout(1_500)

    assert while_dragged >= 3
    assert f"arrival_rate_per_s={slider.input_value()}" in page.url


def test_a_refused_combination_is_told_and_the_last_charts_stay(new_context):
    page = new_context(refusing="&seed=1").new_page()
    opened(page)
    page.locator("[data-knob=arrival_rate_per_s] input[type=number]").fill("2000")
    page.wait_for_selector("#run-result[data-drawn='2']")

    for phase in ("healthy_s", "slow_s", "failing_s", "dead_s"):
        page.locator(f"[data-knob={phase}] input[type=number]").fill("300")
    expect(page.locator("#run-problem")).to_contain_text("fewer arrivals, or a shorter run")

    assert page.locator("#run-result .js-plotly-plot").count() == 3
    page.locator("[data-knob=arrival_rate_per_s] input[type=number]").fill("20")
    expect(page.locator("#run-problem")).to_be_empty()


def test_a_fraction_where_a_whole_number_is_needed_is_named(page):
    opened(page)

    page.locator("[data-knob=seed] input").fill("1.5")

    expect(page.locator("[data-knob=seed] .error")).to_have_text(
        "“Seed” is 1.5; use a whole number from 0 to 4294967295."
    )


def test_a_scenario_loses_its_mark_when_a_knob_leaves_it(page):
    opened(page)
    expect(page.locator(".scene[aria-current]")).to_have_count(1)

    page.locator("[data-knob=dead_s] input[type=number]").fill("12")

    expect(page.locator(".scene[aria-current]")).to_have_count(0)
    expect(page.locator(".look-for")).to_have_count(0)


def test_the_table_of_a_chart_follows_the_run(page):
    opened(page)
    page.get_by_text("The same as a table").first.click()
    rows = page.locator("[data-table=outcomes] tbody tr")
    expect(rows).to_have_count(80)
    page.get_by_text("More numbers").click()

    page.locator("[data-knob=dead_s] input[type=number]").fill("15")

    expect(rows).to_have_count(120)  # a shorter run is told in half seconds
    expect(page.locator("#run-more .figures")).to_be_visible()


def test_reset_all_leads_back_to_the_defaults(page):
    opened(page, f"{SANDBOX}?dead_s=12&kind=time")

    page.get_by_role("link", name="Reset all").click()
    page.wait_for_selector("#run-result[data-drawn='2']")

    assert "?" not in page.url


def test_the_drawer_of_a_narrow_window_is_open_again_in_a_wide_one(new_context):
    page = new_context(viewport={"width": 600, "height": 800}).new_page()
    opened(page)
    expect(page.locator("[data-knob=kind]")).to_be_hidden()

    page.set_viewport_size({"width": 1360, "height": 800})

    expect(page.locator("[data-knob=kind]")).to_be_visible()


def test_on_a_phone_the_open_drawer_leaves_the_first_chart_in_view(new_context):
    page = new_context(viewport={"width": 390, "height": 844}).new_page()
    opened(page)

    page.get_by_text("Knobs", exact=True).click()

    expect(page.locator("[data-knob=kind]")).to_be_visible()
    expect(page.locator("#run-outcomes")).to_be_in_viewport(ratio=0.9)


def test_an_experiments_link_leads_to_the_run_it_shows(page):
    page.goto("/patterns/circuit-breaker/")
    page.locator("#try-2").get_by_role("link", name="Run it").click()
    page.wait_for_selector("#try-2-result[data-drawn='1']")

    page.locator("#try-2 [data-knob=wait_duration_in_open_state_s] input[type=number]").fill("30")
    page.wait_for_selector("#try-2-result[data-drawn='2']")

    link = page.locator("#try-2").get_by_role("link", name="Open the sandbox with these settings")
    assert "wait_duration_in_open_state_s=30" in link.get_attribute("href")
    page.locator("#try-2").get_by_role("link", name="Reset all").click()
    page.wait_for_selector("#try-2-result[data-drawn='3']")
    assert "wait_duration" not in link.get_attribute("href")
    assert page.url.endswith("/patterns/circuit-breaker/")


def test_the_numbers_of_a_chart_come_as_csv_of_the_run_it_shows(page):
    opened(page)
    page.locator("[data-knob=dead_s] input[type=number]").fill("15")
    page.wait_for_selector("#run-result[data-drawn='2']")

    with page.expect_download() as download:
        page.get_by_role("link", name="What happened to each request, as CSV").click()

    lines = download.value.path().read_text().splitlines()
    assert download.value.suggested_filename == "circuit-breaker-outcomes.csv"
    assert len(lines) == 1 + 120
    page.get_by_text("The same run elsewhere").click()
    expect(page.locator(".copy code")).to_contain_text("manage.py simulate circuit-breaker --set dead_s=15")
