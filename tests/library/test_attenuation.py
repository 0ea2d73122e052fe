from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from study.coders import vader
from study.errors import StudyError
from study.validity import (
    attenuation_corrected_r,
    disattenuate,
    icc1k,
    krippendorff_alpha,
    percentile_interval,
    spearman_brown,
)
from study.validity.bootstrap import unit_counts
from study_data import hutto_gilbert_ratings, hutto_gilbert_units


def test_vader_on_nyt_becomes_514_and_not_689():
    """The criterion is a mean of 20 ratings; the reliability of one corrects far too much."""
    units = hutto_gilbert_units("nyt").set_index("unit_id")
    ratings = hutto_gilbert_ratings("nyt").pivot(index="unit_id", columns="rater", values="value")
    ratings = ratings.loc[units.index]
    assert ratings.shape == (5190, 20)
    score, mean = vader.installed(units["text"]), units["human_mean"]
    long = ratings.stack()
    alpha = krippendorff_alpha(long.index.get_level_values(0), long, level="interval", resamples=0).value
    assert f"{alpha:.3f}" == "0.532"
    found = attenuation_corrected_r(score, mean, y_ratings=ratings, resamples=200)
    assert f"{found.r.value:.3f}" == "0.503"
    assert f"{found.corrected.value:.3f}" == "0.514"
    assert found.corrected.ci_low < found.corrected.value < found.corrected.ci_high
    assert f"{disattenuate(found.r.value, 1, spearman_brown(alpha, 20)):.3f}" == "0.514"
    assert f"{disattenuate(found.r.value, 1, alpha):.3f}" == "0.689"


def test_by_hand():
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3)
    assert spearman_brown(0.25, 4) == pytest.approx(4 / 7)
    assert disattenuate(0.3, 0.36, 0.25) == pytest.approx(1.0)
    assert disattenuate(-0.3, 0.36, 1) == pytest.approx(-0.5)
    assert disattenuate(0.6, 0.5, 0.5) == pytest.approx(1.2)  # not cut off


@given(st.floats(0.01, 1), st.floats(1, 50), st.floats(1, 50))
def test_means_of_means_have_the_reliability_of_all_ratings(reliability, k, j):
    once = spearman_brown(reliability, k)
    assert reliability <= once + 1e-12 <= 1 + 2e-12
    assert spearman_brown(once, j) == pytest.approx(spearman_brown(reliability, k * j))
    assert spearman_brown(once, 1 / k) == pytest.approx(reliability)


@pytest.mark.parametrize("reliability", [0.0, -0.2, float("nan")])
def test_without_a_positive_reliability_there_is_no_correction(reliability):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 50))
    assert np.isnan(disattenuate(0.4, reliability, 1))
    assert np.isnan(disattenuate(0.4, 1, reliability))
    found = attenuation_corrected_r(x, y, x_reliability=reliability, resamples=20)
    assert np.isnan([found.corrected.value, found.corrected.ci_low, found.corrected.ci_high]).all()
    assert np.isfinite([found.r.value, found.r.ci_low]).all()
    assert np.isnan(spearman_brown(-0.6, 3))


def test_ratings_that_do_not_vary_or_stand_alone_have_no_reliability():
    x, y = np.random.default_rng(1).normal(size=(2, 40))
    alone = np.column_stack([y, np.full(40, np.nan)])
    for ratings in (np.ones((40, 3)), alone, y[:, None]):
        found = attenuation_corrected_r(x, y, y_ratings=ratings, resamples=10)
        assert np.isnan([found.y_reliability, found.corrected.value]).all()


def rated(n: int, seed: int, *, raters: int = 4, r: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Scores without error and ratings with: a correlation of `r` with what the ratings measure."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=n)
    x = r * truth + np.sqrt(1 - r**2) * random.normal(size=n)
    return x, 3 + truth[:, None] + 1.5 * random.normal(size=(n, raters))


def test_the_reliability_is_that_of_icc1k_on_the_units_that_are_correlated():
    x, ratings = rated(80, 3)
    ratings[np.random.default_rng(1).random(ratings.shape) < 0.3] = np.nan
    ratings[0] = [1, np.nan, np.nan, np.nan]  # a single rating does not count for the reliability
    x[5:10] = np.nan
    y = pd.DataFrame(ratings).mean(axis=1).to_numpy()
    used = np.isfinite(x) & np.isfinite(y)
    unit, _ = np.nonzero(np.ones_like(ratings[used]))
    expected = icc1k(unit, ratings[used].ravel(), resamples=0).value
    found = attenuation_corrected_r(x, y, y_ratings=ratings, resamples=20)
    r = np.corrcoef(x[used], y[used])[0, 1]
    assert found.r.n == found.corrected.n == used.sum()
    assert (found.x_reliability, found.y_reliability) == (1, pytest.approx(expected))
    assert found.corrected.value == pytest.approx(r / np.sqrt(expected))
    # The order of ratings inside a unit is not that of raters.
    shuffled = np.random.default_rng(2).permuted(ratings, axis=1)
    again = attenuation_corrected_r(x, y, y_ratings=pd.DataFrame(shuffled), resamples=20)
    assert again.corrected.value == pytest.approx(found.corrected.value)
    assert again.corrected.ci_low == pytest.approx(found.corrected.ci_low)


def test_the_interval_equals_a_naive_loop_that_estimates_the_reliability_anew():
    x, ratings = rated(40, 8)
    y = ratings.mean(axis=1)
    draws = []
    for counts in np.concatenate(list(unit_counts(40, 100, seed=5, name="naive"))):
        drawn = np.repeat(np.arange(40), counts.astype(int))
        unit = np.repeat(np.arange(40), 4)  # a unit that is drawn twice is two units
        reliability = icc1k(unit, ratings[drawn].ravel(), resamples=0).value
        r = np.corrcoef(x[drawn], y[drawn])[0, 1]
        draws.append(r / np.sqrt(reliability) if reliability > 0 else np.nan)
    found = attenuation_corrected_r(x, y, y_ratings=ratings, resamples=100, seed=5, name="naive").corrected
    assert (found.ci_low, found.ci_high) == pytest.approx(percentile_interval(np.array(draws)))


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1), st.floats(0.05, 1))
def test_known_reliabilities_scale_the_value_and_the_interval(seed, x_reliability, y_reliability):
    x, y = np.random.default_rng(seed).normal(size=(2, 20)) + np.arange(20) / 10
    assume(np.ptp(x) > 0)
    found = attenuation_corrected_r(
        x, y, x_reliability=x_reliability, y_reliability=y_reliability, resamples=30
    )
    factor = 1 / np.sqrt(x_reliability * y_reliability)
    for field in ("value", "ci_low", "ci_high"):
        assert getattr(found.corrected, field) == pytest.approx(factor * getattr(found.r, field))


def test_the_interval_covers_the_true_correlation_and_the_uncorrected_one_does_not():
    covered = uncorrected = 0
    for seed in range(150):
        x, ratings = rated(150, seed)
        found = attenuation_corrected_r(x, ratings.mean(axis=1), y_ratings=ratings, resamples=200, seed=seed)
        covered += found.corrected.ci_low <= 0.6 <= found.corrected.ci_high
        uncorrected += found.r.ci_low <= 0.6 <= found.r.ci_high
    assert covered >= 132  # of 150; 95% is 142
    assert uncorrected < covered


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x_reliability": 1.2}, "A reliability is at most 1. Found: 1.2"),
        ({"y_reliability": 0.5, "y_ratings": np.ones((9, 2))}, "y_reliability, y_ratings"),
        ({"x_ratings": np.ones((8, 2))}, "shape (8, 2) for 9 units"),
        ({"x_ratings": np.ones(9)}, "shape (9,) for 9 units"),
    ],
)
def test_errors_say_what_is_wrong(options, said):
    with pytest.raises(StudyError) as caught:
        attenuation_corrected_r(np.arange(9.0), np.arange(9.0), **options)
    assert said in str(caught.value)


def test_errors_of_the_plain_formulas():
    with pytest.raises(StudyError, match="one score a unit"):
        attenuation_corrected_r(np.arange(9.0), np.arange(8.0))
    with pytest.raises(StudyError, match="at most 1"):
        disattenuate(0.3, 1, 1.01)
    with pytest.raises(StudyError, match="at most 1"):
        spearman_brown(2, 3)
    with pytest.raises(StudyError, match="key 'k'"):
        spearman_brown(0.5, 0)
