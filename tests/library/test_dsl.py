import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.optimize import fsolve
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.genmod.families import Binomial, Gaussian, Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.numdiff import approx_fprime

from pan_chen import FORMULA, PREDICTED, pan_chen
from study.errors import StudyError
from study.inference import dsl
from study.inference.crossfit import fold_numbers
from study.inference.design import Design
from study.inference.formula import parse_formula

R_PACKAGE = {
    "Intercept": (2.0977, 0.3620),
    "countyWrong": (-0.2573, 0.2220),
    "prefecWrong": (-1.1158, 0.2971),
    "connect2b": (-0.0799, 0.1195),
    "prevalence": (-0.3259, 0.1518),
    "regionj": (0.1261, 0.4565),
    "groupIssue": (-2.3230, 0.3596),
}
"""Estimate and SE that the authors' R package dsl prints for Pan & Chen (its documentation, 'dsl')."""


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


class CodeItself(RegressorMixin, BaseEstimator):
    """Expects the hand code to be the LLM's code: what cross-fitting gives can be told by hand."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return X[:, 0]


def corpus(n: int = 400, seed: int = 5) -> pd.DataFrame:
    """A corpus with a truth, an LLM's codes and hand codes of a third, drawn with unequal probabilities."""
    random = np.random.default_rng(seed)
    z = random.normal(size=n)
    x = (random.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    eta = -0.3 + 0.8 * x - 0.5 * z
    data = pd.DataFrame({"z": z, "x": x, "place": random.choice(["a", "b", "c"], n)})
    data["linear"] = eta + random.normal(size=n)
    data["logit"] = (random.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    data["poisson"] = random.poisson(np.exp(eta)).astype(float)
    # The LLM is wrong more often where the outcome is high: the errors that bias most.
    data["code"] = np.where(random.random(n) < 0.15 + 0.3 * (data["linear"] > 0), 1 - x, x)
    data["pi"] = np.where(z > 0, 0.5, 0.25)
    data["gold_x"] = np.where(random.random(n) < data["pi"], x, np.nan)
    return data


@pytest.mark.parametrize(
    "options",
    [{}, {"learner": LinearRegression(), "splits": 60}, {"learner": LogisticRegression(), "seed": 3}],
    ids=["default", "linear", "classifier"],
)
def test_the_published_run_of_the_r_package(options):
    """Within .005: R's learner (a forest) and folds differ, and folds alone move countyWrong by .002 (SD)."""
    found = dsl(FORMULA, pan_chen(), PREDICTED, family="logit", sampling_probability=500 / 1412, **options)
    for term, (estimate, se) in R_PACKAGE.items():
        assert found.params[term] == pytest.approx(estimate, abs=0.005)
        assert found.bse[term] == pytest.approx(se, abs=0.001)
    assert (found.nobs, found.n_labelled, found.estimator, found.family) == (1412, 500, "DSL", "logit")
    assert found.conf_int().loc["countyWrong"].tolist() == pytest.approx([-0.69, 0.18], abs=0.01)


def test_the_naive_analysis_claims_what_gold_does_not_support():
    data = pan_chen()
    naive = smf.logit(FORMULA.replace("countyWrong", "pred_countyWrong"), data).fit(disp=0)
    gold = smf.logit(FORMULA, data.dropna()).fit(disp=0)
    assert (naive.params["pred_countyWrong"], naive.bse["pred_countyWrong"]) == pytest.approx(
        (-1.336, 0.156), abs=5e-4
    )
    assert (gold.params["countyWrong"], gold.bse["countyWrong"]) == pytest.approx((-0.269, 0.225), abs=5e-4)


def test_a_mean_by_hand():
    data = pd.DataFrame(
        {
            "code": [1, 0, 1, 1, 0, 0, 1, 0, 1, 0],
            "gold": [1, 0, 0, 1, 1] + [np.nan] * 5,
            "pi": [0.5, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
        }
    )
    found = dsl(
        "gold ~ 1", data, {"gold": "code"}, sampling_probability="pi", learner=CodeItself(), folds=2, splits=1
    )
    # Mean code .5; two hand codes differ: (-1 / .25 + 1 / .5) / 10 = -.2. The squares of what the units
    # contribute (1, 0, -3, 1, 2, 0, 1, 0, 1, 0 less .3) add up to 16.1.
    assert found.params["Intercept"] == pytest.approx(0.3)
    assert found.bse["Intercept"] == pytest.approx(np.sqrt(16.1) / 10)
    summary = found.summary()
    assert list(summary) == ["estimate", "std_error", "statistic", "p_value", "ci_low", "ci_high"]
    assert summary.loc["Intercept", "ci_high"] == pytest.approx(0.3 + 1.959964 * np.sqrt(16.1) / 10)
    assert summary.loc["Intercept", "p_value"] == pytest.approx(0.45464, abs=1e-4)


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_the_equations_and_the_sandwich_of_the_paper(family):
    data = corpus()
    found = dsl(
        f"{family} ~ gold_x + z",
        data,
        {"gold_x": "code"},
        family=family,
        sampling_probability="pi",
        learner=CodeItself(),
        splits=2,
    )
    mean = {"linear": lambda e: e, "logit": lambda e: 1 / (1 + np.exp(-e)), "poisson": np.exp}[family]
    y, gold = data[family].to_numpy(), data["gold_x"].notna().to_numpy()
    coded = np.column_stack([np.ones(len(data)), data["code"], data["z"]])
    true = np.column_stack([np.ones(len(data)), data["gold_x"].fillna(0), data["z"]])

    def moments(b):
        expected = coded * (y - mean(coded @ b))[:, None]
        by_hand = true * (y - mean(true @ b))[:, None]
        return expected + (gold / data["pi"].to_numpy())[:, None] * (by_hand - expected)

    b = fsolve(lambda b: moments(b).mean(axis=0), [0, 0, 0])
    bread = np.linalg.inv(approx_fprime(b, lambda b: moments(b).sum(axis=0), centered=True))
    covariance = bread @ moments(b).T @ moments(b) @ bread.T
    assert found.params.to_numpy() == pytest.approx(b, abs=1e-6)
    assert found.cov_params().to_numpy() == pytest.approx(covariance, rel=1e-5)
    assert list(found.params.index) == ["Intercept", "gold_x", "z"]


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
@pytest.mark.parametrize("cluster", [None, "page"])
def test_all_hand_coded_with_certainty_is_the_plain_regression(family, cluster):
    data = corpus(200)
    data["page"] = np.arange(200) // 4
    data["wrong"] = 1 - data["x"]
    formula = f"{family} ~ x * C(place) + z"
    found = dsl(
        formula,
        data,
        {"x": "wrong", family: "code"},
        family=family,
        sampling_probability=1,
        cluster=cluster,
    )
    robust = (
        {"cov_type": "cluster", "cov_kwds": {"groups": data["page"], "use_correction": False}}
        if cluster
        else {"cov_type": "HC0"}
    )
    models = {
        "linear": lambda: smf.ols(formula, data).fit(**robust),
        "logit": lambda: smf.logit(formula, data).fit(disp=0, tol=1e-12, **robust),
        "poisson": lambda: smf.glm(formula, data, family=Poisson()).fit(tol=1e-12, **robust),
    }
    fit = models[family]()
    assert list(found.params.index) == list(fit.params.index)
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy(), abs=1e-8)
    assert found.pvalues.to_numpy() == pytest.approx(2 * norm.sf(np.abs(fit.params / fit.bse)), abs=1e-6)


@pytest.mark.parametrize(
    "formula",
    ["y ~ x * z", "y ~ b:z + c", "y ~ 0 + C(g):b + z", "y ~ b * C(g) * z", "y ~ 1", "y ~ z / b", "y ~ 0 + b"],
)
def test_model_matrices_are_patsys(formula):
    random = np.random.default_rng(3)
    data = pd.DataFrame(random.normal(size=(40, 3)), columns=["y", "x", "z"])
    data["b"] = random.choice(["no", "yes", "unclear"], 40)
    data["c"] = random.choice([True, False], 40)
    data["g"] = random.choice([1.0, 2.0, 3.0], 40)
    design = Design(parse_formula(formula, list(data)), data)
    fit = smf.ols(formula, data)
    assert design.terms == fit.exog_names
    assert design.matrix(data) == pytest.approx(fit.exog)


def test_a_predicted_category_is_its_indicators():
    random = np.random.default_rng(8)
    n = 600
    topic = random.choice(["economy", "health", "war"], n)
    code = np.where(random.random(n) < 0.3, random.choice(["economy", "health", "war"], n), topic)
    gold = random.random(n) < 0.4
    data = pd.DataFrame({"code": code, "topic": np.where(gold, topic, None), "z": random.normal(size=n)})
    data["y"] = (topic == "war") * 1.0 - (topic == "health") * data["z"] + random.normal(size=n)
    for level in ("health", "war"):
        data[level] = np.where(gold, topic == level, np.nan)
    learner = LinearRegression()
    whole = dsl("y ~ topic + z", data, {"topic": "code"}, learner=learner, splits=3)
    assert list(whole.params.index) == ["Intercept", "topic[T.health]", "topic[T.war]", "z"]
    apart = dsl("y ~ health + war + z", data, {"health": "code", "war": "code"}, learner=learner, splits=3)
    assert whole.params.to_numpy() == pytest.approx(apart.params.to_numpy())
    assert whole.bse.to_numpy() == pytest.approx(apart.bse.to_numpy())
    crossed = dsl("y ~ topic * z", data, {"topic": "code"}, splits=3)
    assert crossed.params["topic[T.health]:z"] == pytest.approx(-1, abs=4 * crossed.bse["topic[T.health]:z"])


def test_predicted_on_both_sides_and_a_missing_code():
    data = corpus(2000)
    gold = data["gold_x"].notna()
    data["gold_y"] = data["linear"].where(gold)
    data["code_y"] = 0.5 * data["linear"] + np.random.default_rng(1).normal(size=2000) + 3
    data.loc[data.index % 7 == 0, ["code", "code_y"]] = np.nan
    found = dsl(
        "gold_y ~ gold_x + z",
        data,
        {"gold_y": "code_y", "gold_x": ["code", "code_y"]},
        sampling_probability="pi",
        splits=2,
    )
    assert found.nobs == 2000
    truth = smf.ols("linear ~ x + z", data).fit()
    assert ((found.params.to_numpy() - truth.params.to_numpy()) / found.bse.to_numpy()) == pytest.approx(
        0, abs=2.5
    )


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_units_of_measurement_do_not_matter(family):
    data = corpus()
    options = {"family": family, "sampling_probability": "pi", "learner": CodeItself(), "splits": 1}
    found = dsl(f"{family} ~ gold_x + z", data, {"gold_x": "code"}, **options)
    late = dsl(f"{family} ~ gold_x + z", data.assign(z=2000 + data["z"] / 100), {"gold_x": "code"}, **options)
    assert late.params["gold_x"] == pytest.approx(found.params["gold_x"], rel=1e-6)
    assert late.bse["z"] == pytest.approx(100 * found.bse["z"], rel=1e-6)


def test_clusters_count_once():
    data = corpus()
    options = {"sampling_probability": "pi", "learner": CodeItself(), "splits": 1}
    once = dsl("linear ~ gold_x", data, {"gold_x": "code"}, **options)
    twice = pd.concat([data.assign(text=data.index)] * 2)
    clustered = dsl("linear ~ gold_x", twice, {"gold_x": "code"}, cluster="text", **options)
    naive = dsl("linear ~ gold_x", twice, {"gold_x": "code"}, **options)
    assert clustered.params.to_numpy() == pytest.approx(once.params.to_numpy())
    assert clustered.bse.to_numpy() == pytest.approx(once.bse.to_numpy())
    assert naive.bse.to_numpy() == pytest.approx(once.bse.to_numpy() / np.sqrt(2))


def test_an_intercept_of_a_cluster_has_no_standard_error():
    """Its equation is solved exactly, so that the sum over the cluster is zero whatever the truth is."""
    data = corpus()
    data["page"] = [f"p{i % 12}" for i in range(400)]
    options = {"cluster": "page", "splits": 3, "learner": LinearRegression()}
    found = dsl("linear ~ gold_x + page", data, {"gold_x": "code"}, sampling_probability="pi", **options)
    assert found.params.notna().all()
    assert found.bse.index[found.bse.notna()].tolist() == ["gold_x"]
    whole = dsl("linear ~ x + page", data, {"x": "code"}, sampling_probability=1, **options)
    groups = {"groups": pd.factorize(data["page"])[0], "use_correction": False}
    fit = smf.ols("linear ~ x + page", data).fit(cov_type="cluster", cov_kwds=groups)
    assert whole.bse["x"] == pytest.approx(fit.bse["x"])
    assert whole.bse.drop("x").isna().all()


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_all_hand_coded_with_weights_is_the_weighted_regression(family):
    data = corpus(200)
    data["w"] = np.random.default_rng(2).uniform(0.2, 3, 200)
    found = dsl(f"{family} ~ x + z", data, {"x": "code"}, family=family, sampling_probability=1, weights="w")
    X, y, w = smf.ols(f"{family} ~ x + z", data).exog, data[family], data["w"]
    families = {"linear": Gaussian, "logit": Binomial, "poisson": Poisson}
    fit = GLM(y, X, family=families[family](), freq_weights=w).fit(tol=1e-13)
    scores = X * ((y - fit.mu) * w).to_numpy()[:, None]
    slope = {"linear": 1, "logit": fit.mu * (1 - fit.mu), "poisson": fit.mu}[family]
    bread = np.linalg.inv((X.T * np.asarray(slope * w)) @ X)
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    assert found.bse.to_numpy() == pytest.approx(
        np.sqrt(np.diag(bread @ scores.T @ scores @ bread)), rel=1e-6
    )


@pytest.mark.parametrize("family", ["linear", "logit"])
def test_weights_are_copies_that_stay_together(family):
    data = corpus().assign(text=range(400), w=lambda d: 1 + d["text"] % 3)
    formula, options = f"{family} ~ gold_x + z", {"family": family, "cluster": "text", "splits": 3}
    options |= {"sampling_probability": "pi", "learner": CodeItself()}
    weighted = dsl(formula, data, {"gold_x": "code"}, weights="w", **options)
    repeated = dsl(formula, data.loc[data.index.repeat(data["w"])], {"gold_x": "code"}, **options)
    plain = dsl(formula, data, {"gold_x": "code"}, **options)
    assert weighted.params.to_numpy() == pytest.approx(repeated.params.to_numpy(), rel=1e-8)
    assert weighted.bse.to_numpy() == pytest.approx(repeated.bse.to_numpy(), rel=1e-8)
    assert weighted.params.to_numpy() != pytest.approx(plain.params.to_numpy(), rel=1e-3)


def test_weights_that_are_all_the_same_change_nothing():
    data = corpus().assign(w=250.0)
    options = {"sampling_probability": "pi", "splits": 2}
    plain = dsl("linear ~ gold_x + z", data, {"gold_x": "code"}, **options)
    weighted = dsl("linear ~ gold_x + z", data, {"gold_x": "code"}, weights="w", **options)
    assert weighted.params.equals(plain.params)
    assert weighted.bse.equals(plain.bse)
    nobody = pd.concat([data, data.head(50).assign(w=0.0, linear=99.0)])
    again = dsl("linear ~ gold_x + z", nobody, {"gold_x": "code"}, weights="w", **options)
    assert again.params.to_numpy() == pytest.approx(plain.params.to_numpy())
    assert again.nobs == 400


def test_weights_undo_a_sample_that_took_units_by_their_outcome():
    population = corpus(100_000, seed=9)
    truth = smf.ols("linear ~ x + z", population).fit().params["x"]
    population["chance"] = np.where(population["linear"] > 1.2, 0.02, 0.004)
    found, covered, without = [], [], []
    for seed in range(150):
        random = np.random.default_rng(seed)
        sample = population[random.random(len(population)) < population["chance"]]
        sample = sample.assign(w=1 / sample["chance"])
        sample["gold_x"] = sample["x"].where(random.random(len(sample)) < 0.4)
        options = {"sampling_probability": 0.4, "learner": LinearRegression(), "folds": 2, "splits": 1}
        fit = dsl("linear ~ gold_x + z", sample, {"gold_x": "code"}, weights="w", **options)
        low, high = fit.conf_int().loc["gold_x"]
        found.append(fit.params["gold_x"])
        covered.append(low <= truth <= high)
        without.append(dsl("linear ~ gold_x + z", sample, {"gold_x": "code"}, **options).params["gold_x"])
    assert np.mean(found) == pytest.approx(truth, abs=3 * np.std(found) / np.sqrt(150))
    assert abs(np.mean(without) - truth) > 5 * np.std(without) / np.sqrt(150)
    assert 134 <= np.sum(covered) <= 149  # 142.5, standard deviation 2.7


def test_folds_keep_clusters_whole_and_share_the_hand_codes():
    random = np.random.default_rng(2)
    groups = random.integers(0, 60, 400)
    labelled = np.isin(groups, np.arange(20)) & (np.arange(400) % 3 > 0)
    fold = fold_numbers(labelled, groups, 5, random)
    assert pd.Series(fold).groupby(groups).nunique().max() == 1
    coded = pd.Series(fold[labelled]).groupby(groups[labelled]).first()
    assert coded.value_counts().sort_index().tolist() == [len(coded) // 5] * 5


def test_the_seed_settles_the_folds_and_covariates_are_opt_in():
    data = corpus()

    def estimate(**options):
        return dsl(
            "linear ~ gold_x", data, {"gold_x": "code"}, sampling_probability="pi", splits=3, **options
        )

    assert estimate(seed=4).params.equals(estimate(seed=4).params)
    assert not estimate(seed=4).params.equals(estimate(seed=5).params)
    assert not estimate(covariates=["z"]).params.equals(estimate().params)
    forest = make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=5))
    assert estimate(learner=forest).params.equals(estimate(learner=forest).params)


@pytest.mark.parametrize("kind", ["Int64", "boolean", "category", "object"])
def test_columns_of_any_type(kind):
    data = corpus()
    whole = data["gold_x"].astype("Int64")
    typed = data.assign(gold_x=whole.astype("string") if kind == "category" else whole)
    typed["gold_x"] = typed["gold_x"].astype(kind)
    found, expected = (
        dsl("linear ~ gold_x", d, {"gold_x": "code"}, sampling_probability="pi", splits=2)
        for d in (typed, data)
    )
    assert found.params.to_numpy() == pytest.approx(expected.params.to_numpy())
    assert found.bse.to_numpy() == pytest.approx(expected.bse.to_numpy())


@pytest.mark.parametrize("codes", ["differential", "useless"])
def test_unbiased_with_right_intervals_whatever_the_codes(codes):
    """200 corpora; the truth is 0.8. Naive estimates are off by many times the error that is allowed here."""
    found, covered, naive = [], [], []
    for seed in range(200):
        data = corpus(600, seed=1000 + seed)
        if codes == "useless":
            data["code"] = (data["linear"] > 0).astype(float)
        fit = dsl(
            "linear ~ gold_x + z",
            data,
            {"gold_x": "code"},
            sampling_probability="pi",
            learner=LinearRegression(),
            folds=2,
            splits=1,
        )
        low, high = fit.conf_int().loc["gold_x"]
        found.append(fit.params["gold_x"])
        covered.append(low <= 0.8 <= high)
        naive.append(np.linalg.lstsq(np.c_[np.ones(600), data["code"], data["z"]], data["linear"])[0][1])
    error = np.std(found) / np.sqrt(200)
    assert np.mean(found) == pytest.approx(0.8, abs=3 * error)
    assert abs(np.mean(naive) - 0.8) > 10 * error
    # 95% of 200 is 190, standard deviation 3.1; sandwich intervals are a little short in small samples.
    assert 180 <= np.sum(covered) <= 198


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"formula": "linear ~ __import__('os')"}, "has no place there"),
        ({}, {"predicted": {"y": "code"}}, "not in the formula"),
        ({}, {"predicted": {}}, "No variable is said to be predicted"),
        ({}, {"predicted": {"gold_x": "coed"}}, "Did you mean 'code'"),
        ({}, {"predicted": {"gold_x": "gold_x"}}, "other than its hand codes"),
        ({}, {"family": "probit"}, "no such family"),
        ({}, {"family": "logit"}, "0 or 1"),
        ({"linear": -1.0}, {"family": "poisson"}, "not negative"),
        ({"linear": 2.0}, {}, "the same in every hand-coded unit"),
        ({"gold_x": np.nan}, {}, "No unit that can be used is hand-coded"),
        ({"gold_x": 1.0}, {"sampling_probability": 1}, "constant, or a combination"),
        ({}, {"sampling_probability": 1}, "certain to be drawn has no hand code"),
        ({}, {"sampling_probability": 0}, "not above 0"),
        ({"pi": np.nan}, {"sampling_probability": "pi"}, "none in column pi"),
        ({}, {"sampling_probability": 0.01}, "do not fit the number"),
        ({}, {"folds": 1}, "two folds or more"),
        ({}, {"folds": 200}, "two hand-coded units"),
        ({}, {"covariates": ["gold_x"]}, "itself predicted"),
        ({}, {"cluster": "pages"}, "no such column"),
        ({"linear": "much"}, {}, "The outcome is a number"),
        ({}, {"weights": "ww"}, "no such column"),
        ({"w": -1.0}, {"weights": "w"}, "negative"),
        ({}, {"family": "ordered"}, "not available for an ordered logit"),
    ],
)
def test_what_cannot_be_used_is_said(change, options, message):
    data = corpus().assign(**change)
    call = {"formula": "linear ~ gold_x + z", "data": data, "predicted": {"gold_x": "code"}} | options
    with pytest.raises(StudyError, match=message):
        dsl(**call)


def test_too_little_is_said():
    data = corpus()
    data["gold_x"] = data["gold_x"].where(data["gold_x"].notna().cumsum() <= 3)
    with pytest.raises(StudyError, match=r"too few hand-coded units.*3 for 4 terms"):
        dsl("linear ~ gold_x + C(place)", data, {"gold_x": "code"})
    data = corpus().assign(gold_y=lambda d: d["x"].where(d["gold_x"].notna()))
    with pytest.raises(StudyError, match="some of gold_x, gold_y"):
        dsl("gold_y ~ gold_x", data.assign(gold_x=data["x"]), {"gold_x": "code", "gold_y": "code"})
    with pytest.raises(StudyError, match="is a classifier"):
        dsl("gold_z ~ x", data.assign(gold_z=data["z"].where(data["gold_x"].notna())), {"gold_z": "code"},
            learner=LogisticRegression())  # fmt: skip
    separated = corpus().assign(logit=lambda d: (d["z"] > 0).astype(float))
    with pytest.raises(StudyError, match="no solution in these data"):
        dsl("logit ~ gold_x + z", separated, {"gold_x": "code"}, family="logit", learner=CodeItself())
