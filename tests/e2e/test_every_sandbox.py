"""What a person may expect of every sandbox there is."""

import pytest
from playwright.sync_api import expect

from sandboxes.simulations.catalogue import CATALOGUE
from tests.e2e.steps import drawn

PHONE = {"width": 360, "height": 740}
SANDBOXES = [pytest.param(simulation, id=simulation.slug) for simulation in CATALOGUE]
REPLAYED = [pytest.param(simulation, id=simulation.slug) for simulation in CATALOGUE if simulation.replay]


def fits(page) -> bool:
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide <= 0


@pytest.mark.parametrize("simulation", SANDBOXES)
def test_every_scenario_draws_its_charts_and_says_what_to_look_for(page, simulation):
    page.goto(f"/sandboxes/{simulation.slug}/")
    for scenario in simulation.scenarios:
        page.locator(".scenes").get_by_role("link", name=scenario.title, exact=True).click()
        expect(page.locator(".look-for")).to_contain_text(scenario.look_for[:60])
        drawn(page)

        for chart in page.locator("[data-chart]").all():
            assert chart.locator(".main-svg").count(), scenario.title
        words = page.locator("#run-result").inner_text()
        assert "nan" not in words.split()
        assert "None" not in words


@pytest.mark.parametrize("simulation", SANDBOXES)
def test_every_sandbox_is_accessible_with_everything_open_and_fits_a_phone(new_context, simulation, axe, theme):
    page = new_context(color_scheme=theme, viewport=PHONE).new_page()
    page.goto(f"/sandboxes/{simulation.slug}/")
    drawn(page)
    if simulation.replay:
        page.get_by_role("link", name="Replay", exact=True).click()
        page.get_by_role("button", name="Pause").click()
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")

    assert axe(page) == []
    assert fits(page)


@pytest.mark.parametrize("simulation", REPLAYED)
def test_every_replay_leads_to_its_end(page, simulation):
    page.goto(f"/sandboxes/{simulation.slug}/")
    drawn(page)
    page.get_by_role("link", name="Replay", exact=True).click()
    told = page.locator("[data-say]")
    page.get_by_role("button", name="Pause").click()
    page.locator("[data-scrub]").focus()
    page.keyboard.press("Home")
    first = told.inner_text()

    page.keyboard.press("End")

    expect(told).not_to_have_text(first)


@pytest.mark.parametrize("simulation", SANDBOXES)
def test_every_check_of_every_sandbox_is_green(page, simulation):
    page.goto(f"/sandboxes/{simulation.slug}/checks/")

    expect(page.locator(".checked")).to_contain_text("✓ checked", timeout=60_000)
    expect(page.locator(".checked")).not_to_contain_text("✗")


@pytest.mark.parametrize("simulation", SANDBOXES)
def test_every_sandbox_averages_over_seeds_and_keeps_a_baseline(page, simulation):
    page.goto(f"/sandboxes/{simulation.slug}/replications/?replications=3")
    expect(page.get_by_text("3 runs.")).to_be_visible(timeout=60_000)
    page.goto(f"/sandboxes/{simulation.slug}/")
    drawn(page)
    page.get_by_role("link", name="Keep as baseline").click()

    expect(page.get_by_text("This run is the baseline.")).to_be_visible()
