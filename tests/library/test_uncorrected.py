import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.genmod.families import Binomial, Poisson

from pan_chen import FORMULA, PREDICTED, pan_chen
from study.errors import StudyError
from study.inference import dsl, gold_only
from study.inference.uncorrected import separating, uncorrected

FAMILIES = ["linear", "logit", "poisson", "ordered"]


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def corpus(n: int = 300, seed: int = 7) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    z, x = random.normal(size=(2, n))
    eta = -0.3 + 0.8 * x - 0.5 * z
    data = pd.DataFrame({"z": z, "x": x, "place": random.choice(["a", "b", "c"], n)})
    data["page"] = [f"p{i // 5}" for i in range(n)]
    data["w"] = random.integers(1, 5, n)
    data["linear"] = eta + random.normal(size=n) * (1 + (z > 0))
    data["logit"] = (random.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    data["poisson"] = random.poisson(np.exp(eta)).astype(float)
    data["ordered"] = np.digitize(eta + random.logistic(size=n), [-2, -0.5, 1.0]) * 10
    return data


def test_the_two_regressions_of_pan_and_chen():
    """Naive and gold-only as published, with robust standard errors: the first claims what gold does not."""
    naive = uncorrected(FORMULA.replace("countyWrong", "pred_countyWrong"), pan_chen(), family="logit")
    gold = gold_only(FORMULA, pan_chen(), PREDICTED, family="logit", sampling_probability=500 / 1412)
    assert naive.params["pred_countyWrong"] == pytest.approx(-1.336, abs=5e-4)
    assert naive.bse["pred_countyWrong"] == pytest.approx(0.159, abs=5e-4)
    assert gold.params["countyWrong"] == pytest.approx(-0.269, abs=5e-4)
    assert gold.bse["countyWrong"] == pytest.approx(0.229, abs=5e-4)
    assert (naive.nobs, naive.n_labelled, naive.estimator) == (1412, 0, "naive")
    assert (gold.nobs, gold.n_labelled, gold.estimator) == (500, 500, "gold_only")
    assert {naive.covariance_type, gold.covariance_type} == {"sandwich"}


def test_a_weighted_mean_by_hand():
    data = pd.DataFrame({"y": [1.0, 0, 1, 0], "w": [2, 1, 1, 0]})
    found = uncorrected("y ~ 1", data, weights="w")
    # The last unit stands for nobody. Mean 3/4; leverages 1/2, 1/4, 1/4; residuals 1/4, -3/4, 1/4: HC3 is
    # ((2 * 1/4 / (1/2))^2 + (3/4 / (3/4))^2 + (1/4 / (3/4))^2) / 16.
    assert found.params["Intercept"] == pytest.approx(3 / 4)
    assert found.bse["Intercept"] == pytest.approx(np.sqrt((1 + 1 + 1 / 9) / 16))
    assert (found.nobs, found.covariance_type, found.reference) == (3, "HC3", "t(2)")
    assert found.conf_int().loc["Intercept", 1] == pytest.approx(0.75 + 4.302653 * np.sqrt(19 / 9 / 16))


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("cluster", [None, "page"])
@pytest.mark.parametrize("family", FAMILIES[:3])
def test_figures_are_those_of_statsmodels(family, cluster, weights):
    data = corpus()
    formula = f"{family} ~ x * C(place) + z"
    found = uncorrected(formula, data, family=family, cluster=cluster, weights=weights)
    w = data["w"] if weights else np.ones(len(data))
    X, y = smf.ols(formula, data).exog, data[family]
    if family == "linear":
        model = sm.WLS(y, X, weights=w)
        robust = {"cov_type": "HC3", "use_t": True}
        if cluster:
            groups = pd.factorize(data["page"])[0]
            robust = {"cov_type": "cluster", "cov_kwds": {"groups": groups}, "use_t": True}
        fit = model.fit(**robust)
        assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy(), rel=1e-9)
        assert found.pvalues.to_numpy() == pytest.approx(fit.pvalues.to_numpy(), abs=1e-9)
        assert found.conf_int().to_numpy() == pytest.approx(fit.conf_int().to_numpy(), rel=1e-9)
        assert found.reference == ("t(59)" if cluster else "t(293)")
    else:
        fit = sm.GLM(y, X, family={"logit": Binomial, "poisson": Poisson}[family](), freq_weights=w).fit(
            tol=1e-13
        )
        scores = X * ((y - fit.mu) * w).to_numpy()[:, None]
        if cluster:
            scores = pd.DataFrame(scores).groupby(data["page"].to_numpy()).sum().to_numpy() * np.sqrt(60 / 59)
        bread = np.linalg.inv(-fit.model.hessian(fit.params))
        variance = np.diag(bread @ scores.T @ scores @ bread)
        assert found.bse.to_numpy() == pytest.approx(np.sqrt(variance), rel=1e-6)
        assert found.reference == ("t(59)" if cluster else "normal")
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy(), rel=1e-6)
    assert list(found.params.index) == smf.ols(formula, data).exog_names


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_copies_that_stay_together(family):
    """A unit of weight 3 is three units of one cluster."""
    data = corpus()
    weighted = uncorrected(f"{family} ~ x + C(place)", data, family=family, weights="w", cluster="page")
    copies = data.loc[data.index.repeat(data["w"])]
    repeated = uncorrected(f"{family} ~ x + C(place)", copies, family=family, cluster="page")
    factor = (len(data) - 1) / (len(data) - 4) / ((len(copies) - 1) / (len(copies) - 4))
    factor = np.sqrt(factor) if family == "linear" else 1
    assert weighted.params.to_numpy() == pytest.approx(repeated.params.to_numpy(), rel=1e-8)
    assert weighted.bse.to_numpy() == pytest.approx(factor * repeated.bse.to_numpy(), rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(FAMILIES), st.floats(0.01, 100), st.floats(-1e4, 1e4), st.integers(0, 5))
def test_no_scale_matters(family, scale, shift, seed):
    data = corpus(80, seed)
    moved = data.assign(x=data["x"] * scale + shift, w=data["w"] * scale)
    found, again = (uncorrected(f"{family} ~ x + z", d, family=family, weights="w") for d in (data, moved))
    assert again.params["x"] * scale == pytest.approx(found.params["x"], rel=1e-5, abs=1e-7)
    assert again.tvalues["x"] == pytest.approx(found.tvalues["x"], rel=1e-5, abs=1e-7)
    assert again.params["z"] == pytest.approx(found.params["z"], rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_intervals_are_right_under_unequal_weights(family):
    """Units with a low outcome were sampled less; weights undo it. The population's coefficient is known."""
    population = corpus(200_000, seed=1)
    truth = uncorrected(f"{family} ~ x", population, family=family).params["x"]
    chance = np.where(population[family] > 0, 0.004, 0.0015)
    covered, biased = [], []
    for seed in range(100):
        drawn = np.random.default_rng(seed).random(len(population)) < chance
        sample = population[drawn].assign(w=1 / chance[drawn])
        low, high = uncorrected(f"{family} ~ x", sample, family=family, weights="w").conf_int().loc["x"]
        covered.append(low <= truth <= high)
        biased.append(uncorrected(f"{family} ~ x", sample, family=family).params["x"])
    assert 88 <= np.sum(covered) <= 99  # 95, standard deviation 2.2
    if family in ("linear", "poisson"):
        assert abs(np.mean(biased) - truth) > 5 * np.std(biased) / 10


@pytest.mark.parametrize("level", [0.1, 1, 1e5])
def test_counts_of_any_size(level):
    random = np.random.default_rng(3)
    data = pd.DataFrame({"z": random.normal(size=200) + 2000})
    data["y"] = random.poisson(level * np.exp(0.7 * (data["z"] - 2000)))
    found = uncorrected("y ~ z", data, family="poisson")
    X = np.column_stack([np.ones(200), data["z"] - 2000])
    fit = sm.GLM(data["y"], X, family=Poisson()).fit(tol=1e-13, cov_type="HC0")
    assert found.params["z"] == pytest.approx(fit.params.iloc[1], rel=1e-6)
    assert found.bse["z"] == pytest.approx(fit.bse.iloc[1], rel=1e-6)


def test_gold_only_is_the_hand_coded_units_weighted_by_their_drawing():
    data = corpus()
    data["pi"] = np.where(data["z"] > 0, 0.6, 0.3)
    data["gold"] = data["x"].where(np.random.default_rng(1).random(300) < data["pi"])
    options = {"sampling_probability": "pi", "weights": "w"}
    found = gold_only("linear ~ gold + C(place)", data, {"gold": "z"}, **options)
    hand = data.dropna().assign(both=lambda d: d["w"] / d["pi"])
    other = uncorrected("linear ~ gold + C(place)", hand, weights="both")
    assert found.params.to_numpy() == pytest.approx(other.params.to_numpy())
    assert found.bse.to_numpy() == pytest.approx(other.bse.to_numpy())
    certain = gold_only("logit ~ x", data, {"x": "z"}, family="logit", sampling_probability=1)
    by_dsl = dsl("logit ~ x", data, {"x": "z"}, family="logit", sampling_probability=1)
    assert certain.bse.to_numpy() == pytest.approx(by_dsl.bse.to_numpy())


def test_a_cluster_that_alone_decides_a_term_leaves_the_others_their_figures():
    """Every place an intercept, and places as clusters: their variance cannot be told, that of x can."""
    data = corpus()
    data["place"] = np.array(list("abcdefghij"))[np.arange(300) % 10]
    found = uncorrected("linear ~ C(place) + x", data, cluster="place")
    assert found.bse.drop("x").isna().all()
    assert found.params.notna().all()
    fit = smf.ols("linear ~ C(place) + x", data).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(data["place"])[0]}
    )
    assert found.bse["x"] == pytest.approx(fit.bse["x"])


def test_which_terms_separate():
    X = np.column_stack([np.ones(8), [0, 0, 0, 0, 1, 1, 0, 0], [1, 2, 3, 4, 2, 3, 1, 4]])
    y = np.array([0.0, 1, 0, 1, 1, 1, 1, 0])
    assert separating(X, y, "logit").tolist() == [False, True, False]
    assert separating(X, 1 - y, "poisson").tolist() == [False, True, False]
    assert not separating(X, y, "poisson").any()  # a count above 0 is never certain
    assert not separating(X[:, [0, 2]], y, "logit").any()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"formula": "linear ~ xx"}, "Did you mean 'x'"),
        ({}, {"family": "probit"}, "no such family"),
        ({}, {"family": "logit"}, "0 or 1"),
        ({"linear": -1.5}, {"family": "poisson"}, "not negative"),
        ({}, {"family": "ordered"}, r"has a few levels.*300 values"),
        ({"linear": "much"}, {}, "outcome is a number"),
        ({"linear": 2.0}, {}, "the same in every unit"),
        ({"x": 1.0}, {}, "constant, or a combination of the terms before it. Found: 'x'"),
        ({"x": lambda d: 2 * d["z"] + 1}, {"formula": "linear ~ z + x"}, "Found: 'x'"),
        ({"x": np.nan}, {}, "too few units. Found: '0 for 3 terms'"),
        ({}, {"formula": "linear ~ C(page) * x + C(w) * C(page)"}, "too few units"),
        ({"place": ["only"] + ["x"] * 299}, {"formula": "linear ~ C(place)"}, "A unit alone decides"),
        ({"place": ["x"] * 299 + ["z"], "z": range(300)}, {"formula": "z ~ place", "family": "poisson"},
         "A unit alone decides"),
        ({"place": ["z"] + ["x"] * 299, "z": range(300)}, {"formula": "z ~ place", "family": "poisson"},
         r"separation.*Found: 'place\[T.z\]'"),
        ({"x": lambda d: d["logit"]}, {"formula": "logit ~ x + z", "family": "logit"}, "separation.*, x"),
        ({"page": "one"}, {"cluster": "page"}, "two clusters or more"),
        ({}, {"cluster": "pages"}, "Did you mean 'page'"),
        ({"w": -1}, {"weights": "w"}, "negative"),
        ({"w": "much"}, {"weights": "w"}, "not a number"),
        ({}, {"weights": "ww"}, "no such column"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(change, options, message):
    data = corpus().assign(**change)
    with pytest.raises(StudyError, match=message):
        uncorrected(**({"formula": "linear ~ x + z", "data": data} | options))


def test_identifiers_fill_no_memory():
    data = pd.DataFrame({"y": np.arange(5000.0), "unit": [f"u{i % 2500}" for i in range(5000)]})
    with pytest.raises(StudyError, match=r"an identifier.*2500 terms"):
        uncorrected("y ~ unit", data)
