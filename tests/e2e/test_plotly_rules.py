"""Plotly's own style rules are served as a file, because the policy forbids the inline sheet it would write."""

from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "static" / "vendor"


@pytest.mark.parametrize("bundle", ["basic", "cartesian"])
def test_the_file_holds_the_rules_that_plotly_would_write(chromium, bundle):
    page = chromium.new_page()
    page.set_content("<p>A page without a policy</p>")

    page.add_script_tag(path=VENDOR / f"plotly-{bundle}.min.js")
    written = page.evaluate(
        "[...document.getElementById('plotly.js-style-global').sheet.cssRules].map(rule => rule.cssText)"
    )
    page.close()

    assert (VENDOR / "plotly-global.css").read_text().splitlines() == written
