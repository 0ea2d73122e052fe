import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from statsmodels.stats.power import normal_power

from pan_chen import FORMULA, PREDICTED, pan_chen
from study.errors import StudyError
from study.inference import dsl, effective_n, gold_only, planning_curve, ppi, smallest_n, standard_error_at
from study.inference.planning import power, scaled_probabilities
from study.inference.uncorrected import uncorrected

FAST = {"learner": LinearRegression(), "folds": 2, "splits": 1}


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


class CodeItself(RegressorMixin, BaseEstimator):
    """Expects the hand code to be the LLM's code: what is planned can be told by hand."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return X[:, 0]


def drawn(n: int, size: int, seed: int, design: str = "equal") -> pd.DataFrame:
    """A corpus whose LLM errs more where the outcome is high, with about `size` hand codes."""
    random = np.random.default_rng(seed)
    z = random.normal(size=n)
    x = (random.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    group = np.arange(n) // 10
    own = random.normal(size=group.max() + 1)[group] if design == "clusters" else 0
    y = -0.3 + 0.8 * x - 0.5 * z + own + random.normal(size=n)
    data = pd.DataFrame({"z": z, "x": x, "y": y, "group": group})
    data["code"] = np.where(random.random(n) < 0.1 + 0.1 * (y > 0), 1 - x, x)
    odds = np.where(z > 0.5, 1.0, 0.3) if design == "unequal" else np.ones(n)
    data["pi"] = scaled_probabilities(odds, size)
    data["gold"] = data["x"].where(random.random(n) < data["pi"])
    return data


def both(data: pd.DataFrame, design: str = "equal"):
    options = {"sampling_probability": "pi", "cluster": "group" if design == "clusters" else None}
    return (
        dsl("y ~ gold + z", data, {"gold": "code"}, **options, **FAST),
        gold_only("y ~ gold + z", data, {"gold": "code"}, **options),
    )


def test_a_mean_by_hand():
    data = pd.DataFrame({"code": [1.0, 2, 3, 4, 5] * 2, "gold": [1, 2, 2, 4, 5] + [np.nan] * 5})
    found = dsl("gold ~ 1", data, {"gold": "code"}, learner=CodeItself(), folds=2, splits=1)
    # Mean code 3; one of five hand codes is lower by 1: 2.8. The squares of what the units contribute less
    # that (one -1.8 instead of .2) add up to 23.6, over 10^2. The draw's part is (1 / .5)^2 / 10^2 = .2 / 5.
    assert found.bse["Intercept"] ** 2 == pytest.approx(0.236)
    errors = standard_error_at(found, [2, 5, 10])["Intercept"] ** 2
    assert errors.tolist() == pytest.approx([0.196 + 0.2 / 2, 0.196 + 0.2 / 5, 0.196 + 0.2 / 10])


def test_a_part_below_zero_is_taken_for_zero():
    data = pd.DataFrame({"code": [1.0, 0, 1, 1, 0, 0, 1, 0, 1, 0], "gold": [1, 0, 0, 1, 1] + [np.nan] * 5})
    found = dsl("gold ~ 1", data, {"gold": "code"}, learner=CodeItself(), folds=2, splits=1)
    # Two hand codes differ: the squares add up to 6.5, over 10^2; the draw's part would be .08 of .065.
    assert found.bse["Intercept"] ** 2 == pytest.approx(0.065)
    errors = standard_error_at(found, [2.5, 5, 10])["Intercept"] ** 2
    assert errors.tolist() == pytest.approx([0.13, 0.065, 0.0325])


def test_hand_codes_alone_are_as_precise_as_they_are_many():
    data = drawn(900, 200, 1)
    _, alone = both(data)
    errors = standard_error_at(alone, [50, 200, 800])
    for size, factor in ((50, 2), (200, 1), (800, 0.5)):
        assert errors.loc[size].to_numpy() == pytest.approx(alone.bse.to_numpy() * factor)


@pytest.mark.parametrize("design", ["equal", "unequal", "clusters"])
def test_the_present_sample_has_its_present_standard_errors(design):
    data = drawn(900, 250, 2, design)
    for found in both(data, design):
        now = standard_error_at(found, [data["pi"].sum()]).iloc[0]
        assert now.to_numpy() == pytest.approx(found.bse.to_numpy(), rel=1e-6)
        falling = standard_error_at(found, list(range(10, 901, 10)))
        assert (np.diff(falling.to_numpy(), axis=0) <= 1e-12).all()
    many = dsl("y ~ gold + z", data, {"gold": "code"}, sampling_probability="pi", splits=5)
    now = standard_error_at(many, [data["pi"].sum()]).iloc[0]
    assert now.to_numpy() == pytest.approx(many.bse.to_numpy(), rel=0.01)  # medians of sums, sums of medians


@pytest.mark.parametrize(("design", "size"), [("equal", 450), ("unequal", 400), ("clusters", 500)])
def test_what_is_planned_comes_true(design, size):
    """Standard errors planned from samples of 150 are the standard deviations over samples of `size`."""
    planned = {"DSL": [], "gold_only": []}
    for seed in range(40):
        for found in both(drawn(1000, 150, 10_000 + seed, design), design):
            planned[found.estimator].append(standard_error_at(found, [size])["gold"].iloc[0])
    estimates = {"DSL": [], "gold_only": []}
    for seed in range(300):
        for found in both(drawn(1000, size, seed, design), design):
            estimates[found.estimator].append(found.params["gold"])
    for estimator, values in estimates.items():
        # Over 1,000 samples they differ by -1% to 6%; the standard deviation of 300 is known to 4%.
        assert np.mean(planned[estimator]) == pytest.approx(np.std(values), rel=0.11)
    assert np.mean(planned["DSL"]) < 0.99 * np.mean(planned["gold_only"])


def test_with_everything_hand_coded_both_are_the_regression_of_all():
    planned, truth = [], []
    for seed in range(40):
        data = drawn(600, 150, seed)
        planned.append([standard_error_at(found, [600])["gold"].iloc[0] for found in both(data)])
        truth.append(uncorrected("y ~ x + z", data).bse["x"])
    assert np.mean(planned, axis=0) == pytest.approx(np.mean(truth), rel=0.03)


def test_plans_for_pan_and_chen():
    """Even with all 1,412 complaints hand-coded, an effect as small as the estimate would be missed."""
    found = dsl(FORMULA, pan_chen(), PREDICTED, family="logit")
    alone = gold_only(FORMULA, pan_chen(), PREDICTED, family="logit")
    assert smallest_n(found, "countyWrong", target_power=0.8) is None
    assert smallest_n(alone, "countyWrong", target_power=0.8) is None
    # For twice that effect the codes save a few dozen of the more than 700 that it takes.
    few, many = (smallest_n(fit, "countyWrong", target_power=0.8, effect=0.5) for fit in (found, alone))
    assert 700 < few < many < 900
    assert 510 < effective_n(500, alone.bse["countyWrong"], found.bse["countyWrong"]) < 560


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=40), st.floats(0.05, 1))
def test_scaled_probabilities(given_probabilities, share):
    probability = np.array(given_probabilities)
    n = share * len(probability)
    scaled = scaled_probabilities(probability, n)
    assert scaled.sum() == pytest.approx(n)
    assert (scaled <= 1).all()
    free = scaled < 1 - 1e-9
    if free.any():
        factors = scaled[free] / probability[free]
        assert factors == pytest.approx(factors[0])
        assert (probability[~free] * factors[0] >= 1 - 1e-6).all()


@pytest.mark.parametrize(("effect", "n", "alpha"), [(0.2, 100, 0.05), (-0.5, 30, 0.01), (0, 50, 0.05)])
def test_power_is_that_of_statsmodels(effect, n, alpha):
    assert power(effect, 1 / np.sqrt(n), alpha) == pytest.approx(normal_power(abs(effect), n, alpha))


def test_power_by_hand():
    # Four fifths: the effect is 1.96 + .8416 standard errors.
    assert power(2.8015852, 1.0) == pytest.approx(0.8, abs=1e-4)
    found, _ = both(drawn(900, 200, 3))
    curve = planning_curve(found, "gold", [100, 400], effect=0.3)
    expected = [float(power(0.3, error)) for error in curve["std_error"]]
    assert list(curve) == ["estimator", "term", "n_gold", "std_error", "effect", "power"]
    assert curve["power"].tolist() == pytest.approx(expected)
    assert planning_curve(found, "gold", [100])["effect"].tolist() == [found.params["gold"]]


@pytest.mark.parametrize("which", [0, 1])
def test_the_fewest_units_that_do(which):
    found = both(drawn(900, 200, 4))[which]
    n = smallest_n(found, "gold", std_error=0.1)
    below, at = standard_error_at(found, [n - 1, n])["gold"]
    assert at <= 0.1 < below
    n = smallest_n(found, "gold", target_power=0.8, effect=0.3)
    below, at = planning_curve(found, "gold", [n - 1, n], effect=0.3)["power"]
    assert below < 0.8 <= at
    assert smallest_n(found, "gold", std_error=0.01) is None
    assert smallest_n(found, "gold", target_power=0.99, effect=0.01) is None
    assert smallest_n(found, "gold", std_error=1e6) == 4


def test_effective_n():
    assert effective_n(100, 0.3, 0.15) == pytest.approx(400)
    found, alone = both(drawn(900, 200, 5))
    n = effective_n(alone.nobs, alone.bse["gold"], found.bse["gold"])
    assert n > 200
    equal = standard_error_at(alone, [n * data_share(alone)])["gold"].iloc[0]
    assert equal == pytest.approx(found.bse["gold"])
    with pytest.raises(StudyError, match="above 0"):
        effective_n(100, 0.0, 0.1)


def data_share(found) -> float:
    """The number drawn is near what was to be expected; plans count what is to be expected."""
    return found.hand_coding.probability.sum() / found.nobs


def test_what_cannot_be_planned_is_said():
    data = drawn(400, 100, 6)
    found, alone = both(data)
    with pytest.raises(StudyError, match=r"cannot be coded by hand.*401.*1 to 400"):
        standard_error_at(found, [401])
    with pytest.raises(StudyError, match="cannot be coded"):
        standard_error_at(found, [0])
    with pytest.raises(StudyError, match="Did you mean 'gold'"):
        planning_curve(found, "golds", [100])
    for targets in ({}, {"std_error": 0.1, "target_power": 0.8}):
        with pytest.raises(StudyError, match="one of the two"):
            smallest_n(found, "gold", **targets)
    with pytest.raises(StudyError, match="above 0"):
        smallest_n(found, "gold", std_error=0)
    with pytest.raises(StudyError, match="between the test's level and 1"):
        smallest_n(found, "gold", target_power=1)
    whole = data.assign(gold=data["x"])
    for other in (
        uncorrected("y ~ x", data),
        ppi("x ~ z", data.assign(x=data["gold"]), {"x": "code"}),
        dsl("y ~ gold", whole, {"gold": "code"}, sampling_probability=1),
    ):
        with pytest.raises(StudyError, match="not available for this result"):
            standard_error_at(other, [100])
    assert standard_error_at(gold_only("y ~ gold", whole, {"gold": "code"}), [100]).notna().all(axis=None)
    places = whole.assign(place=lambda d: d["group"].astype(str))
    fixed = gold_only("y ~ gold + place", places, {"gold": "code"}, cluster="group")
    with pytest.raises(StudyError, match="no standard error"):
        smallest_n(fixed, "Intercept", std_error=0.1)
    assert smallest_n(fixed, "gold", std_error=fixed.bse["gold"]) == 400
    assert alone.hand_coding is not None
