import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.validity import pearson, percentile_interval, spearman
from study.validity.bootstrap import unit_counts

SCORES = st.lists(
    st.tuples(st.integers(-4, 4), st.floats(-1e6, 1e6, allow_subnormal=False)), min_size=3, max_size=40
)


@given(SCORES)
def test_estimates_equal_scipy(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(spearman(x, y, resamples=0).value)
        return
    assert spearman(x, y, resamples=0).value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    if y.std() > 1e-9 * np.abs(y).max():
        assert pearson(x, y, resamples=0).value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(pearson, stats.pearsonr), (spearman, stats.spearmanr)], ids=["pearson", "spearman"]
)
@pytest.mark.parametrize("clustered", [False, True], ids=["a pair a unit", "several pairs a unit"])
def test_interval_equals_a_naive_loop_over_the_same_resamples(ours, theirs, clustered):
    random = np.random.default_rng(5)
    unit = np.repeat(np.arange(30), random.integers(1, 6, 30)) if clustered else np.arange(60)
    x = random.integers(-2, 3, unit.size).astype(float)  # many ties
    y = x + random.normal(size=unit.size).round(1)
    draws = []
    for counts in np.concatenate(list(unit_counts(unit.max() + 1, 150, seed=7, name="naive"))):
        times = counts[unit].astype(int)
        draws.append(theirs(np.repeat(x, times), np.repeat(y, times)).statistic)
    found = ours(x, y, unit=unit if clustered else None, resamples=150, seed=7, name="naive")
    assert found.value == pytest.approx(theirs(x, y).statistic)
    assert (found.ci_low, found.ci_high) == pytest.approx(percentile_interval(np.array(draws)))
    assert found.n == unit.max() + 1


@given(st.permutations(range(12)), st.floats(0.1, 100), st.floats(-1000, 1000))
def test_scale_and_order_of_pairs_do_not_matter(order, factor, shift):
    x = np.array([0, 1, 1, 2, 5, 4, 4, 0, 2, 2, 3, 1], dtype=float)
    y = np.array([1, 0, 2, 2, 3, 3, 5, 1, 1, 4, 2, 0], dtype=float)
    for correlation in (pearson, spearman):
        value = correlation(x, y, resamples=0).value
        moved = correlation(x[list(order)] * factor + shift, y[list(order)], resamples=0).value
        assert moved == pytest.approx(value, abs=1e-9)


def test_missing_pairs_are_left_out_and_units_counted():
    x = pd.Series([1.0, 2, np.nan, 4, 5, 3])
    y = pd.Series([1.0, 3, 2, np.nan, 4, 4])
    found = pearson(x, y, unit=pd.Series(list("aabbcc")), resamples=50)
    assert found.value == pytest.approx(stats.pearsonr([1, 2, 5, 3], [1, 3, 4, 4]).statistic)
    assert found.n == 2


def test_a_constant_has_no_correlation():
    constant = np.full(10, 0.1)
    for correlation in (pearson, spearman):
        found = correlation(constant, np.arange(10.0))
        assert np.isnan([found.value, found.ci_low, found.ci_high]).all()
        assert np.isnan(correlation(np.array([]), np.array([])).value)


def test_clustered_interval_is_wider_than_one_that_takes_ratings_for_units():
    random = np.random.default_rng(2)
    level = random.normal(size=200)
    unit = np.repeat(np.arange(200), 20)
    ratings, other = level[unit] + random.normal(size=4000), (level + random.normal(size=200))[unit]
    by_unit = pearson(ratings, other, unit=unit)
    by_rating = pearson(ratings, other)
    assert by_unit.value == pytest.approx(by_rating.value)
    assert by_unit.ci_high - by_unit.ci_low > 2.5 * (by_rating.ci_high - by_rating.ci_low)


def test_a_large_domain_costs_few_cpu_seconds():
    random = np.random.default_rng(1)
    y = random.normal(size=10605).round(1)
    measures = [y + random.normal(size=10605) for _ in range(5)]
    start = time.process_time()
    for x in measures:
        pearson(x, y)
        spearman(x, y)
    assert time.process_time() - start < 15  # about 3 measured; machines differ
