import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.optimize import minimize
from statsmodels.genmod.families import Poisson
from statsmodels.tools.numdiff import approx_hess

from pan_chen import FORMULA, PREDICTED, pan_chen
from study.errors import StudyError
from study.inference import dsl, gold_only, misclassification_mle, ppi, prevalence


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def expit(eta):
    return 1 / (1 + np.exp(-eta))


def corpus(n: int = 800, seed: int = 5, labelled: float = 0.3) -> pd.DataFrame:
    """A corpus whose LLM errs more where the outcome is high."""
    random = np.random.default_rng(seed)
    z = random.normal(size=n)
    x = (random.random(n) < expit(z)).astype(float)
    eta = -0.3 + 0.8 * x - 0.5 * z
    data = pd.DataFrame({"z": z, "x": x, "place": random.choice(["a", "b", "c"], n)})
    data["linear"] = eta + random.normal(size=n)
    data["logit"] = (random.random(n) < expit(eta)).astype(float)
    data["poisson"] = random.poisson(np.exp(eta)).astype(float)
    for family in ("linear", "logit", "poisson"):
        wrong = random.random(n) < expit(-1.8 + 0.8 * data[family])
        data[f"code_{family}"] = np.where(wrong, 1 - x, x)
    data["gold"] = np.where(random.random(n) < labelled, x, np.nan)
    return data


def plain(formula: str, family: str, data: pd.DataFrame):
    models = {
        "linear": lambda: smf.ols(formula, data).fit(),
        "logit": lambda: smf.logit(formula, data).fit(disp=0, tol=1e-12),
        "poisson": lambda: smf.glm(formula, data, family=Poisson()).fit(tol=1e-12),
    }
    return models[family]()


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_all_hand_coded_is_the_plain_likelihood(family):
    data = corpus()
    formula = f"{family} ~ x * z + C(place)"
    found = misclassification_mle(formula, data, {"x": f"code_{family}"}, family=family)
    fit = plain(formula, family, data)
    # Maximum likelihood divides the sum of squares by n, least squares by n less the terms.
    factor = math.sqrt(fit.df_resid / fit.nobs) if family == "linear" else 1
    assert list(found.params.index) == list(fit.params.index)
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-6)
    assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy() * factor, rel=1e-5)


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_the_likelihood_written_out(family):
    """Another program for the same likelihood, one unit after the other, with a search of its own."""
    data = corpus(300)
    code = f"code_{family}"
    found = misclassification_mle(f"{family} ~ gold + z", data, {"gold": code}, family=family)

    def outcome(theta, y, x, z):
        eta = theta[0] + theta[1] * x + theta[2] * z
        if family == "linear":
            sd = np.exp(theta[11])
            return np.exp(-0.5 * ((y - eta) / sd) ** 2) / sd
        if family == "logit":
            return expit(eta) if y else 1 - expit(eta)
        return np.exp(y * eta - np.exp(eta) - math.lgamma(y + 1))

    def joint(theta, x, row):
        p_x = expit(theta[3] + theta[4] * row.z)
        p_w = expit([1, row.y, row.z] @ theta[8:11] if x else [1, row.y, row.z] @ theta[5:8])
        return outcome(theta, row.y, x, row.z) * (p_x if x else 1 - p_x) * (p_w if row.w else 1 - p_w)

    rows = list(
        data.rename(columns={family: "y", code: "w"})[["y", "w", "z", "gold"]].itertuples(index=False)
    )

    def loss(theta):
        probabilities = [
            joint(theta, 0, row) + joint(theta, 1, row)
            if math.isnan(row.gold)
            else joint(theta, row.gold, row)
            for row in rows
        ]
        return -np.log(probabilities).sum()

    start = np.array([-0.3, 0.8, -0.5, 0, 1, -1.8, 0, 0, 1.8, 0, 0, 0][: 12 if family == "linear" else 11])
    best = minimize(loss, start, method="BFGS", options={"gtol": 1e-3}).x
    covariance = np.linalg.inv(approx_hess(best, loss))
    assert found.params.to_numpy() == pytest.approx(best[:3], abs=1e-3)  # ours has a faint prior
    assert found.bse.to_numpy() == pytest.approx(np.sqrt(np.diag(covariance))[:3], rel=1e-3)


@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_an_llm_that_is_never_wrong_is_as_good_as_hand_codes(family):
    """The coefficients of its errors are infinite; what is said of the outcome stays finite and right."""
    data = corpus()
    found = misclassification_mle(
        f"{family} ~ gold + z", data.assign(w=data["x"]), {"gold": "w"}, family=family
    )
    fit = plain(f"{family} ~ x + z", family, data)
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=0.01)
    assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy(), rel=0.02)


@pytest.mark.parametrize("family", ["linear", "logit"])
def test_unbiased_with_right_intervals_though_errors_depend_on_the_outcome(family):
    found, covered, naive = [], [], []
    for seed in range(60):
        data = corpus(1200, seed=seed)
        fit = misclassification_mle(f"{family} ~ gold + z", data, {"gold": f"code_{family}"}, family=family)
        low, high = fit.conf_int().loc["gold"]
        found.append(fit.params["gold"])
        covered.append(low <= 0.8 <= high)
        naive.append(plain(f"{family} ~ code_{family} + z", family, data).params.iloc[1])
    error = np.std(found) / math.sqrt(60)
    assert np.mean(found) == pytest.approx(0.8, abs=3 * error)
    assert abs(np.mean(naive) - 0.8) > 10 * error
    assert 52 <= np.sum(covered) <= 60  # 95% is 57, standard deviation 1.7


def test_more_precise_than_hand_codes_alone():
    data = corpus(3000)
    found = misclassification_mle("linear ~ gold + z", data, {"gold": "code_linear"})
    alone = plain("linear ~ gold + z", "linear", data.dropna())
    assert found.bse["gold"] < 0.9 * alone.bse["gold"]
    assert (found.nobs, found.n_labelled) == (3000, int(data["gold"].notna().sum()))
    assert found.estimator == "likelihood"


def test_units_of_measurement_do_not_matter():
    data = corpus()
    found = misclassification_mle("linear ~ gold + z", data, {"gold": "code_linear"})
    data = data.assign(linear=data["linear"] * 1e6 + 1e7, z=2000 + data["z"] / 100)
    scaled = misclassification_mle("linear ~ gold + z", data, {"gold": "code_linear"})
    assert scaled.params["gold"] == pytest.approx(1e6 * found.params["gold"], rel=1e-4)
    assert scaled.bse["z"] == pytest.approx(1e8 * found.bse["z"], rel=1e-4)


def test_categories_and_missing_codes():
    random = np.random.default_rng(4)
    n = 3000
    topic = random.choice(["economy", "health", "war"], n, p=[0.5, 0.3, 0.2])
    said = np.where(random.random(n) < 0.25, random.choice(["economy", "health", "war"], n), topic)
    data = pd.DataFrame({"z": random.normal(size=n), "said": np.where(random.random(n) < 0.1, None, said)})
    data["y"] = 1.0 * (topic == "health") - 0.5 * (topic == "war") + 0.2 * data["z"] + random.normal(size=n)
    data["topic"] = np.where(random.random(n) < 0.2, topic, None)
    found = misclassification_mle("y ~ topic + z", data, {"topic": "said"})
    assert list(found.params.index) == ["Intercept", "topic[T.health]", "topic[T.war]", "z"]
    errors = (found.params.to_numpy() - [0, 1, -0.5, 0.2]) / found.bse.to_numpy()
    assert errors == pytest.approx(0, abs=2.5)
    assert found.nobs == n


def test_a_misclassified_outcome():
    random = np.random.default_rng(6)
    data = corpus(4000)
    wrong = random.random(4000) < np.where(data["z"] > 0, 0.3, 0.05)
    data["said"] = np.where(wrong, 1 - data["logit"], data["logit"])
    data["y"] = data["logit"].where(data["gold"].notna())
    found = misclassification_mle("y ~ x + z", data, {"y": "said"}, family="logit")
    truth = plain("logit ~ x + z", "logit", data)
    alone = plain("y ~ x + z", "logit", data.dropna(subset="y"))
    naive = plain("said ~ x + z", "logit", data)
    errors = (found.params - truth.params) / found.bse
    assert errors.to_numpy() == pytest.approx(0, abs=2)
    assert (found.bse < alone.bse).all()
    assert abs(naive.params["z"] - truth.params["z"]) > 5 * naive.bse["z"]


def test_errors_that_depend_on_the_outcome_must_be_allowed_for():
    """Pan & Chen: hand codes alone say -.269. Supposing that errors depend on the truth alone misleads."""
    options = {"family": "logit"}
    safe = misclassification_mle(FORMULA, pan_chen(), PREDICTED, **options)
    bold = misclassification_mle(FORMULA, pan_chen(), PREDICTED, errors_depend_on=[], **options)
    assert safe.params["countyWrong"] == pytest.approx(-0.269, abs=0.05)
    assert safe.bse["countyWrong"] < 0.225
    assert bold.params["countyWrong"] < -0.8


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"z": lambda d: d["gold"]}, {"predicted": {"gold": "code_linear", "z": "x"}}, "for several"),
        ({}, {"predicted": {"gold": ["code_linear", "x"]}}, "not available for several"),
        ({}, {"predicted": {"linear": "code_linear"}}, "not available for a predicted outcome"),
        ({}, {"predicted": {"z": "code_linear"}}, "not available for continuous codes.*z, with 247 values"),
        ({}, {"predicted": {"gold": "z"}}, "not available for continuous codes"),
        ({"gold": [1.0, np.nan] * 400}, {}, "the same in every hand-coded unit"),
        ({"code_linear": 1}, {}, "the same in every hand-coded unit"),
        ({}, {"errors_depend_on": ["gold"]}, "other variables alone"),
        ({}, {"family": "probit"}, "no such family"),
        ({}, {"family": "logit"}, "0 or 1"),
        ({}, {"formula": "logit ~ gold + linear"}, ""),
        (
            {"logit": lambda d: (d["z"] > 0) * 1.0},
            {"formula": "logit ~ gold + z", "family": "logit"},
            "no clear",
        ),
    ],
)
def test_what_cannot_be_used_is_said(change, options, message):
    data = corpus().assign(**change)
    call = {"formula": "linear ~ gold + z", "data": data, "predicted": {"gold": "code_linear"}} | options
    if not message:
        assert misclassification_mle(**call).params.notna().all()
        return
    with pytest.raises(StudyError, match=message):
        misclassification_mle(**call)


def test_prevalence_by_hand():
    # 100 others, 40 coded positive; sensitivity 16 / 20, specificity 27 / 30: (.4 + .9 - 1) / (.8 + .9 - 1).
    gold = [1] * 20 + [0] * 30 + [None] * 100
    code = [1] * 16 + [0] * 4 + [0] * 27 + [1] * 3 + [1] * 40 + [0] * 60
    found = prevalence(pd.DataFrame({"gold": gold, "code": code}), "gold", "code")
    p = 0.3 / 0.7
    variance = (0.4 * 0.6 / 100 + p**2 * 0.8 * 0.2 / 20 + (1 - p) ** 2 * 0.9 * 0.1 / 30) / 0.7**2
    assert found.value == pytest.approx(p)
    assert found.ci_high - found.value == pytest.approx(1.959964 * math.sqrt(variance))
    assert found.value - found.ci_low == pytest.approx(found.ci_high - found.value)
    assert found.n == 100
    words = pd.DataFrame({"gold": gold, "code": code}).replace({1: "yes", 0: "no"})
    assert prevalence(words, "gold", "code", positive="yes") == found


def test_prevalence_has_right_intervals():
    covered = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        truth = random.random(1500) < 0.25
        code = np.where(random.random(1500) < np.where(truth, 0.25, 0.1), ~truth, truth)
        gold = np.where(np.arange(1500) < 400, truth.astype(float), np.nan)
        found = prevalence(pd.DataFrame({"gold": gold, "code": code.astype(int)}), "gold", "code")
        covered.append(found.ci_low <= 0.25 <= found.ci_high)
    assert 274 <= np.sum(covered) <= 296  # 95% is 285, standard deviation 3.8


def test_every_estimator_of_a_prevalence_agrees():
    """A correction is worth a tenth of the interval; to estimate sensitivity and specificity costs more."""
    options = ("countyWrong ~ 1", pan_chen(), PREDICTED)
    alone = gold_only(*options).conf_int().loc["Intercept"]
    corrected = [dsl(*options).conf_int().loc["Intercept"], ppi(*options).conf_int().loc["Intercept"]]
    assert alone.tolist() == pytest.approx([0.199, 0.273], abs=6e-4)
    for found in corrected:
        assert found.tolist() == pytest.approx([0.203, 0.272], abs=6e-4)
    screened = prevalence(pan_chen(), "countyWrong", "pred_countyWrong")
    assert (screened.value, screened.ci_low, screened.ci_high) == pytest.approx(
        (0.248, 0.154, 0.343), abs=6e-4
    )


def test_prevalence_that_cannot_be_told():
    data = pd.DataFrame({"gold": [1, 0, 1, 0, None], "code": [1, 1, 0, 0, 1]})
    with pytest.raises(StudyError, match="no better than chance"):
        prevalence(data, "gold", "code")
    with pytest.raises(StudyError, match=r"Found: '2, 2 and 0'"):
        prevalence(data.head(4), "gold", "code")
    with pytest.raises(StudyError, match="Did you mean 'gold'"):
        prevalence(data, "golden", "code")
