"""How quantities are said."""

import pytest

from sandboxes.simulations.quantities import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0001, "< 1 ms"),
        (0.1184, "118 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (2.0, "2 s"),
        (2.284, "2.28 s"),
        (9.996, "10 s"),
        (27.46, "27.5 s"),
        (100, "100 s"),
        (119.9, "119.9 s"),
        (119.96, "2 min"),
        (954, "15.9 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (13_954, "3.9 h"),
        (7_200_000, "2,000 h"),
    ],
)
def test_a_length_of_time_is_said_to_two_or_three_figures_in_the_unit_that_fits(seconds, said):
    assert " ".join(duration(seconds)) == said
