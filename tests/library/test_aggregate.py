import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from study.errors import StudyError
from study.inference import dsl, group_means, weighted_units
from study.inference.uncorrected import uncorrected


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def corpus(people: int = 60, seed: int = 2) -> pd.DataFrame:
    """Texts of people, some of whom write much; the LLM errs with how long a text is."""
    random = np.random.default_rng(seed)
    texts = random.integers(1, 15, people)
    person = np.repeat([f"p{i:03}" for i in range(people)], texts)
    n = len(person)
    data = pd.DataFrame({"person": person, "age": np.repeat(random.uniform(20, 80, people), texts)})
    data["party"] = np.repeat(random.choice(["left", "right", "other"], people), texts)
    data["length"] = random.exponential(size=n)
    data["w"] = random.integers(1, 4, n).astype(float)
    own = np.repeat(random.normal(size=people), texts)
    data["truth"] = 0.03 * data["age"] + own + 0.5 * data["length"] + random.normal(size=n)
    data["code"] = data["truth"] + 0.3 * data["length"] + 0.02 * data["age"] + random.normal(size=n)
    data["gold"] = data["truth"].where(random.random(n) < 0.4)
    return data


def test_means_by_hand():
    data = pd.DataFrame(
        {
            "year": [1990, 1990, 1991, 1991, 1991, 1992],
            "y": [1.0, 3, 0, 6, 6, np.nan],
            "x": [0.0, 1, 1, 1, 4, 9],
            "region": ["n", "n", "s", "s", "s", "s"],
            "w": [3.0, 1, 1, 1, 2, 1],
        }
    )
    means = group_means("y ~ x + region", data, "year")
    assert means.to_dict("list") == {
        "year": [1990, 1991],
        "y": [2, 4],
        "x": [0.5, 2],
        "region": ["n", "s"],
        "n_units": [2, 3],
    }
    weighted = group_means("y ~ x", data, "year", weights="w")
    assert weighted["y"].tolist() == [1.5, 4.5]
    assert weighted["x"].tolist() == [0.25, 2.5]
    units = weighted_units("y ~ x + region", data, "year", weights="w")
    assert units.data[units.weights].tolist() == [0.75, 0.25, 0.25, 0.25, 0.5]
    assert units.data["x"].tolist() == [0.25, 0.25, 2.5, 2.5, 2.5]
    assert units.data["y"].tolist() == [1, 3, 0, 6, 6]
    assert (units.cluster, units.n_groups) == ("year", 2)


@pytest.mark.parametrize("weights", [None, "w"])
def test_weighted_units_are_the_regression_of_means(weights):
    data, formula = corpus(), "truth ~ age * party + length"
    units = weighted_units(formula, data, "person", weights=weights)
    found = uncorrected(formula, units.data, weights=units.weights, cluster=units.cluster)
    means = group_means(formula, data, "person", weights=weights)
    fit = smf.ols(formula, means).fit(cov_type="HC0")
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy())
    n, p, G = len(data), len(found.params), 60
    factor = G / (G - 1) * (n - 1) / (n - p)
    assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy() * np.sqrt(factor))
    assert uncorrected(formula, means).bse.to_numpy() == pytest.approx(
        smf.ols(formula, means).fit(cov_type="HC3").bse.to_numpy()
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_means_lie_inside_their_groups_and_survive_shuffling(seed, weighted):
    data = corpus(12, seed)
    weights = "w" if weighted else None
    means = group_means("truth ~ length", data, "person", weights=weights).set_index("person")
    for name in ("truth", "length"):
        bounds = data.groupby("person")[name].agg(["min", "max"])
        assert (means[name] >= bounds["min"] - 1e-9).all()
        assert (means[name] <= bounds["max"] + 1e-9).all()
    again = group_means("truth ~ length", data.sample(frac=1, random_state=seed), "person", weights=weights)
    assert again.set_index("person").to_numpy() == pytest.approx(means.to_numpy())
    assert means["n_units"].sum() == len(data)


def test_dsl_of_means_with_everything_hand_coded_is_the_regression_of_means():
    data, formula = corpus(), "truth ~ age + party"
    units = weighted_units(formula, data, "person", predicted=["truth"], weights="w")
    found = dsl(formula, units.data, {"truth": "code"}, sampling_probability=1,
                weights=units.weights, cluster=units.cluster)  # fmt: skip
    fit = smf.ols(formula, group_means(formula, data, "person", weights="w")).fit(cov_type="HC0")
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy())
    assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy())


def test_dsl_of_means_is_unbiased_with_right_intervals():
    """The slope of people's means on age is .03; the LLM's codes say .05."""
    found, covered, naive = [], [], []
    for seed in range(150):
        data = corpus(200, 1000 + seed)
        units = weighted_units("gold ~ age", data, "person", predicted=["gold"])
        fit = dsl("gold ~ age", units.data, {"gold": "code"}, sampling_probability=0.4, weights=units.weights,
                  cluster=units.cluster, learner=LinearRegression(), folds=2, splits=1)  # fmt: skip
        low, high = fit.conf_int().loc["age"]
        found.append(fit.params["age"])
        covered.append(low <= 0.03 <= high)
        naive.append(uncorrected("code ~ age", group_means("code ~ age", data, "person")).params["age"])
    assert np.mean(found) == pytest.approx(0.03, abs=3 * np.std(found) / np.sqrt(150))
    assert np.mean(naive) == pytest.approx(0.05, abs=3 * np.std(naive) / np.sqrt(150))
    assert 134 <= np.sum(covered) <= 149  # 142.5, standard deviation 2.7


def test_columns_that_the_correction_needs_stay():
    data = corpus().assign(weight_in_group=1, pi=0.4)
    units = weighted_units("gold ~ age", data, "person", predicted={"gold": "code"})
    assert set(data) | {"weight_in_group_"} == set(units.data)
    assert units.data["gold"].notna().sum() == data["gold"].notna().sum()
    assert units.data.groupby("person")[units.weights].sum().to_numpy() == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"party": ["left", "right"] * 300}, {}, r"inside of a group.*party, with 2 values in person p000"),
        ({}, {"formula": "truth ~ C(w)"}, "differs inside of a group"),
        ({}, {"by": "people"}, "no such column"),
        ({}, {"by": "truth"}, "outcome cannot be"),
        ({"person": None}, {}, "No unit has a group"),
        ({}, {"weights": "party"}, "not a number"),
        ({}, {"formula": "truth ~ gold", "predicted": ["gold"]}, "not available for a predicted covariate"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(change, options, message):
    data = corpus(100).head(600).assign(**change)
    assert len(data) == 600
    with pytest.raises(StudyError, match=message):
        weighted_units(**({"formula": "truth ~ age + party", "data": data, "by": "person"} | options))
