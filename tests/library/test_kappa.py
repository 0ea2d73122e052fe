"""Kappas, AC and percent agreement: published examples, examples by hand, and other libraries."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from study.errors import StudyError
from study.validity import cohens_kappa, fleiss_kappa, gwet_ac, percent_agreement, percentile_interval
from study.validity.bootstrap import unit_counts
from study.validity.kappa import ac1_of_tables, alpha_of_tables, label_agreement, paradox

# Gwet (2014), table 4.A1 and its results: 12 subjects x 4 raters, 0 for a missing rating.
GWET = np.array(
    [
        [1, 1, 0, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [0, 5, 5, 5], [0, 0, 1, 1], [0, 0, 3, 0],
    ],
    dtype=float,
)  # fmt: skip
# Fleiss (1971): how many of six psychiatrists gave each of five diagnoses to each of 30 patients.
FLEISS = np.array(
    [
        [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
        [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
        [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
        [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
        [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
    ]
)  # fmt: skip
LABELS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=2, max_size=40)


def long(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units x raters, 0 where missing, to unit and value of every rating."""
    units = np.repeat(np.arange(len(table)), table.shape[1])
    return units, np.where(table == 0, np.nan, table).ravel()


def pairs(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """A table of two raters to their labels."""
    rows, columns = np.indices(np.shape(table))
    times = np.ravel(table)
    return np.repeat(rows.ravel(), times), np.repeat(columns.ravel(), times)


def test_gwets_example():
    """AC1 .77544, Fleiss' kappa .76117, agreement .81818; weighted AC2 .85874 and .91400."""
    unit, value = long(GWET)
    assert round(gwet_ac(unit, value, resamples=0).value, 5) == 0.77544
    assert round(fleiss_kappa(unit, value, resamples=0).value, 5) == 0.76117
    assert round(percent_agreement(unit, value, resamples=0).value, 5) == 0.81818
    assert round(gwet_ac(unit, value, weights="linear", resamples=0).value, 5) == 0.85874
    assert round(gwet_ac(unit, value, weights="quadratic", resamples=0).value, 5) == 0.914
    assert gwet_ac(unit, value, resamples=0).n == 11  # one subject has a single rating


def test_an_incomplete_table_has_the_figures_of_irrcac():
    """The R and Python package irrCAC, on 30 units of which some were rated once."""
    rows = """433 4.. 44. 224 412 .44 114 .2. .34 223 333 444 3.2 .21 .44 .11 211 .4. 444 333 222 111 114
        34. 332 134 333 244 .34 4.3"""
    table = np.array([[0.0 if c == "." else float(c) for c in row] for row in rows.split()])
    unit, value = long(table)
    found = label_agreement(unit, value, weights="quadratic", resamples=0)
    assert round(found["percent_agreement"].value, 5) == 0.50617
    assert round(found["fleiss_kappa"].value, 5) == 0.31501
    assert round(found["gwet_ac1"].value, 5) == 0.34996
    assert round(found["gwet_ac2"].value, 5) == 0.52447
    linear = label_agreement(unit, value, weights="linear", resamples=0)
    assert round(linear["gwet_ac2"].value, 5) == 0.45665


def test_fleiss_own_example():
    """Kappa .430 (Fleiss 1971)."""
    unit = np.repeat(np.arange(30), 6)
    value = np.concatenate([np.repeat(np.arange(5), row) for row in FLEISS])
    found = fleiss_kappa(unit, value, resamples=0)
    assert round(found.value, 3) == 0.430
    assert found.value == pytest.approx(statsmodels_fleiss(FLEISS))


def test_figures_by_hand():
    # Two raters and ten units: a-a 4, a-b 1, b-a 2, b-b 3.
    first, second = pairs([[4, 1], [2, 3]])
    observed, expected = 0.7, 0.5 * 0.6 + 0.5 * 0.4
    assert cohens_kappa(first, second, resamples=0).value == pytest.approx(
        (observed - expected) / (1 - expected)
    )
    unit = np.tile(np.arange(10), 2)
    value = np.concatenate([first, second])
    pi = 0.55
    assert percent_agreement(unit, value, resamples=0).value == pytest.approx(0.7)
    expected = pi**2 + (1 - pi) ** 2
    assert fleiss_kappa(unit, value, resamples=0).value == pytest.approx(
        (observed - expected) / (1 - expected)
    )
    expected = 2 * pi * (1 - pi)
    assert gwet_ac(unit, value, resamples=0).value == pytest.approx((observed - expected) / (1 - expected))


def test_a_near_miss_is_partial_agreement():
    # Labels 0, 1, 2: one miss by one step and one by two steps in five units.
    first, second = [0, 0, 1, 2, 0], [0, 0, 1, 1, 2]
    observed = (3 + 0.5 + 0) / 5
    # Shares .6 .2 .2 and .4 .4 .2: linear weights are 1, .5 and 0.
    expected = 0.6 * (0.4 + 0.2) + 0.2 * (0.2 + 0.4 + 0.1) + 0.2 * (0.2 + 0.2)
    found = cohens_kappa(first, second, weights="linear", resamples=0)
    assert found.value == pytest.approx((observed - expected) / (1 - expected))
    # A label that nobody used stretches the scale.
    stretched = cohens_kappa(first, second, weights="linear", categories=[0, 1, 2, 3], resamples=0)
    assert stretched.value == pytest.approx(found.value)  # linear weights: both disagreements shrink alike
    plain = cohens_kappa(first, second, resamples=0)
    assert cohens_kappa(first, second, categories=[0, 1, 2, 3], resamples=0).value == plain.value


@given(LABELS)
def test_cohens_kappa_equals_scikit_learn(labels):
    first, second = zip(*labels, strict=True)
    for weights in ("identity", "linear", "quadratic"):
        found = cohens_kappa(first, second, weights=weights, categories=list("abcd"), resamples=0)
        if len({*first, *second}) == 1:
            assert np.isnan(found.value)
        else:
            other = None if weights == "identity" else weights
            expected = cohen_kappa_score(first, second, weights=other, labels=list("abcd"))
            assert found.value == pytest.approx(expected, abs=1e-12)
        assert found.n == len(labels)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=3), min_size=2, max_size=15))
def test_fleiss_kappa_equals_statsmodels(rows):
    table = np.array(rows)
    found = fleiss_kappa(np.repeat(np.arange(len(table)), 3), table.ravel(), resamples=0).value
    if np.unique(table).size == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(statsmodels_fleiss(aggregate_raters(table)[0]), abs=1e-12)


@given(LABELS)
def test_alpha_of_a_table_equals_the_library(labels):
    codes = np.array([["abcd".index(label) for label in pair] for pair in labels])
    table = np.zeros((4, 4))
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    for level in ("nominal", "ordinal"):
        found = alpha_of_tables(table[None], level)[0]
        if np.unique(codes).size == 1:
            assert np.isnan(found)
        else:
            expected = krippendorff.alpha(codes.T.astype(float), level_of_measurement=level)
            assert found == pytest.approx(expected, abs=1e-9)


@given(LABELS)
def test_ac1_of_a_table_is_that_of_the_ratings(labels):
    codes = np.array([["abcd".index(label) for label in pair] for pair in labels])
    table = np.zeros((4, 4))
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    unit = np.repeat(np.arange(len(codes)), 2)
    expected = gwet_ac(unit, codes.ravel(), categories=range(4), resamples=0).value
    assert ac1_of_tables(table[None])[0] == pytest.approx(expected)


def test_the_interval_is_that_of_a_plain_loop_over_units():
    random = np.random.default_rng(2)
    table = np.array([[3, 1, 2], [2, 3, 1], [1, 1, 3]]) * 3
    first, second = pairs(table.tolist())
    draws = []
    for counts in np.concatenate(list(unit_counts(len(first), 3000, seed=9, name="loop"))):
        drawn = np.repeat(np.arange(len(first)), counts.astype(int))
        draws.append(cohen_kappa_score(first[drawn], second[drawn]))
    found = cohens_kappa(first, second, resamples=3000, seed=random.integers(100))
    # Other draws of the same distribution.
    assert (found.ci_low, found.ci_high) == pytest.approx(percentile_interval(np.array(draws)), abs=0.03)


def test_the_prevalence_paradox():
    """Feinstein & Cicchetti (1990): 85% agree in both tables, and kappa is .70 or .32."""
    balanced, skewed = pairs([[40, 9], [6, 45]]), pairs([[80, 10], [5, 5]])
    assert round(cohens_kappa(*balanced, resamples=0).value, 2) == 0.70
    assert round(cohens_kappa(*skewed, resamples=0).value, 2) == 0.32
    unit, value = np.tile(np.arange(100), 2), np.concatenate(skewed)
    found = label_agreement(unit, value, resamples=0)
    ac1 = found["gwet_ac1"].value
    assert found["percent_agreement"].value == pytest.approx(0.85)
    assert ac1 > 0.8
    note = paradox(0.85, 0.32, ac1, "no", 0.875)
    assert note.startswith("low although 85% of the pairs agree: 88% of the codes are 'no'")
    assert paradox(0.85, 0.70, ac1, "no", 0.5) == ""  # kappa is not low
    assert paradox(0.70, 0.32, 0.6, "no", 0.8) == ""  # there is not much agreement
    assert paradox(0.85, float("nan"), ac1, "no", 0.875) == ""


def test_one_label_only_has_agreement_and_no_kappa():
    unit, value = np.repeat(np.arange(6), 2), ["no"] * 12
    found = label_agreement(unit, value, categories=["yes", "no"])
    assert found["percent_agreement"].value == found["gwet_ac1"].value == 1
    assert np.isnan(found["fleiss_kappa"].value)
    assert np.isnan(gwet_ac(unit, value).value)  # there is no other label
    assert np.isnan(cohens_kappa(value, value).value)


def test_without_ratings_there_is_nothing():
    assert percent_agreement([], []).n == 0
    alone = label_agreement(["a", "b"], ["x", None])
    assert alone["gwet_ac1"].n == 0
    assert np.isnan(alone["percent_agreement"].value)
    assert cohens_kappa(["x", None], [None, "x"]).n == 0


def test_what_is_wrong_is_said():
    with pytest.raises(StudyError, match="Did you mean 'quadratic'"):
        cohens_kappa(["a"], ["b"], weights="quadratc")
    with pytest.raises(StudyError, match=r"none of the categories\. Found: 'b'"):
        gwet_ac([1, 1], ["a", "b"], categories=["a", "c"])
    with pytest.raises(StudyError, match="1 and 2 labels"):
        cohens_kappa(["a"], ["b", "a"])
