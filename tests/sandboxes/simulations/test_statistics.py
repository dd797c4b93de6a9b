"""Intervals, held to SciPy's and to what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sandboxes.simulations.statistics import merged, moments, t_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 29, 30, 199, 1000])
def test_the_t_quantile_is_scipys(degrees):
    assert t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-10)


def test_no_degrees_of_freedom_are_refused_by_name():
    with pytest.raises(ValueError, match="degrees is 0; use at least 1"):
        t_quantile(0)


def test_an_interval_is_scipys():
    values = np.random.default_rng(1).normal(10, 2, (12, 3))

    low, high = moments(values).interval()

    for place in range(3):
        column = values[:, place]
        expected = stats.t.interval(0.95, 11, column.mean(), stats.sem(column))
        assert (low[place], high[place]) == pytest.approx(expected)


def test_about_nineteen_intervals_in_twenty_hold_the_true_mean():
    values = np.random.default_rng(2).normal(0, 1, (5, 4000))

    low, high = moments(values).interval()

    assert 0.94 < np.mean((low < 0) & (high > 0)) < 0.96


def test_what_is_missing_does_not_count_and_one_value_has_no_interval():
    values = np.array([[1.0, np.nan, 4.0], [3.0, np.nan, np.nan]])

    found = moments(values)

    assert found.count.tolist() == [2, 0, 1]
    assert np.array_equal(found.mean, [2, np.nan, 4], equal_nan=True)
    assert np.isfinite(found.interval()[0]).tolist() == [True, False, False]


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), min_size=1, max_size=6))
def test_samples_merged_are_the_sample_of_all(samples):
    parts = [moments(np.array(sample)) for sample in samples]
    whole = moments(np.array([value for sample in samples for value in sample]))

    together = merged(*(np.array([getattr(part, name) for part in parts]) for name in ("count", "mean", "squares")))

    assert together.count == whole.count
    assert together.mean == pytest.approx(whole.mean, abs=1e-6)
    assert together.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-3)
