import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.validity import icc_a1, icc_c1, krippendorff_alpha, percentile_interval
from study.validity.bootstrap import unit_counts
from study.validity.two_way_icc import alpha_of_sums, icc_of_sums, sums_per_unit

# Shrout & Fleiss (1979), table 2: 6 targets x 4 judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)


def long(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    units, raters = np.indices(table.shape)
    return units.ravel(), raters.ravel(), table.ravel()


def test_shrout_and_fleiss():
    """ICC(2,1) = .29 and ICC(3,1) = .71."""
    assert round(icc_a1(*long(SHROUT_FLEISS), resamples=0).value, 2) == 0.29
    assert round(icc_c1(*long(SHROUT_FLEISS), resamples=0).value, 2) == 0.71


def test_two_raters_by_hand():
    # Units 1, 2, 3; the second rater is always one higher: consistent, and not in agreement.
    table = np.array([[1, 2], [2, 3], [3, 4]], dtype=float)
    # MSR = 2, MSE = 0, MSC = 1.5: (2 - 0) / (2 + 0 + 2 (1.5 - 0) / 3).
    assert icc_c1(*long(table), resamples=0).value == pytest.approx(1)
    assert icc_a1(*long(table), resamples=0).value == pytest.approx(2 / 3)


TABLES = st.tuples(st.integers(3, 12), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(-4, 4), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_they_equal_pingouin(rows):
    table = np.array(rows, dtype=float)
    units, raters, values = long(table)
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    if np.ptp(table.mean(axis=1)) < 1e-9 or np.abs(residual).max() < 1e-9:
        return  # nothing varies between units, or there is no error: pingouin divides by zero
    frame = pd.DataFrame({"unit": units, "rater": raters, "value": values})
    found = pingouin.intraclass_corr(frame, "unit", "rater", "value")["ICC"].to_numpy()
    assert icc_a1(units, raters, values, resamples=0).value == pytest.approx(found[1], abs=1e-9)
    assert icc_c1(units, raters, values, resamples=0).value == pytest.approx(found[2], abs=1e-9)


def test_units_that_not_everybody_rated_are_left_out():
    units, raters, values = long(np.vstack([SHROUT_FLEISS, [[9, np.nan, 1, 1]]]))
    found = icc_a1(units, raters, values, resamples=0)
    assert found.n == 6
    assert found.value == icc_a1(*long(SHROUT_FLEISS), resamples=0).value


def test_the_interval_is_that_of_a_plain_loop():
    random = np.random.default_rng(0)
    table = random.normal(size=(25, 1)) + random.normal(size=(25, 3))
    draws = []
    for counts in np.concatenate(list(unit_counts(25, 200, seed=3, name="loop"))):
        resample = np.repeat(table, counts.astype(int), axis=0)
        draws.append(icc_a1(*long(resample), resamples=0).value)
    found = icc_a1(*long(table), resamples=200, seed=3, name="loop")
    assert (found.ci_low, found.ci_high) == pytest.approx(percentile_interval(np.array(draws)))


def test_what_does_not_vary_has_no_figure():
    flat = long(np.full((5, 3), 0.1))
    assert np.isnan(icc_a1(*flat).value)
    assert np.isnan(icc_c1(*flat).value)
    assert np.isnan(icc_a1([1, 2], ["a", "a"], [1.0, 2.0]).value)  # one rater
    assert np.isnan(icc_a1([1, 1], ["a", "b"], [1.0, 2.0]).value)  # one unit
    assert icc_c1([], [], []).n == 0


def test_alpha_from_the_same_sums():
    random = np.random.default_rng(1)
    table = random.normal(size=(30, 2))
    sums = sums_per_unit(table).sum(axis=0)[None]
    expected = krippendorff_alpha(*long(table)[::2], level="interval", resamples=0).value
    assert alpha_of_sums(2)(sums)[0] == pytest.approx(expected)
    assert icc_of_sums("icc_a1", 2)(sums)[0] == pytest.approx(icc_a1(*long(table), resamples=0).value)
