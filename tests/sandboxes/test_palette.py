"""The figures' palette and the style sheet's are one: the browser swaps each light colour for the theme's."""

import re
from pathlib import Path

from sandboxes.simulations import palette

SHEET = Path(__file__).parents[2] / "static" / "css" / "halfopen.css"


def test_each_colour_of_the_charts_is_a_pair_of_the_style_sheet():
    written = re.findall(r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", SHEET.read_text())
    pairs = {name: (light, dark) for name, light, dark in written}

    for name, colours in palette.PALETTE.items():
        assert pairs[name] == colours, name
