import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from pan_chen import PREDICTED, pan_chen
from study.errors import StudyError
from study.inference import dsl, ppi

FORMULA = "countyWrong ~ prefecWrong + connect2b"

PPI_PY = {
    ("mean", None): ([0.2376391737], [0.2030375847], [0.2722407627]),
    ("mean", 1): ([0.2416140351], [0.1937999745], [0.2894280957]),
    ("linear", None): (
        [0.1910729297, -0.1686405205, 0.1412537080],
        [0.1464418332, -0.2298284762, 0.0650544834],
        [0.2357040261, -0.1074525649, 0.2174529327],
    ),
    ("linear", 1): (
        [0.1906618139, -0.1730191484, 0.1444147410],
        [0.1343402979, -0.2409670411, 0.0418796900],
        [0.2469833298, -0.1050712557, 0.2469497920],
    ),
    ("linear", 0): (
        [0.1914062500, -0.1650904605, 0.1386908374],
        [0.1431663848, -0.2352514037, 0.0583229004],
        [0.2396461152, -0.0949295174, 0.2190587744],
    ),
    ("logit", None): (
        [-1.4679859466, -2.2084803287, 0.7847812410],
        [-1.8150433328, -3.6770203614, 0.2895881624],
        [-1.1209285604, -0.7399402960, 1.2799743195],
    ),
    ("logit", 1): (
        [-1.4715128559, -2.2209619767, 0.7916209104],
        [-1.8426010632, -3.8610819715, 0.2580757027],
        [-1.1004246486, -0.5808419820, 1.3251661180],
    ),
    ("logit", 0): (
        [-1.4408984952, -2.1700194191, 0.7331525153],
        [-1.7525861421, -4.1825644771, 0.3069519941],
        [-1.1292108483, -0.1574743611, 1.1593530365],
    ),
    ("poisson", None): (
        [-1.6756588140, -2.0202994462, 0.5839227190],
        [-1.9594944406, -3.4474952346, 0.2148714798],
        [-1.3918231873, -0.5931036578, 0.9529739581],
    ),
    ("poisson", 1): (
        [-1.6782701239, -2.0304452240, 0.5885377310],
        [-1.9801297823, -3.6111636836, 0.1941728999],
        [-1.3764104655, -0.4497267643, 0.9829025622],
    ),
}
"""Estimate, low and high (95%) from ppi-python 0.2.3 with Pan & Chen's hand codes, LLM codes and 912 units
without hand codes: ppi_{mean,ols,logistic,poisson}_pointestimate and _ci. Where lambda is tuned (None), the
interval is that of _ci with lam set to what _pointestimate tunes; _ci alone tunes it once more."""


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def corpus(n: int = 900, seed: int = 3, error: float = 0.5, bias: float = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    z = random.normal(size=n)
    y = 1 + 0.5 * z + random.normal(size=n)
    code = y + error * random.normal(size=n) + bias * (0.3 + 0.4 * z)
    data = pd.DataFrame({"z": z, "all_y": y, "code": code})
    data["y"] = data["all_y"].where(random.permutation(n) < n // 3)
    return data


@pytest.mark.parametrize(("family", "power_tuning"), list(PPI_PY))
def test_figures_are_those_of_the_authors_package(family, power_tuning):
    """To 2e-6: the package stops its searches a little before the root."""
    formula = "countyWrong ~ 1" if family == "mean" else FORMULA
    found = ppi(formula, pan_chen(), PREDICTED, family=family, power_tuning=power_tuning)
    estimate, low, high = PPI_PY[family, power_tuning]
    assert found.params.to_numpy() == pytest.approx(estimate, abs=2e-6)
    assert found.conf_int()[0].to_numpy() == pytest.approx(low, abs=2e-6)
    assert found.conf_int()[1].to_numpy() == pytest.approx(high, abs=2e-6)
    assert (found.nobs, found.n_labelled, found.estimator) == (1412, 500, "PPI++")


def test_lambda_can_be_tuned_for_a_term():
    found = ppi(FORMULA, pan_chen(), PREDICTED, tune_for="connect2b")
    assert found.power_tuning == pytest.approx(0.27136672, abs=1e-7)
    assert found.params.to_numpy() == pytest.approx([0.1912042348, -0.167242043, 0.140244114], abs=1e-8)


def test_without_tuning_the_interval_is_wider_than_with_gold_alone():
    """As published for these data: lambda = 1 costs precision, the tuned lambda does not."""
    width = {
        lam: np.ptp(ppi("countyWrong ~ 1", pan_chen(), PREDICTED, family="mean", power_tuning=lam).conf_int())
        for lam in (None, 0, 1)
    }
    assert width[None] < width[0] < width[1]


def test_a_mean_by_hand():
    data = pd.DataFrame({"y": [1.0, 0, 1, 0] + [np.nan] * 4, "code": [1, 1, 1, 0, 1, 0, 0, 0]})
    found = ppi("y ~ 1", data, {"y": "code"}, family="mean", power_tuning=1)
    # The codes of the others average 1/4; hand codes less codes are 0, -1, 0, 0. Variances 3/16 each, over 4.
    assert found.params["Intercept"] == pytest.approx(0.25 - 0.25)
    assert found.bse["Intercept"] == pytest.approx(np.sqrt(2 * 3 / 16 / 4))


def test_hand_codes_alone_are_the_plain_regression():
    data = corpus()
    found = ppi("y ~ z", data, {"y": "code"}, power_tuning=0)
    fit = smf.ols("y ~ z", data.dropna()).fit(cov_type="HC0")
    n = found.n_labelled
    assert found.params.to_numpy() == pytest.approx(fit.params.to_numpy())
    assert found.bse.to_numpy() == pytest.approx(fit.bse.to_numpy() * np.sqrt(n / (n - 1)))
    assert list(found.params.index) == list(fit.params.index)


def test_good_codes_count_and_useless_ones_do_not():
    good = ppi("y ~ z", corpus(9000, error=0.01, bias=0), {"y": "code"})
    noise = ppi("y ~ z", corpus().assign(code=np.random.default_rng(1).normal(size=900)), {"y": "code"})
    alone = ppi("y ~ z", corpus(), {"y": "code"}, power_tuning=0)
    # Perfect codes have lambda 1 / (1 + n / N), here 1 / (1 + 1 / 2).
    assert good.power_tuning == pytest.approx(2 / 3, abs=0.05)
    assert noise.power_tuning < 0.1
    assert noise.bse["z"] < 1.02 * alone.bse["z"]
    # As precise as if all 9,000 units had been coded by hand: 30 times as many as 300.
    assert good.bse["z"] == pytest.approx(alone.bse["z"] / np.sqrt(30), rel=0.1)


def test_equal_to_dsl_where_both_apply():
    data = pan_chen()
    one = ppi("countyWrong ~ 1", data, PREDICTED, family="mean")
    other = dsl("countyWrong ~ 1", data, PREDICTED, splits=3)
    assert one.params["Intercept"] == pytest.approx(other.params["Intercept"], abs=0.1 * one.bse["Intercept"])
    assert one.bse["Intercept"] == pytest.approx(other.bse["Intercept"], rel=0.05)


@pytest.mark.parametrize("family", ["linear", "logit"])
def test_unbiased_with_right_intervals(family):
    found, covered = [], []
    for seed in range(200):
        data = corpus(600, seed=seed)
        if family == "logit":
            chance = np.random.default_rng(seed).random(600)
            whole = (chance < 1 / (1 + np.exp(0.3 - 0.5 * data["z"]))).astype(float)
            data["code"] = np.where(chance < 0.7, whole, 1)  # the LLM finds too many
            data["y"] = whole.where(data["y"].notna())
        fit = ppi("y ~ z", data, {"y": "code"}, family=family)
        low, high = fit.conf_int().loc["z"]
        found.append(fit.params["z"])
        covered.append(low <= 0.5 <= high)
    assert np.mean(found) == pytest.approx(0.5, abs=3 * np.std(found) / np.sqrt(200))
    assert 180 <= np.sum(covered) <= 198


def test_a_weighted_mean_by_hand():
    data = pd.DataFrame({"y": [1.0, 0, 1, np.nan, np.nan, np.nan], "code": [1, 1, 1, 1, 0, 0]})
    data["w"] = [2, 1, 1, 1, 1, 2]
    found = ppi("y ~ 1", data, {"y": "code"}, family="mean", power_tuning=1, weights="w")
    # Hand codes less codes are 0, -1, 0 with weights 1/2, 1/4, 1/4; the others' codes have a mean of 1/4.
    assert found.params["Intercept"] == pytest.approx(0.25 - 0.25)
    # Squared weights times squared distances from the means, -1/4 and 1/4.
    own = (1 / 4) * (1 / 16) + (1 / 16) * (9 / 16) + (1 / 16) * (1 / 16)
    others = (1 / 16) * (9 / 16) + (1 / 16) * (1 / 16) + (1 / 4) * (1 / 16)
    assert found.bse["Intercept"] == pytest.approx(np.sqrt(own + others))


@pytest.mark.parametrize("family", ["mean", "linear", "logit"])
def test_weights_that_are_all_the_same_change_nothing(family):
    formula = "countyWrong ~ 1" if family == "mean" else FORMULA
    plain = ppi(formula, pan_chen(), PREDICTED, family=family)
    weighted = ppi(formula, pan_chen().assign(w=40), PREDICTED, family=family, weights="w")
    assert weighted.params.to_numpy() == pytest.approx(plain.params.to_numpy())
    assert weighted.bse.to_numpy() == pytest.approx(plain.bse.to_numpy())
    assert weighted.power_tuning == pytest.approx(plain.power_tuning)


@pytest.mark.parametrize("family", ["mean", "linear", "logit", "poisson"])
def test_weighted_coefficients_are_those_of_copies(family):
    data = pan_chen().assign(w=np.arange(1412) % 3 + 1)
    formula, options = "countyWrong ~ 1" if family == "mean" else FORMULA, {"power_tuning": 0.6}
    weighted = ppi(formula, data, PREDICTED, family=family, weights="w", **options)
    repeated = ppi(formula, data.loc[data.index.repeat(data["w"])], PREDICTED, family=family, **options)
    assert weighted.params.to_numpy() == pytest.approx(repeated.params.to_numpy(), abs=1e-8)


@pytest.mark.parametrize("power_tuning", [None, 1])
@pytest.mark.parametrize("family", ["mean", "linear", "logit"])
def test_weights_undo_a_sample_that_took_units_by_their_outcome(family, power_tuning):
    population = corpus(100_000, seed=8)
    if family == "logit":
        population["all_y"] = (population["all_y"] > 1).astype(float)
        population["code"] = (population["code"] > 1.2).astype(float)
    formula, term = ("y ~ 1", "Intercept") if family == "mean" else ("y ~ z", "z")
    whole = population.assign(y=population["all_y"])
    fitted = {"mean": smf.ols, "linear": smf.ols, "logit": smf.logit}[family](formula, whole)
    truth = fitted.fit(**({"disp": 0} if family == "logit" else {})).params[term]
    chance = np.where(population["all_y"] > 0.5, 0.009, 0.003)
    found, covered = [], []
    for seed in range(150):
        random = np.random.default_rng(seed)
        taken = random.random(len(population)) < chance
        sample = population[taken].assign(w=1 / chance[taken])
        sample["y"] = sample["all_y"].where(random.random(len(sample)) < 0.4)
        fit = ppi(formula, sample, {"y": "code"}, family=family, weights="w", power_tuning=power_tuning)
        low, high = fit.conf_int().loc[term]
        found.append(fit.params[term])
        covered.append(low <= truth <= high)
    assert np.mean(found) == pytest.approx(truth, abs=3 * np.std(found) / np.sqrt(150))
    assert 134 <= np.sum(covered) <= 149  # 142.5, standard deviation 2.7


def test_predicted_covariates_are_not_available():
    data = corpus().assign(gold_z=lambda d: d["z"].where(d["y"].notna()))
    sentence = r"PPI\+\+ is not available for a predicted covariate: it corrects the outcome alone"
    for predicted in ({"gold_z": "z"}, {"gold_z": "z", "y": "code"}):
        with pytest.raises(StudyError, match=sentence):
            ppi("y ~ gold_z", data, predicted)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"family": "probit"}, "no such family"),
        ({}, {"family": "mean"}, "outcome ~ 1"),
        ({}, {"family": "logit"}, "0 or 1"),
        ({}, {"power_tuning": 1.5}, "between 0 and 1"),
        ({}, {"tune_for": "zz"}, "Did you mean 'z'"),
        ({}, {"predicted": {"y": ["code", "z"]}}, "one column of codes"),
        ({"code": "yes"}, {}, "not numbers"),
        ({"code": np.nan}, {}, "900 units without code"),
        ({"y": 1.0}, {}, "the same in every"),
        ({"y": np.arange(900.0)}, {}, "too few without hand codes"),
        ({"z": 4.0}, {}, "constant, or a combination"),
        ({}, {"family": "ordered"}, "not available for an ordered logit|no such family"),
        ({"w": -1}, {"weights": "w"}, "negative"),
    ],
)
def test_what_cannot_be_used_is_said(change, options, message):
    data = corpus().assign(**change)
    with pytest.raises(StudyError, match=message):
        ppi(**({"formula": "y ~ z", "data": data, "predicted": {"y": "code"}} | options))
