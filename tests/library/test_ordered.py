import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.miscmodels.ordinal_model import OrderedModel

from study.errors import StudyError
from study.inference.ordered import fit_ordered
from study.inference.uncorrected import uncorrected


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def corpus(n: int = 600, seed: int = 1, cuts: tuple[float, ...] = (-1, 0.5, 2)) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    z, place = random.normal(size=n), random.choice(list("abc"), n)
    y = np.digitize(z + (place == "b") + random.logistic(size=n), cuts) + 1
    return pd.DataFrame({"z": z, "place": place, "y": y})


def test_without_covariates_thresholds_are_the_logits_of_the_shares():
    data = pd.DataFrame({"y": [1] * 2 + [2] * 3 + [5] * 5, "w": [5] * 2 + [2] * 3 + [4 / 5] * 5})
    plain = uncorrected("y ~ 1", data, family="ordered")
    assert plain.params.to_dict() == pytest.approx({"1/2": np.log(2 / 8), "2/5": 0})
    # The sandwich of a share's logit is 1 / (n p (1 - p)).
    assert plain.bse.to_numpy() == pytest.approx([np.sqrt(1 / (10 * 0.16)), np.sqrt(1 / (10 * 0.25))])
    weighted = uncorrected("y ~ 1", data, family="ordered", weights="w")
    assert weighted.params.to_dict() == pytest.approx({"1/2": 0, "2/5": np.log(16 / 4)})


def test_figures_are_those_of_statsmodels():
    data = corpus()
    found = uncorrected("y ~ z * place", data, family="ordered")
    model = OrderedModel.from_formula(
        "y ~ z * place", data.assign(y=pd.Categorical(data["y"], ordered=True)), distr="logit"
    )
    fit = model.fit(method="bfgs", disp=0, gtol=1e-9, maxiter=500, cov_type="HC0")
    slopes = len(found.params) - 3
    assert list(found.params.index) == list(model.exog_names)
    assert found.params.iloc[:slopes].to_numpy() == pytest.approx(fit.params.iloc[:slopes], abs=1e-5)
    assert found.bse.iloc[:slopes].to_numpy() == pytest.approx(fit.bse.iloc[:slopes], rel=1e-4)
    # There thresholds after the first are given as logs of the steps between them.
    thresholds = model.transform_threshold_params(fit.params.to_numpy())[1:-1]
    assert found.params.iloc[slopes:].to_numpy() == pytest.approx(thresholds, abs=1e-5)
    assert found.bse["1/2"] == pytest.approx(fit.bse["1/2"], rel=1e-4)


def test_two_levels_are_a_logit():
    data = corpus(cuts=(0.5,))
    ordered = uncorrected("y ~ z + place", data, family="ordered")
    logit = uncorrected("y ~ z + place", data.assign(y=data["y"] - 1), family="logit")
    assert ordered.params[["z", "place[T.b]"]].to_numpy() == pytest.approx(logit.params[["z", "place[T.b]"]])
    assert ordered.params["1/2"] == pytest.approx(-logit.params["Intercept"])
    assert ordered.bse.sort_index().tolist() == pytest.approx(
        logit.bse.rename({"Intercept": "1/2"}).sort_index().tolist()
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.booleans())
def test_the_maximum_is_one(seed, levels, unequal):
    """Scores add up to zero, thresholds rise, and turning the scale around turns the signs around."""
    random = np.random.default_rng(seed)
    n = 150
    X = random.normal(size=(n, 2))
    level = random.permutation(np.arange(n) % levels)
    w = random.uniform(0.2, 3, n) if unequal else np.ones(n)
    found = fit_ordered(X, level, w)
    assert found.scores.sum(axis=0) == pytest.approx(0, abs=1e-8)
    assert (np.diff(found.parameters[2:]) > 0).all()
    turned = fit_ordered(X, levels - 1 - level, w)
    assert turned.parameters[:2] == pytest.approx(-found.parameters[:2], abs=1e-7)
    assert turned.parameters[2:] == pytest.approx(-found.parameters[:1:-1], abs=1e-7)


def test_true_coefficients_are_found():
    covered = []
    for seed in range(100):
        low, high = uncorrected("y ~ z + place", corpus(300, seed), family="ordered").conf_int().loc["z"]
        covered.append(low <= 1 <= high)
    assert 88 <= np.sum(covered) <= 99  # 95, standard deviation 2.2


def test_separated_levels_are_said():
    data = corpus().assign(y=lambda d: np.digitize(d["z"], [-1, 1]))
    with pytest.raises(StudyError, match="separates low from high"):
        uncorrected("y ~ z", data, family="ordered")
    data = corpus().assign(y=lambda d: np.where(d["place"] == "b", 4, d["y"]))
    with pytest.raises(StudyError, match="separates low from high"):
        uncorrected("y ~ z + place", data, family="ordered")
